import ControlProtocol

/// What this program is called.
enum Product {
    static let name = "dvmsd \(ControlProduct.version)"
}

/// What this program is called.
enum Product {
    static let version = "0.1.0"
    static let name = "dvmsd \(version)"
}

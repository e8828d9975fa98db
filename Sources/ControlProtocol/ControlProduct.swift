/// What both ends of the control socket call themselves.
package enum ControlProduct {
    package static let version = "0.1.0"
}

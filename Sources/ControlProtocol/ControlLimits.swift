/// The bounds of what goes over the control socket.
package enum ControlLimits {
    /// The longest line either way, in bytes, its newline not counted.
    package static let lineBytesMax = 1 << 20
    /// The most keys of one request.
    package static let keysMax = 16
    /// The longest text in a request, in bytes: a name, an address.
    package static let textBytesMax = 1_024
    /// How many past events are told unless the request says otherwise.
    package static let eventsDefault = 200
    /// The most past events that one request can ask for.
    package static let eventsMax = 100_000
    /// The most events, and the most migrations, in one answer to `explain`: the newest of those there are, and
    /// fewer where they would not fit into a line.
    package static let explainedEventsMax = 1_000
    /// The greatest demand that can be injected, in millicores.
    package static let cpuMillicoresMax = 1_000_000
    /// The protocol's versions that this program speaks.
    package static let versions = 1...1
}

package import Basis
import Synchronization

/// Where a node's transport listens.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 or IPv6 address without brackets, or a host name.
    package var host: String
    /// 0 only where it means "any free port": in the address to listen on.
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[IPv6]:port`; nil when it is neither.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.count <= Self.hostBytesMax else { return nil }
        self.init(host: String(host), port: port)
    }

    /// The longest host name, in bytes (RFC 1035 §2.3.4).
    package static let hostBytesMax = 255

    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// The port through which a transport learns where a node is. Asked at each dial, so an address may change.
package protocol AddressBook: Sendable {
    /// Nil when nothing is known about `node`.
    func address(of node: NodeID) -> PeerAddress?
}

/// An ``AddressBook`` that is kept up to date from outside.
package final class AddressTable: AddressBook {
    private let addresses: Mutex<[NodeID: PeerAddress]>

    package init(_ addresses: [NodeID: PeerAddress] = [:]) {
        self.addresses = Mutex(addresses)
    }

    package func address(of node: NodeID) -> PeerAddress? {
        self.addresses.withLock { $0[node] }
    }

    /// From the next dial on, `node` is at `address`; nil forgets it.
    package func set(_ address: PeerAddress?, of node: NodeID) {
        self.addresses.withLock { $0[node] = address }
    }
}

package import Basis
package import NIOCore

/// Who this node is on the wire.
package struct TransportIdentity: Hashable, Sendable {
    package var node: NodeID
    /// The name of the cluster; nodes of different clusters do not talk, even with the same CA.
    package var cluster: String
    /// Counts the starts of this node's daemon: of two processes with one name the later start is believed.
    package var boot: UInt64

    package init(node: NodeID, cluster: String, boot: UInt64) {
        self.node = node
        self.cluster = cluster
        self.boot = boot
    }

    /// The longest cluster name, in bytes.
    package static let clusterBytesMax = 255
}

/// The first frame in each direction: identity belongs to the connection, not to the message.
package struct Hello: Hashable, Sendable {
    package var identity: TransportIdentity
    /// The oldest and the newest protocol that the sender speaks.
    package var protocolMin: UInt16
    package var protocolMax: UInt16

    package init(
        identity: TransportIdentity, protocolMin: UInt16 = Self.protocolMin, protocolMax: UInt16 = Self.protocolMax
    ) {
        self.identity = identity
        self.protocolMin = protocolMin
        self.protocolMax = protocolMax
    }

    /// What this code speaks.
    package static let protocolMin: UInt16 = 1
    package static let protocolMax: UInt16 = 1

    package func encoded() -> ByteBuffer {
        var writer = WireWriter(capacity: 64)
        writer.write(node: self.identity.node)
        writer.write(string: self.identity.cluster)
        writer.write(fixed64: self.identity.boot)
        writer.write(varint: UInt64(self.protocolMin))
        writer.write(varint: UInt64(self.protocolMax))
        return writer.finish()
    }

    package init(decoding body: ByteBuffer) throws(CodecError) {
        self = try WireReader.decode(body) { reader throws(CodecError) in
            let node = try reader.node()
            let cluster = try reader.string(maxBytes: TransportIdentity.clusterBytesMax)
            let boot = try reader.fixed64()
            let hello = Hello(
                identity: TransportIdentity(node: node, cluster: cluster, boot: boot),
                protocolMin: try reader.integer(), protocolMax: try reader.integer())
            try reader.taggedFields { _, field in field.skip() }
            return hello
        }
    }

    /// Whether this side talks with the one who said `peer`, and if not, why.
    ///
    /// - Parameters:
    ///   - meant: the node that was dialled; nil when the peer dialled.
    ///   - certificateNames: the DNS names in the peer's verified certificate; nil without TLS.
    package func refusal(of peer: Hello, meant: NodeID?, certificateNames: [String]?) -> HelloRefusal? {
        let (own, other) = (self.identity, peer.identity)
        guard own.cluster == other.cluster else { return .wrongCluster(theirs: other.cluster, ours: own.cluster) }
        guard peer.protocolMin <= self.protocolMax, self.protocolMin <= peer.protocolMax else {
            return .noCommonProtocol(theirs: peer.protocolMin...max(peer.protocolMin, peer.protocolMax))
        }
        if let certificateNames, !certificateNames.contains(other.node.name) {
            return .certificateOfAnother(node: other.node, names: certificateNames)
        }
        guard own.node != other.node else {
            return own.boot == other.boot ? .selfDial : .duplicateID(node: other.node, boot: other.boot)
        }
        if let meant, meant != other.node {
            return .notTheNodeMeant(meant: meant, is: other.node)
        }
        return nil
    }
}

/// Why a connection is refused after its hello.
package enum HelloRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case wrongCluster(theirs: String, ours: String)
    case noCommonProtocol(theirs: ClosedRange<UInt16>)
    /// The hello's name is none of those in the verified certificate.
    case certificateOfAnother(node: NodeID, names: [String])
    /// The address of the peer leads back to this process.
    case selfDial
    /// Another process bears our own name, or a peer's name with an earlier boot than the one we talk to.
    case duplicateID(node: NodeID, boot: UInt64)
    case notTheNodeMeant(meant: NodeID, is: NodeID)

    package var description: String {
        switch self {
        case .wrongCluster(let theirs, let ours): "it is of cluster \"\(theirs)\", we are of \"\(ours)\""
        case .noCommonProtocol(let theirs):
            """
            it speaks protocols \(theirs.lowerBound) to \(theirs.upperBound), \
            we speak \(Hello.protocolMin) to \(Hello.protocolMax)
            """
        case .certificateOfAnother(let node, let names):
            "it says it is \(node), but its certificate is for \(names.joined(separator: ", "))"
        case .selfDial: "the address leads back to this node"
        case .duplicateID(let node, let boot): "another process (boot \(boot)) bears the name \(node)"
        case .notTheNodeMeant(let meant, let actual): "\(actual) answers at the address of \(meant)"
        }
    }

    /// The longest explanation on the wire, in bytes.
    private static let reasonBytesMax = 1_024

    /// The body of the refusal frame with correlation 0: an explanation for the peer's log.
    package func encoded() -> ByteBuffer {
        var writer = WireWriter(capacity: 128)
        // A character cut in two becomes U+FFFD, which may be two bytes longer than what was left of it.
        writer.write(string: String(decoding: self.description.utf8.prefix(Self.reasonBytesMax - 2), as: UTF8.self))
        return writer.finish()
    }

    /// Reads what a peer said about refusing us; nil when it is unreadable.
    package static func reason(decoding body: ByteBuffer) -> String? {
        try? WireReader.decode(body) { reader throws(CodecError) in
            let reason = try reader.string(maxBytes: Self.reasonBytesMax)
            try reader.taggedFields { _, field in field.skip() }
            return reason
        }
    }
}

/// Which of two connections to one peer stays.
package enum DuplicateVerdict: Hashable, Sendable {
    /// The new one takes over; the old one ends what is under way on it and goes.
    case retireOld
    /// The old one stays; the new one ends what is under way on it and goes.
    case retireNew
    /// The old one is of an earlier life of the peer: nothing on it will ever be answered.
    case dropOld
    /// The new one is of an earlier life, or of a second process with the same name.
    case refuseNew

    /// One end of a connection as the rule sees it.
    package struct Candidate: Hashable, Sendable {
        package var peerBoot: UInt64
        package var dialledByUs: Bool

        package init(peerBoot: UInt64, dialledByUs: Bool) {
            self.peerBoot = peerBoot
            self.dialledByUs = dialledByUs
        }
    }

    /// Both sides decide alike without asking: the connection dialled by the lower id stays. Of two dialled by the
    /// same node the later stays, because who dials again has lost the former.
    package init(old: Candidate, new: Candidate, local: NodeID, peer: NodeID) {
        guard new.peerBoot == old.peerBoot else {
            self = new.peerBoot > old.peerBoot ? .dropOld : .refuseNew
            return
        }
        let lowerIsLocal = local < peer
        let newIsLower = new.dialledByUs == lowerIsLocal
        let oldIsLower = old.dialledByUs == lowerIsLocal
        self = oldIsLower && !newIsLower ? .retireNew : .retireOld
    }
}

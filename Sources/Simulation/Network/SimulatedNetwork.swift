package import Basis
package import NIOCore
/// The network between the nodes of a ``World``: who can reach whom, how fast, and what goes wrong.
///
/// Each node is attached with its process and gets a ``SimulatedTransport``. Messages that arrive run in the receiver's
/// process, so that a paused node takes nothing in and a crashed one answers nothing. A crashed process leaves a host
/// that refuses connections; an unplugged node is silence.
///
/// Safe because it is used on the world's thread only (`confine`).
package final class SimulatedNetwork: @unchecked Sendable {
    package let world: World

    /// How links are that have no quality of their own.
    package var defaultQuality: LinkQuality

    /// Called for each reply that came when nobody waited any more, outside of every process.
    package var onUnusedReply: (@Sendable (UnusedReply) -> Void)?

    /// Called for each message when it is sent and again for each copy that arrives, before the receiver sees it.
    package var onMessage: (@Sendable (SeenMessage) -> Void)?

    private var generator: SplitMix64
    private var nodes: [NodeID: Node] = [:]
    private var links: [Link: LinkState] = [:]
    private var splits: [(id: SplitID, split: NetworkSplit)] = []
    private var nextSplit: UInt64 = 0

    private struct Node {
        var transport: SimulatedTransport
        var isPlugged = true
    }

    private struct LinkState {
        var quality: LinkQuality?
        var counters = LinkCounters()
        /// When the last message arrives that is on its way.
        var lastArrival = MonotonicInstant.zero
    }

    package init(world: World, quality: LinkQuality = .local) {
        world.confine()
        self.world = world
        self.defaultQuality = quality
        self.generator = world.makeGenerator()
        // Transports know their network, and the network them.
        world.atEnd { self.dissolve() }
    }

    private func dissolve() {
        let nodes = self.nodes
        self.nodes = [:]
        self.links = [:]
        self.onUnusedReply = nil
        self.onMessage = nil
        // In any order: nothing can be observed of a world that is over.
        for node in nodes.values { node.transport.dissolve() }
    }

    /// Connects `node`, which runs in `process` and reads its deadlines on `time`.
    ///
    /// Attaching a node again is how its next process comes back: the former one's transport is closed.
    package func attach(_ node: NodeID, process: SimulatedProcess, time: SkewedTime) -> SimulatedTransport {
        self.world.confine()
        if let former = self.nodes[node]?.transport, former.process.state != .crashed { former.close() }
        let transport = SimulatedTransport(network: self, node: node, process: process, time: time)
        self.nodes[node, default: Node(transport: transport)].transport = transport
        return transport
    }

    /// The same, with a clock without error.
    package func attach(_ node: NodeID, process: SimulatedProcess) -> SimulatedTransport {
        self.attach(node, process: process, time: SkewedTime(self.world.time))
    }

    // MARK: Faults

    /// Gives the link from `sender` to `receiver` a quality of its own; nil gives it the default one again.
    package func setQuality(_ quality: LinkQuality?, from sender: NodeID, to receiver: NodeID) {
        self.world.confine()
        self.links[Link(from: sender, to: receiver), default: LinkState()].quality = quality
    }

    /// Cuts the network until ``heal(_:)``. What is on its way over the cut is lost. Splits add up.
    @discardableResult
    package func split(_ split: NetworkSplit) -> SplitID {
        self.world.confine()
        let id = SplitID(number: self.nextSplit)
        self.nextSplit += 1
        self.splits.append((id, split))
        self.world.record("split", ["split": .number(Int64(id.number)), "sets": .text(split.description)])
        return id
    }

    /// Takes back one split. Does nothing when it is healed already.
    package func heal(_ id: SplitID) {
        self.world.confine()
        guard let index = self.splits.firstIndex(where: { $0.id == id }) else { return }
        self.splits.remove(at: index)
        self.world.record("heal", ["split": .number(Int64(id.number))])
    }

    package func healAll() {
        for (id, _) in self.splits { self.heal(id) }
    }

    /// Pulls the plug of a node's network, or puts it back in. Nothing gets in or out, and nobody is told.
    package func setPlugged(_ isPlugged: Bool, _ node: NodeID) {
        self.world.confine()
        precondition(self.nodes[node] != nil, "\(node) is not attached")
        self.nodes[node]?.isPlugged = isPlugged
        self.world.record(isPlugged ? "plug" : "unplug", ["node": .node(node)])
    }

    /// Whether a message sent now from one node to the other could arrive.
    package func isOpen(from sender: NodeID, to receiver: NodeID) -> Bool {
        guard sender != receiver else { return true }
        guard self.nodes[sender]?.isPlugged ?? false, self.nodes[receiver]?.isPlugged ?? false else { return false }
        return !self.splits.contains { $0.split.cuts(from: sender, to: receiver) }
    }

    // MARK: Figures

    package func counters(from sender: NodeID, to receiver: NodeID) -> LinkCounters {
        self.links[Link(from: sender, to: receiver)]?.counters ?? LinkCounters()
    }

    /// Over all links.
    package var totals: LinkCounters {
        // Sums do not depend on the order of the links.
        self.links.values.reduce(LinkCounters()) { $0 + $1.counters }
    }

    // MARK: Carrying messages

    /// The transport of a node; nil when there is no such node.
    func transport(of node: NodeID) -> SimulatedTransport? {
        self.nodes[node]?.transport
    }

    /// Sends one message on its way: `arrive` is called once for each copy that gets there, outside of every process.
    func carry(_ message: Message, arrive: @escaping @Sendable () -> Void) {
        let link = Link(from: message.from, to: message.to)
        var state = self.links[link] ?? LinkState()
        defer { self.links[link] = state }
        state.counters.sent += 1
        state.counters.bytesSent += message.bytes
        self.trace(message.kind.rawName, message)
        self.show(message, .sent)
        guard link.from != link.to else {
            self.deliver(message, over: link, at: self.world.now, arrive)
            return
        }
        guard self.isOpen(from: link.from, to: link.to) else {
            state.counters.cut += 1
            self.trace("cut", message)
            return
        }
        let quality = state.quality ?? self.defaultQuality
        if quality.isDrawn(quality.lossPerMillion, using: &self.generator) {
            state.counters.lost += 1
            self.trace("lost", message)
            return
        }
        var copies = 1
        if quality.isDrawn(quality.duplicationPerMillion, using: &self.generator) {
            copies = 2
            state.counters.duplicated += 1
        }
        for _ in 0..<copies {
            var instant = self.world.now + quality.drawTime(using: &self.generator)
            if quality.keepsOrder {
                instant = max(instant, state.lastArrival)
                state.lastArrival = instant
            }
            self.deliver(message, over: link, at: instant, arrive)
        }
    }

    private func deliver(
        _ message: Message, over link: Link, at instant: MonotonicInstant, _ arrive: @escaping @Sendable () -> Void
    ) {
        self.world.schedule(at: instant) {
            guard self.isOpen(from: link.from, to: link.to) else {
                self.links[link]?.counters.cut += 1
                self.trace("cut", message)
                return
            }
            self.links[link]?.counters.delivered += 1
            self.links[link]?.counters.bytesDelivered += message.bytes
            self.show(message, .arrived)
            arrive()
        }
    }

    private func show(_ message: Message, _ moment: SeenMessage.Moment) {
        guard let onMessage = self.onMessage, message.kind != .oneWay, let body = message.body else { return }
        onMessage(
            SeenMessage(
                moment: moment, isRequest: message.kind == .request, from: message.from, to: message.to,
                requesterBoot: message.requesterBoot, number: message.number, body: body))
    }

    func trace(_ kind: StaticString, _ message: Message) {
        self.world.record(
            kind,
            [
                "from": .node(message.from), "to": .node(message.to), "number": .number(Int64(message.number)),
                "bytes": .count(message.bytes), "digest": .number(message.digest),
            ])
    }
}

/// One direction between two nodes.
private struct Link: Hashable {
    var from: NodeID
    var to: NodeID
}

/// What the network knows of a message.
struct Message: Sendable {
    enum Kind: Sendable {
        case request
        case reply
        case failure
        case oneWay

        var rawName: StaticString {
            switch self {
            case .request: "request"
            case .reply: "reply"
            case .failure: "failure"
            case .oneWay: "one-way"
            }
        }
    }

    var kind: Kind
    var from: NodeID
    var to: NodeID
    /// Of the process that asks; 0 for a one-way message.
    var requesterBoot: UInt64
    /// The requester's count of requests; a reply bears its request's number.
    var number: UInt64
    var body: ByteBuffer?
    var bytes: Int
    /// Of the body, so that traces differ where only contents do.
    var digest: Int64

    init(
        _ kind: Kind, from sender: NodeID, to receiver: NodeID, requesterBoot: UInt64, number: UInt64, body: ByteBuffer?
    ) {
        self.kind = kind
        self.from = sender
        self.to = receiver
        self.requesterBoot = requesterBoot
        self.number = number
        self.body = body
        self.bytes = body?.readableBytes ?? 0
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        body?.withUnsafeReadableBytes { bytes in
            for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        self.digest = Int64(bitPattern: digest)
    }
}

/// A request or a reply as one sees it who watches every link. Failures and one-way messages are not shown.
package struct SeenMessage: Sendable {
    package enum Moment: Hashable, Sendable {
        case sent
        case arrived
    }

    package var moment: Moment
    /// False for a reply.
    package var isRequest: Bool
    package var from: NodeID
    package var to: NodeID
    /// With the requester's name and ``number`` it names the request, for the request and for its reply.
    package var requesterBoot: UInt64
    package var number: UInt64
    package var body: ByteBuffer
}

/// A reply that came when nobody waited for it any more.
package struct UnusedReply: Sendable {
    package var from: NodeID
    package var to: NodeID
    package var body: ByteBuffer
}

/// Names one split.
package struct SplitID: Hashable, Sendable {
    fileprivate var number: UInt64
}

/// Two sets of nodes of which one, or neither, reaches the other.
package struct NetworkSplit: Hashable, Sendable, CustomStringConvertible {
    package enum Direction: Hashable, Sendable {
        /// Only what the first set sends is lost.
        case oneWay
        case bothWays
    }

    package let first: Set<NodeID>
    package let second: Set<NodeID>
    package let direction: Direction

    package init(_ first: [NodeID], from second: [NodeID], _ direction: Direction = .bothWays) {
        self.first = Set(first)
        self.second = Set(second)
        self.direction = direction
    }

    func cuts(from sender: NodeID, to receiver: NodeID) -> Bool {
        if self.first.contains(sender), self.second.contains(receiver) { return true }
        return self.direction == .bothWays && self.second.contains(sender) && self.first.contains(receiver)
    }

    package var description: String {
        let arrow = self.direction == .oneWay ? "-/->" : "<-/->"
        return [self.first, self.second].map { set in
            "{" + set.sorted().map(\.name).joined(separator: ",") + "}"
        }.joined(separator: arrow)
    }
}

package import Basis
import NIOCore

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
    /// How links between two sites are that have no quality of their own; nil for ``defaultQuality``.
    package var qualityBetweenSites: LinkQuality?
    /// The same between two racks of one site.
    package var qualityBetweenRacks: LinkQuality?
    /// Where nodes are that are attached from now on; those that are not named are at site 0.
    package var sites: [NodeID: Int] = [:]
    /// In which rack they are, of all racks of all sites; those that are not named are in rack 0.
    package var racks: [NodeID: Int] = [:]

    /// Called for each reply that came when nobody waited any more, outside of every process.
    package var onUnusedReply: (@Sendable (UnusedReply) -> Void)?

    /// Asked about each message between two nodes that an open link is about to carry; nil leaves it to the link.
    package var decideFate: (@Sendable (CarriedMessage) -> MessageFate?)?
    /// Called for each message when it is sent and again for each copy that arrives, before the receiver sees it.
    package var onMessage: (@Sendable (SeenMessage) -> Void)?

    /// False where nobody asks for them link by link, as in large experiments: every two nodes that ever spoke make two.
    package var countsLinks = true

    private var generator: SplitMix64
    private var ports: [NodeID: Port] = [:]
    /// Of links that have one of their own.
    private var qualities: [Link: LinkQuality] = [:]
    private var counters: [Link: LinkCounters] = [:]
    private var total = LinkCounters()
    private var lastArrivals = LastArrivals()
    private var splits: [(id: SplitID, split: NetworkSplit)] = []
    private var nextSplit: UInt64 = 0

    /// Where a node is plugged in. Safe because it is used on the world's thread only.
    final class Port: @unchecked Sendable {
        let node: NodeID
        let number: Int
        let site: Int
        let rack: Int
        fileprivate(set) var transport: SimulatedTransport?
        fileprivate(set) var isPlugged = true
        /// What its links take longer than by their quality, each way.
        fileprivate(set) var delay = Duration.zero

        fileprivate init(_ node: NodeID, number: Int, site: Int, rack: Int) {
            self.node = node
            self.number = number
            self.site = site
            self.rack = rack
        }
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
        let ports = self.ports
        self.ports = [:]
        self.counters = [:]
        self.onUnusedReply = nil
        self.decideFate = nil
        self.onMessage = nil
        // In any order: nothing can be observed of a world that is over.
        for port in ports.values {
            port.transport?.dissolve()
            port.transport = nil
        }
    }

    /// Connects `node`, which runs in `process` and reads its deadlines on `time`.
    ///
    /// Attaching a node again is how its next process comes back: the former one's transport is closed.
    package func attach(_ node: NodeID, process: SimulatedProcess, time: SkewedTime) -> SimulatedTransport {
        self.world.confine()
        let port =
            self.ports[node]
            ?? Port(node, number: self.ports.count, site: self.sites[node] ?? 0, rack: self.racks[node] ?? 0)
        self.ports[node] = port
        if let former = port.transport, former.process.state != .crashed { former.close() }
        let transport = SimulatedTransport(network: self, port: port, process: process, time: time)
        port.transport = transport
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
        guard let from = self.ports[sender], let to = self.ports[receiver] else {
            preconditionFailure("\(sender) and \(receiver) are to be attached first")
        }
        self.qualities[Link(from, to)] = quality
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
        guard let port = self.ports[node] else { preconditionFailure("\(node) is not attached") }
        port.isPlugged = isPlugged
        self.world.record(isPlugged ? "plug" : "unplug", ["node": .node(node)])
    }

    /// Lets each message that `node` sends or is sent take so much longer; zero makes its links as they were.
    package func setDelay(_ delay: Duration, of node: NodeID) {
        self.world.confine()
        guard let port = self.ports[node] else { preconditionFailure("\(node) is not attached") }
        precondition(delay >= .zero, "time on a link is positive")
        guard port.delay != delay else { return }
        port.delay = delay
        self.world.record("delay", ["node": .node(node), "ns": .number(delay.inNanoseconds)])
    }

    /// Whether a message sent now from one node to the other could arrive.
    package func isOpen(from sender: NodeID, to receiver: NodeID) -> Bool {
        guard let from = self.ports[sender], let to = self.ports[receiver] else { return sender == receiver }
        return self.isOpen(from, to)
    }

    private func isOpen(_ sender: Port, _ receiver: Port) -> Bool {
        guard sender !== receiver else { return true }
        guard sender.isPlugged, receiver.isPlugged else { return false }
        return !self.splits.contains { $0.split.cuts(from: sender.node, to: receiver.node) }
    }

    // MARK: Figures

    package func counters(from sender: NodeID, to receiver: NodeID) -> LinkCounters {
        guard let from = self.ports[sender], let to = self.ports[receiver] else { return LinkCounters() }
        return self.counters[Link(from, to)] ?? LinkCounters()
    }

    /// Over all links.
    package var totals: LinkCounters { self.total }

    private func count(_ link: Link, _ change: (inout LinkCounters) -> Void) {
        change(&self.total)
        if self.countsLinks { change(&self.counters[link, default: LinkCounters()]) }
    }

    // MARK: Carrying messages

    /// Where a node is plugged in; nil when there is no such node.
    func port(of node: NodeID) -> Port? { self.ports[node] }

    /// Sends one message on its way: `arrive` is called once for each copy that gets there, outside of every process.
    func carry(
        _ message: Message, from sender: Port, to receiver: Port, arrive: @escaping @Sendable () -> Void
    ) {
        let link = Link(sender, receiver)
        self.count(link) {
            $0.sent += 1
            $0.bytesSent += message.bytes
        }
        self.trace(message.kind.rawName, message)
        self.show(message, .sent)
        let way = Way(link: link, sender: sender, receiver: receiver, arrive: arrive)
        guard sender !== receiver else { return self.deliver(message, on: way, at: self.world.now) }
        guard self.isOpen(sender, receiver) else {
            self.count(link) { $0.cut += 1 }
            self.trace("cut", message)
            return
        }
        let quality = self.quality(of: link, from: sender, to: receiver)
        if let fate = self.fate(of: message) {
            self.carry(message, on: way, quality, fate)
            return
        }
        if quality.isDrawn(quality.lossPerMillion, using: &self.generator) {
            self.count(link) { $0.lost += 1 }
            self.trace("lost", message)
            return
        }
        var copies = 1
        if quality.isDrawn(quality.duplicationPerMillion, using: &self.generator) {
            copies = 2
            self.count(link) { $0.duplicated += 1 }
        }
        for _ in 0..<copies { self.deliver(message, on: way, at: self.arrival(on: way, quality)) }
    }

    private func quality(of link: Link, from sender: Port, to receiver: Port) -> LinkQuality {
        if !self.qualities.isEmpty, let own = self.qualities[link] { return own }
        if sender.site != receiver.site { return self.qualityBetweenSites ?? self.defaultQuality }
        if sender.rack != receiver.rack { return self.qualityBetweenRacks ?? self.defaultQuality }
        return self.defaultQuality
    }

    /// The way of one message.
    private struct Way {
        var link: Link
        var sender: Port
        var receiver: Port
        var arrive: @Sendable () -> Void

        /// What a message takes longer than by the link's quality.
        var delay: Duration { self.sender.delay + self.receiver.delay }
    }

    /// When a message arrives that is sent now.
    private func arrival(on way: Way, _ quality: LinkQuality) -> MonotonicInstant {
        let instant = self.world.now + quality.drawTime(using: &self.generator) + way.delay
        return quality.keepsOrder ? self.lastArrivals.next(on: way.link, at: instant, now: self.world.now) : instant
    }

    private func fate(of message: Message) -> MessageFate? {
        guard let decideFate = self.decideFate, let body = message.body else { return nil }
        return decideFate(
            CarriedMessage(from: message.from, to: message.to, isRequest: message.kind != .reply, body: body))
    }

    private func carry(_ message: Message, on way: Way, _ quality: LinkQuality, _ fate: MessageFate) {
        switch fate {
        case .lost:
            self.count(way.link) { $0.lost += 1 }
            self.trace("lost", message)
        case .late(let delay):
            let instant = self.world.now + quality.drawTime(using: &self.generator) + way.delay + delay
            self.deliver(message, on: way, at: instant)
        case .doubled(let delay):
            self.count(way.link) { $0.duplicated += 1 }
            let instant = self.arrival(on: way, quality)
            self.deliver(message, on: way, at: instant)
            self.deliver(message, on: way, at: instant + delay)
        }
    }

    private func deliver(_ message: Message, on way: Way, at instant: MonotonicInstant) {
        self.world.schedule(at: instant) {
            guard self.isOpen(way.sender, way.receiver) else {
                self.count(way.link) { $0.cut += 1 }
                self.trace("cut", message)
                return
            }
            self.count(way.link) {
                $0.delivered += 1
                $0.bytesDelivered += message.bytes
            }
            self.show(message, .arrived)
            way.arrive()
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

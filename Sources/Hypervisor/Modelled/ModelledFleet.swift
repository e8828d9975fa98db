package import Basis
import Placement

/// All modelled hosts of one process, and the links between them.
///
/// It has no thread and no timer of its own. Somebody runs ``run()``, or sets a clock by ``nextDeadline`` and calls
/// ``catchUp()``. Messages between hosts arrive at once and in order; only memory takes time.
package actor ModelledFleet {
    /// One ``ModelledDriver``, from its making to its close.
    struct SessionID: Hashable, Sendable {
        var number: UInt64
    }

    enum MigrationUpdate: Sendable {
        case progress(MigrationProgress)
        case ended(Answer)
    }

    struct Answer: Sendable {
        var reply: ModelledReply
        var delay: Duration
    }

    /// A class, so that a question to one host does not take its whole state out of the table and put it back.
    private final class Host {
        var state: ModelledHostState
        var isUp = true

        init(state: ModelledHostState) { self.state = state }
    }

    private struct MigrateCall {
        var session: SessionID
        var node: NodeID
        var updates: AsyncStream<MigrationUpdate>.Continuation
    }

    private struct StreamEnd: Hashable {
        var node: NodeID
        var stream: ModelledStreamID
    }

    /// Two hosts that cannot reach each other; which is named first does not matter.
    private struct Cut: Hashable {
        var nodes: Set<NodeID>
    }

    package nonisolated let time: any TimeSource
    private nonisolated let executor: any SerialExecutor
    private var hosts: [NodeID: Host] = [:]
    private var nodesByEndpoint: [MigrationEndpoint: NodeID] = [:]
    /// The drivers of each host that are not closed, oldest first.
    private var sessions: [NodeID: [(id: SessionID, feed: HypervisorEventFeed)]] = [:]
    private var streams: [StreamEnd: StreamEnd] = [:]
    private var cuts: Set<Cut> = []
    private var calls: [ModelledCallID: MigrateCall] = [:]
    private var answers: [ModelledCallID: Answer] = [:]
    private var deadlines = DeadlineQueue()
    private var work: [(node: NodeID, event: ModelledEvent)] = []
    private var numbers: UInt64 = 0
    private var alarm: AsyncStream<Void>.Continuation?
    private var armed: [MonotonicInstant] = []
    private var watcher: (@Sendable ([ModelledHostView]) -> Void)?
    private var shown: [NodeID: ModelledHostView] = [:]

    /// - Parameter executor: what the hosts run on. Not what their callers run on: a host goes on when its agent does not.
    package init(time: any TimeSource, executor: any SerialExecutor) {
        self.time = time
        self.executor = executor
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    // MARK: Hosts

    /// Adds a host that is up and runs `guests`. Its name and endpoint must be new, and its guests sound.
    package func add(_ settings: ModelledHostSettings, running guests: [ModelledGuest] = []) {
        precondition(self.hosts[settings.node] == nil, "there is a host \(settings.node) already")
        precondition(self.nodesByEndpoint[settings.endpoint] == nil, "\(settings.endpoint.uri) is taken")
        self.hosts[settings.node] = Host(state: ModelledHostState(settings, at: self.time.now))
        self.nodesByEndpoint[settings.endpoint] = settings.node
        for guest in guests {
            if case .failure(let error) = self.askNow(.boot(guest), of: settings.node).reply {
                preconditionFailure("\(guest.vm) cannot be started on \(settings.node): \(error)")
            }
        }
    }

    /// A new driver of `node`, as the daemon of that node would open it. `time` is that daemon's own clock.
    package func driver(for node: NodeID, time: (any TimeSource)? = nil) -> ModelledDriver {
        precondition(self.hosts[node] != nil, "there is no host \(node)")
        let session = SessionID(number: self.nextNumber())
        let feed = HypervisorEventFeed()
        self.sessions[node, default: []].append((session, feed))
        return ModelledDriver(node: node, time: time ?? self.time, fleet: self, session: session, feed: feed)
    }

    /// Power failure: every guest of `node` is gone at once, and the other ends of its streams break.
    package func crash(_ node: NodeID) {
        guard self.hosts[node]?.isUp == true else { return }
        self.hosts[node]?.isUp = false
        self.deadlines.set(nil, for: node)
        for end in self.streams.keys.filter({ $0.node == node }).sorted(by: Self.inOrder) {
            self.breakStream(end, reason: "\(node) is down")
        }
        for (id, call) in self.calls.sorted(by: { $0.key.number < $1.key.number }) where call.node == node {
            self.endCall(id, .failure(.unreachable("\(node) is down")))
        }
        self.announce(.disconnected, on: node)
        self.drain()
        self.show([node])
    }

    /// Starts a crashed host again: what ran on it is shut off.
    package func reboot(_ node: NodeID) {
        guard let host = self.hosts[node], !host.isUp else { return }
        self.hosts[node] = Host(state: host.state.rebooted(at: self.time.now))
        self.announce(.connected, on: node)
    }

    /// Cuts or mends the link between two hosts. Streams over a cut link break.
    package func setLink(between first: NodeID, and second: NodeID, isCut: Bool) {
        let cut = Cut(nodes: [first, second])
        guard isCut else {
            self.cuts.remove(cut)
            return
        }
        self.cuts.insert(cut)
        let broken = self.streams.filter { Cut(nodes: [$0.key.node, $0.value.node]) == cut }.keys
        for end in broken.sorted(by: Self.inOrder) {
            self.deliver(.streamBroken(end.stream, reason: "the link is cut"), to: end.node)
            self.streams[end] = nil
        }
        self.drain()
    }

    /// The domains of every host that is up, for whoever judges a simulation.
    package func inventory() -> [NodeID: [ModelledDomainListing]] {
        self.hosts.keys.sorted().reduce(into: [:]) { listings, node in
            guard self.hosts[node]?.isUp == true,
                case .domains(let domains) = self.askNow(.listDomains, of: node).reply
            else { return }
            listings[node] = domains
        }
    }

    /// Every migration of which data flows now, by source.
    package func flows() -> [ModelledFlow] {
        self.hosts.keys.sorted().flatMap { node in
            guard let host = self.hosts[node], host.isUp else { return [ModelledFlow]() }
            return host.state.flows
        }
    }

    /// How many guests each host that is up expects.
    package func openTickets() -> [NodeID: Int] {
        self.hosts.filter(\.value.isUp).mapValues(\.state.tickets.count)
    }

    /// Shows `watcher` every host now, and from now on those that have changed, within the turn that changed them and
    /// when all that follows at that instant has happened.
    package func watch(_ watcher: @escaping @Sendable ([ModelledHostView]) -> Void) {
        self.watcher = watcher
        self.shown = [:]
        self.show(self.hosts.keys.sorted())
    }

    private func show(_ nodes: [NodeID]) {
        guard let watcher = self.watcher else { return }
        var changed: [ModelledHostView] = []
        for node in nodes {
            guard let host = self.hosts[node] else { continue }
            let view = host.isUp ? host.state.view : ModelledHostView(node: node)
            guard self.shown[node] != view else { continue }
            self.shown[node] = view
            changed.append(view)
        }
        if !changed.isEmpty { watcher(changed) }
    }

    // MARK: Time

    /// When something happens next by itself; nil when nothing is under way.
    package var nextDeadline: MonotonicInstant? { self.deadlines.earliest }

    /// Carries out everything that is due.
    package func catchUp() {
        while let node = self.deadlines.takeDue(at: self.time.now) {
            self.deliver(.timePassed, to: node)
            self.drain()
        }
    }

    /// Keeps time for all hosts until the task is cancelled. Without it, migrations stand still.
    package func run() async {
        precondition(self.alarm == nil, "a fleet has one clock")
        let (signals, alarm) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.alarm = alarm
        alarm.yield()
        let time = self.time
        await withDiscardingTaskGroup { group in
            for await _ in signals {
                // Only for a deadline before all that are slept for; a sleeper whose deadline has moved wakes for nothing.
                guard let next = self.deadlines.earliest, self.armed.allSatisfy({ next < $0 }) else { continue }
                self.armed.append(next)
                group.addTask {
                    do { try await time.sleep(until: next) } catch { return }
                    await self.rang(at: next)
                }
            }
            group.cancelAll()
        }
        self.armed = []
        self.alarm = nil
    }

    private func rang(at deadline: MonotonicInstant) {
        self.armed.removeAll { $0 == deadline }
        self.catchUp()
        self.alarm?.yield()
    }

    // MARK: Calls of the drivers

    func ask(_ request: ModelledRequest, of node: NodeID, in session: SessionID) -> Answer {
        guard self.isOpen(session, of: node) else {
            return Answer(reply: .failure(.unreachable("the driver of \(node) is closed")), delay: .zero)
        }
        return self.askNow(request, of: node)
    }

    func presence(
        of vm: VMID, at endpoint: MigrationEndpoint, askedBy asker: NodeID
    ) throws(HypervisorError) -> DomainPresence {
        guard let node = self.nodesByEndpoint[endpoint], !self.cuts.contains(Cut(nodes: [asker, node])) else {
            throw .unreachable("no way from \(asker) to \(endpoint.uri)")
        }
        switch self.askNow(.presence(vm), of: node).reply {
        case .presence(let presence): return presence
        case .failure(let error): throw error
        case .done, .host, .sample, .domains: throw .failed("\(node) answered something else")
        }
    }

    func migrate(
        _ order: MigrationOrder, from node: NodeID, in session: SessionID
    ) -> AsyncStream<MigrationUpdate> {
        // A slow reader loses reports, never the end, which is the newest.
        let (updates, continuation) = AsyncStream.makeStream(
            of: MigrationUpdate.self, bufferingPolicy: .bufferingNewest(8))
        let call = ModelledCallID(number: self.nextNumber())
        self.calls[call] = MigrateCall(session: session, node: node, updates: continuation)
        if !self.isOpen(session, of: node) {
            self.endCall(call, .failure(.unreachable("the driver of \(node) is closed")))
        } else if self.hosts[node]?.isUp != true {
            self.endCall(call, .failure(.unreachable("\(node) is down")))
        } else {
            self.deliver(.request(.migrate(order), call), to: node)
            self.drain()
        }
        return updates
    }

    func end(_ session: SessionID, of node: NodeID) {
        self.sessions[node]?.removeAll { $0.id == session }
        for (id, call) in self.calls.sorted(by: { $0.key.number < $1.key.number }) where call.session == session {
            self.endCall(id, .failure(.unreachable("the driver of \(call.node) was closed")))
        }
    }

    private func askNow(_ request: ModelledRequest, of node: NodeID) -> Answer {
        guard let host = self.hosts[node], host.isUp else {
            return Answer(reply: .failure(.unreachable("\(node) is down")), delay: .zero)
        }
        if let seen = host.state.look(request) { return Answer(reply: seen.reply, delay: seen.delay) }
        let call = ModelledCallID(number: self.nextNumber())
        self.deliver(.request(request, call), to: node)
        self.drain()
        guard let answer = self.answers.removeValue(forKey: call) else {
            preconditionFailure("every request but migrate is answered at once")
        }
        return answer
    }

    // MARK: Events and effects

    private func deliver(_ event: ModelledEvent, to node: NodeID) {
        self.work.append((node, event))
    }

    /// Hands out events until none is left, first come first served, within one turn of the actor.
    private func drain() {
        var next = 0
        var touched: [NodeID] = []
        while next < self.work.count {
            let (node, event) = self.work[next]
            next += 1
            if self.watcher != nil, !event.onlyLooks, !touched.contains(node) { touched.append(node) }
            guard let host = self.hosts[node], host.isUp else { continue }
            for effect in host.state.handle(event, at: self.time.now) { self.carryOut(effect, of: node) }
            self.deadlines.set(host.state.nextDeadline, for: node)
        }
        self.work.removeAll(keepingCapacity: true)
        self.show(touched)
        if let earliest = self.deadlines.earliest, self.armed.allSatisfy({ earliest < $0 }) { self.alarm?.yield() }
    }

    private func carryOut(_ effect: ModelledEffect, of node: NodeID) {
        switch effect {
        case .reply(let reply, let call, let delay):
            if self.calls[call] == nil {
                self.answers[call] = Answer(reply: reply, delay: delay)
            } else {
                self.endCall(call, reply, after: delay)
            }
        case .progress(let progress, let call):
            self.calls[call]?.updates.yield(.progress(progress))
        case .open(let stream, let endpoint):
            self.connect(StreamEnd(node: node, stream: stream), to: endpoint)
        case .send(let message, let stream):
            guard let peer = self.streams[StreamEnd(node: node, stream: stream)] else { return }
            self.deliver(.received(message, peer.stream), to: peer.node)
        case .close(let stream):
            self.breakStream(StreamEnd(node: node, stream: stream), reason: "\(node) closed it")
        case .announce(let event):
            self.announce(event, on: node)
        }
    }

    private func connect(_ end: StreamEnd, to endpoint: MigrationEndpoint) {
        guard let peer = self.nodesByEndpoint[endpoint], self.hosts[peer]?.isUp == true,
            !self.cuts.contains(Cut(nodes: [end.node, peer]))
        else {
            self.deliver(.streamBroken(end.stream, reason: "no way to \(endpoint.uri)"), to: end.node)
            return
        }
        let other = StreamEnd(node: peer, stream: .incoming(self.nextNumber()))
        self.streams[end] = other
        self.streams[other] = end
        self.deliver(.streamOpened(end.stream), to: end.node)
    }

    /// Takes a stream away and tells the other end.
    private func breakStream(_ end: StreamEnd, reason: String) {
        guard let peer = self.streams.removeValue(forKey: end) else { return }
        self.streams[peer] = nil
        self.deliver(.streamBroken(peer.stream, reason: reason), to: peer.node)
    }

    private func endCall(_ id: ModelledCallID, _ reply: ModelledReply, after delay: Duration = .zero) {
        guard let call = self.calls.removeValue(forKey: id) else { return }
        call.updates.yield(.ended(Answer(reply: reply, delay: delay)))
        call.updates.finish()
    }

    private func announce(_ event: HypervisorEvent, on node: NodeID) {
        for session in self.sessions[node] ?? [] { session.feed.announce(event) }
    }

    private func isOpen(_ session: SessionID, of node: NodeID) -> Bool {
        self.sessions[node]?.contains { $0.id == session } ?? false
    }

    private func nextNumber() -> UInt64 {
        self.numbers += 1
        return self.numbers
    }

    private static func inOrder(_ left: StreamEnd, _ right: StreamEnd) -> Bool {
        switch (left.stream, right.stream) {
        case (.incoming(let a), .incoming(let b)): a < b
        case (.outgoing(let a), .outgoing(let b)): (a, left.node) < (b, right.node)
        case (.incoming, .outgoing): true
        case (.outgoing, .incoming): false
        }
    }
}

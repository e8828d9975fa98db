package import Basis
import OrderedCollections
package import Hypervisor
package import Logging
package import NIOCore
import Placement
package import Transport

/// The agent of one node: it answers for its node, watches its load, and runs the ISPs that its node starts.
///
/// It owns one of each deciding value (`Reservation`, `Membership`, `LoadMonitor`, `MoveHistory`, `TriggerWatch`) and
/// changes them only between awaits. Every task it needs is a child of ``run()``; the ISP is one of them. The
/// executor is passed in: the connections' event loop under `dvmsd`, the simulated process otherwise.
package actor NodeAgent {
    /// Everything outside the agent.
    package struct Ports: Sendable {
        package var transport: any MessageTransport
        package var hypervisor: any HypervisorDriver
        package var time: any TimeSource
        package var store: any AgentStore
        package var events: any AgentEventSink
        package var solver: any PartitionSolver
        package var executor: any SerialExecutor
        package var members: (any MemberObserver)?

        package init(
            transport: any MessageTransport, hypervisor: any HypervisorDriver, time: any TimeSource,
            store: any AgentStore, events: any AgentEventSink, solver: any PartitionSolver,
            executor: any SerialExecutor, members: (any MemberObserver)? = nil
        ) {
            self.transport = transport
            self.hypervisor = hypervisor
            self.time = time
            self.store = store
            self.events = events
            self.solver = solver
            self.executor = executor
            self.members = members
        }
    }

    package nonisolated let id: NodeID
    nonisolated let boot: UInt64
    nonisolated let ports: Ports
    var settings: AgentSettings
    var generator: SplitMix64

    // What decides.
    var reservation: Reservation
    var membership: Membership
    var monitor: LoadMonitor
    var moves: MoveHistory
    var watch: TriggerWatch

    // What this node is and was told.
    var host: HostDescription?
    var hypervisorIsAway = true
    var marks = AgentMarks()
    var isLeaving = false
    /// Lamport clock: the latest birth seen anywhere.
    var latestBirth: UInt64 = 0
    var revisionBase: UInt64 = 0

    // What is under way.
    var ownISP: RunningISP?
    var ispsStarted: UInt64 = 0
    /// ISPs of this node whose task has ended but whose releases are not all answered.
    var finishing: Set<ISPID> = []
    /// Releases that are neither answered nor given up.
    var openReleases = 0
    /// Who is to be told when an ISP of this node is over.
    var waiters: [ISPID: Set<NodeID>] = [:]
    var outgoing: [ActionID: OutgoingFlight] = [:]
    var incoming: [ActionID: IncomingFlight] = [:]
    /// The number of the last ticket. A hypervisor may outlive its agent, so numbers of another boot are not used again.
    var lastTicket: UInt64
    /// Tickets of flights that have ended, which the hypervisor may still honour.
    var ticketsToVoid: [MigrationTicket] = []
    /// Handovers whose outcome somebody may still ask for.
    var handovers: [HandoverKey: HandoverRecord] = [:]
    /// Those of them that have ended here as arrivals, in the order in which they did.
    var settledArrivals: [ActionID] = []
    /// Those that are over and that the store would not forget, with their guests.
    var unforgotten: [HandoverKey: VMID] = [:]
    /// Whether what an earlier boot wrote down is known.
    var journalIsRead = false
    /// Closed when it is, or never will be.
    let journalBell = Bell()
    var inDoubt: [VMID: InDoubt] = [:]
    /// Plans that wait for the operator, the last of each trigger class.
    var recommendations: [ISPID: Recommendation] = [:]
    /// Reservations asked for whose answer is still awaited, by node.
    var awaitedReserves: [NodeID: Int] = [:]
    /// Triggers that the operator made up; each ends with the ISP that it starts.
    var injected: Set<TriggerClass> = []
    /// Rung when the ISP that a trigger waits for may be over.
    var winnerBells: [TriggerClass: Bell] = [:]

    // What the membership machine asked for.
    var membershipWakeAt = MonotonicInstant.distantFuture
    /// When the task that keeps the membership wakes if nobody rings; zero while it does not sleep.
    var membershipSleepsUntil = MonotonicInstant.zero
    var relays: [Membership.RelayID: CheckedContinuation<MembershipReply, Never>] = [:]
    var departures: [CheckedContinuation<Void, Never>] = []
    /// Since when each member is confirmed dead or has left.
    var deadSince: [NodeID: MonotonicInstant] = [:]

    nonisolated let work = WorkQueue()
    let monitorBell = Bell()
    let membershipBell = Bell()
    let log: Logger

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.ports.executor.asUnownedSerialExecutor()
    }

    /// `boot` must never be used again by this node (PROTOCOL.md §2). `seed` feeds jitter and back-offs.
    package init(
        membership: Membership, boot: UInt64, settings: AgentSettings, ports: Ports, seed: UInt64, log: Logger
    ) {
        precondition(settings.timings.violations.isEmpty, "timings that break the protocol must be refused before")
        self.id = membership.local.id
        self.boot = boot
        self.ports = ports
        self.settings = settings
        self.generator = SplitMix64(seed: seed)
        self.reservation = Reservation(
            node: membership.local.id, boot: boot, lease: settings.timings.lease,
            incomingMax: settings.migration.incomingMax, outgoingMax: settings.migration.outgoingMax)
        self.membership = membership
        self.monitor = LoadMonitor(settings: settings.triggers)
        self.moves = MoveHistory(settings: settings.migration)
        self.watch = TriggerWatch(settings: settings.triggers)
        self.lastTicket = boot &<< 32
        self.log = log
    }

    /// Lives until ``stop()`` or cancellation. Answers requests from the first moment on.
    package func run() async {
        await withTaskCancellationHandler {
            await self.live()
        } onCancel: {
            self.endWaits()
        }
    }

    private func live() async {
        self.tell(.agentStarted(boot: self.boot))
        await withDiscardingTaskGroup { group in
            group.addTask { await self.recover() }
            group.addTask { await self.watchHypervisor() }
            group.addTask { await self.watchLoad() }
            group.addTask { await self.keepMembership() }
            group.addTask { await self.settleDoubts() }
            while let jobs = await self.work.next(on: self.ports.time) {
                for job in jobs {
                    group.addImmediateTask {
                        // Named, so that the task is the agent's from its first step, and changes no executor.
                        _ = self
                        await job()
                    }
                }
            }
            group.cancelAll()
            self.endWaits()
        }
    }

    /// Lets the tasks go that live as long as the agent and wait without an eye on their cancellation.
    private nonisolated func endWaits() {
        self.work.close()
        self.monitorBell.close()
        self.membershipBell.close()
        self.journalBell.close()
    }

    /// Ends what runs here in good order: own ISP cancelled and its nodes released, own outgoing copies aborted,
    /// goodbye said to the ring. Returns when that is done or `grace` is over; ``run()`` then returns.
    package func stop(grace: Duration) async {
        await self.leave(grace: grace)
        self.work.finish()
    }

    // MARK: - Small things everything here uses

    var now: MonotonicInstant { self.ports.time.now }

    /// Adds a task that outlives the caller but not the agent: releases, flights and the ISP itself must go on when
    /// the task that ordered them is cancelled.
    func spawn(_ job: @escaping WorkQueue.Job) {
        self.work.add(job)
    }

    func tell(_ event: AgentEvent) {
        self.ports.events.record(event, at: self.now)
    }

    /// Tells the journal which grants began and ended in this turn.
    func tellTransitions() {
        for transition in self.reservation.takeTransitions() {
            switch transition {
            case .granted(let token): self.tell(.nodeGranted(token))
            case .ended(let token, let ending): self.tell(.nodeEnded(token, ending))
            }
        }
    }

    /// Asks another agent, or this one, once. Nil is silence: nobody knows whether it acted.
    func ask(_ node: NodeID, _ request: Request, timeout: Duration? = nil) async -> Reply? {
        if node == self.id { return await self.handle(request, from: node) }
        let timeout = timeout ?? self.settings.timings.requestTimeout
        let body = await self.exchange(MessageCodec.encode(request), with: node, timeout: timeout)
        return body.flatMap { self.read($0, from: node) }
    }

    /// Sends another agent the bytes of a request, and returns those of its reply; nil is silence.
    ///
    /// Bytes, because a task keeps on the heap what it holds while it waits, and each agent waits so once each second.
    func exchange(_ body: ByteBuffer, with node: NodeID, timeout: Duration) async -> ByteBuffer? {
        do {
            return try await self.ports.transport.request(
                body, to: node, service: .agents, deadline: self.now + timeout)
        } catch {
            self.log.debug("no reply", metadata: ["node": "\(node)", "error": "\(error)"])
            return nil
        }
    }

    /// What a reply says; one that cannot be read is as good as none.
    func read(_ body: ByteBuffer, from node: NodeID) -> Reply? {
        do throws(CodecError) { return try MessageCodec.decodeReply(body) } catch {
            self.log.warning(
                "a reply could not be read", metadata: ["node": "\(node)", "error": "\(error)"])
            return nil
        }
    }

    /// A new birth: later than all seen, and at least the wall clock, so that old triggers go first.
    func newBirth() -> UInt64 {
        self.latestBirth = max(self.latestBirth + 1, self.ports.time.wallClockMilliseconds)
        return self.latestBirth
    }
}

extension NodeAgent: RequestHandler {
    /// Under `dvmsd` the transport asks on the agent's own executor, and most requests are answered in that very call.
    package nonisolated func answer(_ body: ByteBuffer, from node: NodeID) -> Answer {
        let request: Request
        do throws(CodecError) {
            request = try MessageCodec.decodeRequest(body)
        } catch {
            self.log.warning("refused a malformed request", metadata: ["node": "\(node)", "error": "\(error)"])
            return .now(nil)
        }
        switch self.ifIsolated(on: self.ports.executor, (request, node), { $0.begin($1.0, from: $1.1) }) {
        case .done(let reply): return .now(MessageCodec.encode(reply))
        case .waits(let work): return .later { MessageCodec.encode(await work()) }
        case nil: return .later { MessageCodec.encode(await self.handle(request, from: node)) }
        }
    }

    /// All messages of the ring are requests; a one-way message is nothing that an agent sends.
    package func take(_ body: ByteBuffer, from node: NodeID) async {
        self.log.warning("dropped a one-way message", metadata: ["node": "\(node)"])
    }
}

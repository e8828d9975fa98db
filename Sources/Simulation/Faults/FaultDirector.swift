import Basis
import ClusterActors
import Hypervisor
import Placement

/// Lets one seed's workload and faults happen to a ring, in their order, and then makes all well.
///
/// Safe because a world runs on one thread.
final class FaultDirector: @unchecked Sendable {
    let ring: RingWorld
    let watch: InvariantWatch
    /// How messages fare while things go wrong.
    let quality: LinkQuality
    var generator: SplitMix64
    /// An operator's way to each host.
    private(set) var operators: [NodeID: ModelledDriver] = [:]
    var hypervisorFaults: [NodeID: ModelledFaults] = [:]
    private(set) var failingStores: Set<NodeID> = []
    /// Those whose agents are saying goodbye.
    var departing: Set<NodeID> = []
    /// Those that have not struck.
    var ambushes: [FaultPlan.Ambush] = []
    /// When the run began.
    private(set) var began = MonotonicInstant.zero
    /// Whether nothing may go wrong any more.
    private(set) var isCalm = false
    private let campaign: FaultCampaign
    private let workload: Workload
    private let plan: FaultPlan
    /// What each guest does before it is made to do more.
    private(set) var usual: [VMID: Workload.Guest] = [:]
    /// What is still to be done, by time; what is due at one time, in the order in which it was entered.
    private var agenda: [(at: MonotonicInstant, act: @Sendable () async throws -> Void)] = []

    init(
        _ ring: RingWorld, _ watch: InvariantWatch, _ campaign: FaultCampaign, _ course: FaultCourse,
        using generator: inout SplitMix64
    ) async throws {
        self.ring = ring
        self.watch = watch
        self.campaign = campaign
        self.workload = course.workload
        self.plan = course.plan
        self.quality = self.plan.quality
        self.generator = generator.split()
        ring.clocks = Self.drawClocks(of: ring, using: &generator)
        for (index, node) in ring.nodes.enumerated() { try await self.addHost(node, self.workload.guests[index]) }
        try await watch.watch(ring)
        for node in ring.nodes {
            try await ring.start(node)
            ring.members[node]?.store.beforeAccess = self.slowStore(of: node, using: &generator)
        }
    }

    /// Clocks that drift as much as the settings tolerate and were started at some time in the past.
    private static func drawClocks(of ring: RingWorld, using generator: inout SplitMix64) -> [NodeID: SkewedTime] {
        let driftMax = ring.settings.timings.clockDriftPartsPerMillion
        var clocks: [NodeID: SkewedTime] = [:]
        for node in ring.nodes {
            let start = MonotonicInstant(nanoseconds: Int64.random(in: 0...1 << 50, using: &generator))
            clocks[node] = SkewedTime(
                ring.world.time, start: start, driftPerMillion: Int.random(in: -driftMax...driftMax, using: &generator),
                wallClockAheadMilliseconds: Int64.random(in: -5_000...5_000, using: &generator))
        }
        return clocks
    }

    private func addHost(_ node: NodeID, _ guests: [Workload.Guest]) async throws {
        var running: [ModelledGuest] = []
        for (index, guest) in guests.enumerated() {
            let vm = VMID(stringLiteral: "\(node)-vm\(index + 1)")
            self.usual[vm] = guest
            running.append(
                ModelledGuest(
                    vm: vm, demand: Resources(cpuMillicores: guest.cpuMillicores, memoryMiB: guest.memoryMiB),
                    dirtyMiBPerSecond: guest.dirtyMiBPerSecond))
        }
        try await self.ring.addHost(
            ModelledHostSettings(node: node, capacity: RingWorld.capacity), running: running)
        let fleet = self.ring.fleet
        self.operators[node] = try await self.ring.hosts.run { await fleet.driver(for: node) }
    }

    /// Each access takes some milliseconds, within which anything may happen, or fails as long as the plan says so.
    private func slowStore(
        of node: NodeID, using generator: inout SplitMix64
    ) -> @Sendable () async throws -> Void {
        let pace = StorePace(generator: generator.split())
        let time = self.ring.world.time
        return { [weak self] in
            try await time.sleep(for: .microseconds(pace.next()))
            if self?.failingStores.contains(node) == true { throw StoreFault() }
        }
    }

    // MARK: - The run

    func direct() async throws {
        let start = self.ring.world.now
        self.began = start
        self.ambushes = self.plan.ambushes
        self.watch.onFact = { [weak self] in self?.spring(at: $0) }
        self.ring.network.defaultQuality = self.quality
        self.watch.take(.network(isClean: self.quality == .local))
        for entry in self.workload.entries {
            self.enter(at: start + entry.at) { try await self.begin(entry.act, for: entry.lasts) }
        }
        for entry in self.plan.entries {
            self.enter(at: start + entry.at) {
                try await self.begin(entry.fault, on: self.draw(entry.aim), for: entry.lasts)
            }
        }
        try await self.work(until: start + self.campaign.faultTime)
        try await self.calm()
        try await self.ring.sleep(self.campaign.calmTime)
    }

    func enter(at instant: MonotonicInstant, _ act: @escaping @Sendable () async throws -> Void) {
        let index = self.agenda.firstIndex { $0.at > instant } ?? self.agenda.endIndex
        self.agenda.insert((instant, act), at: index)
    }

    /// Enters the end of something that begins now.
    func enter(after duration: Duration, _ act: @escaping @Sendable () async throws -> Void) {
        self.enter(at: self.ring.world.now + duration, act)
    }

    /// Ambushes enter what is due soon: it looks again after this time.
    private static let lookInterval = Duration.milliseconds(20)

    private func work(until end: MonotonicInstant) async throws {
        while self.ring.world.now < end {
            while let next = self.agenda.first, next.at <= self.ring.world.now {
                self.agenda.removeFirst()
                try await next.act()
            }
            let next = self.agenda.first.map(\.at) ?? end
            try await self.ring.world.time.sleep(until: min(next, end, self.ring.world.now + Self.lookInterval))
        }
        self.agenda = []
    }

    /// From now on nothing goes wrong any more, and nobody wants more than usual.
    private func calm() async throws {
        self.isCalm = true
        self.watch.onFact = nil
        self.ring.network.healAll()
        self.ring.network.defaultQuality = .local
        self.failingStores = []
        for node in self.ring.nodes {
            self.ring.network.setPlugged(true, node)
            self.ring.network.setDelay(.zero, of: node)
            try await self.setFaults(ModelledFaults(), on: node)
            try await self.mend(node)
            self.goOn(node)
            if self.departing.contains(node), let process = self.ring.members[node]?.process {
                self.end(node, process)
            }
            if self.ring.members[node]?.process.state == .crashed { try await self.ring.start(node) }
            self.tell(node) { _ = await $0.undrain() }
        }
        for vm in self.usual.keys.sorted() { try await self.makeUsual(vm) }
        self.watch.take(.network(isClean: true))
    }

    func setStoreFails(_ fails: Bool, of node: NodeID) {
        if fails { self.failingStores.insert(node) } else { self.failingStores.remove(node) }
    }

    // MARK: - The workload

    private func begin(_ act: Workload.Act, for duration: Duration) async throws {
        switch act {
        case .overload(let index, let cpuMillicores):
            try await self.overload(self.ring.nodes[index], cpuMillicores, for: duration)
        case .flap(let index, let cpuMillicores, let period):
            try await self.flap(
                self.ring.nodes[index], cpuMillicores, period, until: self.ring.world.now + duration)
        case .drain(let index):
            let node = self.ring.nodes[index]
            self.tell(node) { _ = await $0.drain() }
            self.enter(after: duration) { self.tell(node) { _ = await $0.undrain() } }
        case .injectUnderload(let index):
            self.tell(self.ring.nodes[index]) { _ = await $0.injectUnderload() }
        case .injectOverload(let index):
            self.tell(self.ring.nodes[index]) { _ = await $0.injectOverload() }
        }
    }

    /// Lets the guests of a node want so much together, each in proportion to what it usually wants.
    private func overload(_ node: NodeID, _ cpuMillicores: Int, for duration: Duration) async throws {
        let vms = self.watch.sight.guests(on: node)
        let sum = vms.reduce(0) { $0 + (self.usual[$1]?.cpuMillicores ?? 0) }
        guard sum > 0 else { return }
        for vm in vms {
            guard let guest = self.usual[vm] else { continue }
            try await self.setDemand(of: vm, cpuMillicores: guest.cpuMillicores * cpuMillicores / sum)
        }
        self.enter(after: duration) { for vm in vms { try await self.makeUsual(vm) } }
    }

    private func flap(
        _ node: NodeID, _ cpuMillicores: Int, _ period: Duration, until end: MonotonicInstant
    ) async throws {
        guard self.ring.world.now < end else { return }
        try await self.overload(node, cpuMillicores, for: period)
        self.enter(after: period * 2) { try await self.flap(node, cpuMillicores, period, until: end) }
    }

    /// Says something to an agent that is up, without waiting for it.
    private func tell(_ node: NodeID, _ words: @escaping @Sendable (NodeAgent) async -> Void) {
        guard let member = self.ring.members[node], member.process.state != .crashed else { return }
        let agent = member.agent
        member.process.start { await words(agent) }
    }

    func makeUsual(_ vm: VMID) async throws {
        guard let guest = self.usual[vm] else { return }
        try await self.setDemand(
            of: vm, cpuMillicores: guest.cpuMillicores, dirtyMiBPerSecond: guest.dirtyMiBPerSecond)
    }

    /// - Parameter dirtyMiBPerSecond: nil leaves it as it is.
    func setDemand(of vm: VMID, cpuMillicores: Int, dirtyMiBPerSecond: Int? = nil) async throws {
        guard let node = self.watch.sight.host(of: vm), let host = self.operators[node] else { return }
        // Between two hosts a guest is on neither for a moment, as far as an operator sees; it keeps what it wanted.
        try await self.ring.hosts.run {
            try? await host.setDemand(of: vm, cpuMillicores: cpuMillicores, dirtyMiBPerSecond: dirtyMiBPerSecond)
        }
    }
}

/// How long each access to a store takes. Safe because a world runs on one thread.
private final class StorePace: @unchecked Sendable {
    private static let microsecondsMax = 20_000
    private var generator: SplitMix64

    init(generator: SplitMix64) {
        self.generator = generator
    }

    func next() -> Int {
        Int.random(in: 1...Self.microsecondsMax, using: &self.generator)
    }
}

private struct StoreFault: Error, CustomStringConvertible {
    var description: String { "the disk refuses it" }
}

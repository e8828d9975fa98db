import Basis
import ClusterActors
import Hypervisor
import Placement

/// How a central scheduler works.
struct CentralPolicy: Hashable, Sendable {
    enum Rhythm: Hashable, Sendable {
        case every(Duration)
        /// As soon as a host tells that it is overloaded; hosts look each second.
        case onOverload
    }

    /// How long it thinks about one plan.
    enum Pace: Hashable, Sendable {
        /// Our solver's steps, each so long as one takes a processor.
        case ownSolver
        /// Entropy 2.1 until its first plan. Measured: 0.52, 1.4 and 4.1 s for 128, 256 and 512 nodes of ten VMs.
        case entropyFirstPlan
        /// Entropy as published: it goes on looking for a better plan, and finds none, until its time is up.
        case entropyTimeLimit
    }

    var rhythm: Rhythm
    var pace: Pace

    func thinkingTime(nodes: Int, steps: Int) -> Duration {
        switch self.pace {
        case .ownSolver:
            return .nanoseconds(steps * TimedSolver.nanosecondsPerStep)
        case .entropyFirstPlan:
            // Through the measured ends: 0.52 s × (nodes/128)^1.49; 1.46 s at 256. Straight between two doublings.
            var seconds = 0.52
            var size = Double(nodes) / 128
            while size >= 2 {
                seconds *= 2.81
                size /= 2
            }
            while size < 1 {
                seconds /= 2.81
                size *= 2
            }
            return .nanoseconds(Int64(seconds * (1 + (size - 1) * 1.81) * 1e9))
        case .entropyTimeLimit:
            return .seconds(nodes) / 8
        }
    }
}

/// A modelled central scheduler, the baseline: one controller reads all hosts, plans for all, has the plan carried out
/// and only then looks again. Source: Entropy, as VMPlaceS drives it.
///
/// It never fails, and its messages are never lost: more than a real one could say of itself.
struct CentralScheduler: Sendable {
    /// What the controller computes to take one host's report in: decoding ten guests takes 11 µs, a request through the
    /// transport 40 µs.
    static let reportCost = Duration.microseconds(50)
    private static let pollInterval = Duration.seconds(1)
    private static let consolidationInterval = Duration.seconds(30)
    private static let stepsMax = 50_000_000

    private let policy: CentralPolicy
    /// Whether it empties nodes as well.
    private let consolidates: Bool
    private let demandPersistencePercent: Int
    private let ring: RingWorld
    private let shape: FleetShape
    private let fleet: MeasuredFleet
    private let recorder: ExperimentRecorder
    private let drivers: [NodeID: ModelledDriver]

    init(
        _ policy: CentralPolicy, consolidates: Bool, demandPersistencePercent: Int, _ ring: RingWorld,
        _ shape: FleetShape, _ fleet: MeasuredFleet, _ recorder: ExperimentRecorder
    ) async throws {
        self.policy = policy
        self.consolidates = consolidates
        self.demandPersistencePercent = demandPersistencePercent
        self.ring = ring
        self.shape = shape
        self.fleet = fleet
        self.recorder = recorder
        let modelled = ring.fleet
        self.drivers = try await ring.hosts.run { [nodes = ring.nodes] in
            var drivers: [NodeID: ModelledDriver] = [:]
            for node in nodes { drivers[node] = await modelled.driver(for: node) }
            return drivers
        }
    }

    /// Until it is cancelled.
    func run() async throws {
        var sequence: UInt64 = 0
        while !Task.isCancelled {
            try await self.waitForTurn()
            sequence += 1
            try await self.round(sequence)
        }
    }

    private func waitForTurn() async throws {
        switch self.policy.rhythm {
        case .every(let interval):
            try await self.ring.sleep(interval)
        case .onOverload:
            // Nobody tells that a node has little to do, so that is looked for now and then.
            let lookAt = self.consolidates ? self.ring.world.now + Self.consolidationInterval : .distantFuture
            repeat {
                try await self.ring.sleep(Self.pollInterval)
            } while !self.fleet.meter.hasViolation && self.ring.world.now < lookAt
        }
    }

    private func round(_ sequence: UInt64) async throws {
        let began = self.ring.world.now
        let problem = try await self.collect()
        let report = try RepairSolver.solve(problem, budget: SolverBudget(stepsMax: Self.stepsMax), seed: sequence)
        guard let (plan, planned) = Self.plan(of: report.outcome) else { return }
        try await self.ring.sleep(
            self.policy.thinkingTime(nodes: self.shape.nodes, steps: report.stepsUsed))
        let decided = self.ring.world.now - began
        let moved = await self.carryOut(plan, sequence)
        var summary = ISPSummary(
            key: ISPKey(
                triggerClass: .overload, birth: sequence,
                isp: ISPID(node: self.ring.nodes[0], boot: 1, sequence: sequence)),
            outcome: moved == plan.migrations.count ? planned : .improved(remaining: "a migration failed"))
        summary.duration = self.ring.world.now - began
        summary.timeToPlan = decided
        summary.membersPeak = self.shape.nodes
        summary.messages = self.shape.nodes + plan.migrations.count
        summary.migrations = moved
        self.recorder.take(.ispEnded(summary))
    }

    /// - Returns: what to do, and how the round ends once all of it is done; nil where nothing can be done.
    private static func plan(of outcome: SolverOutcome) -> (ReconfigurationPlan, Outcome)? {
        switch outcome {
        case .plan(let plan, _): (plan, .solved)
        case .improved(let plan, let remaining, _): (plan, .improved(remaining: "\(remaining.count) obstacles stay"))
        case .alreadyViable, .impossible, .gaveUp, .cancelled: nil
        }
    }

    /// Reads every host, one after the other: when the last is read, the first is known as it was at the beginning.
    private func collect() async throws -> PlacementProblem {
        var nodes: [Node] = []
        var vms: [VirtualMachine] = []
        var mapping = Mapping()
        for id in self.ring.nodes {
            guard let driver = self.drivers[id] else { continue }
            nodes.append(
                Node(
                    id: id, capacity: self.shape.capacity, reserved: self.shape.reserved, linkMbps: self.shape.linkMbps)
            )
            let sample = try await self.ring.hosts.run { try await driver.sample() }
            for domain in sample.domains {
                vms.append(
                    VirtualMachine(
                        id: domain.vm, demand: domain.demand ?? .zero, dirtyMiBPerSecond: domain.dirtyMiBPerSecond))
                mapping[domain.vm] = id
            }
            try await self.ring.sleep(Self.reportCost)
        }
        return PlacementProblem(
            nodes: nodes, vms: vms, mapping: mapping, policy: self.consolidates ? .consolidate : .repair,
            demandPersistencePercent: self.demandPersistencePercent)
    }

    /// - Returns: how many migrations of the plan succeeded.
    private func carryOut(_ plan: ReconfigurationPlan, _ sequence: UInt64) async -> Int {
        var (begun, moved) = (0, 0)
        for step in plan.steps {
            moved += await self.carryOut(step, firstNumber: sequence << 16 + UInt64(begun))
            begun += step.count
        }
        return moved
    }

    /// - Returns: how many migrations of the step succeeded.
    private func carryOut(_ step: [Migration], firstNumber: UInt64) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for (index, migration) in step.enumerated() {
                group.addTask { await self.carryOut(migration, number: firstNumber + UInt64(index)) }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    private func carryOut(_ migration: Migration, number: UInt64) async -> Bool {
        let began = self.ring.world.now
        var failure: String?
        do {
            try await self.ring.hosts.run { try await self.move(migration, number) }
        } catch {
            failure = "\(error)"
        }
        self.recorder.take(
            .init(
                ended: .zero + (self.ring.world.now - self.fleet.began), vm: migration.vm, from: migration.from,
                to: migration.to, duration: self.ring.world.now - began, memoryMiB: self.shape.memoryMiB,
                failure: failure))
        return failure == nil
    }

    private func move(_ migration: Migration, _ number: UInt64) async throws {
        guard let source = self.drivers[migration.from], let destination = self.drivers[migration.to] else { return }
        let ticket = MigrationTicket(vm: migration.vm, source: migration.from, number: number)
        let order = MigrationOrder(
            ticket: ticket, destination: migration.to,
            endpoint: ModelledHostSettings.fleetEndpoint(of: migration.to),
            mark: HandoverMark(
                isp: "central", action: number, source: migration.from,
                sourceEndpoint: ModelledHostSettings.fleetEndpoint(of: migration.from), destination: migration.to),
            limits: MigrationLimits(
                bandwidthMiBPerSecond: 0, timeLimit: .seconds(1_800), autoConverge: true, tls: false))
        try await destination.openIncoming(ticket)
        let result: Result<Void, any Error> = await Result(awaiting: {
            try await source.migrate(order) { _ in }
            try await source.discardPausedCopy(of: migration.vm)
            try await destination.resume(migration.vm)
        })
        // Whatever came of it: a host takes no guest in for a number that is another's, and keeps few tickets.
        try await destination.closeIncoming(ticket)
        try result.get()
    }
}

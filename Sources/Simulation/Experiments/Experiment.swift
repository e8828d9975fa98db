import Basis
import ClusterActors
import Placement

/// A fleet under a load, looked after in one of several ways and measured: the same agents as in production, or a
/// central scheduler, or nobody.
package struct Experiment: Sendable {
    /// Who looks after the fleet.
    package enum Algorithm: String, Hashable, Sendable, CaseIterable {
        case none
        case dvms
        /// Entropy as published.
        case centralProof = "central-proof"
        /// Entropy, content with its first plan.
        case centralFirst = "central-first"
        /// The same as soon as something is wrong.
        case centralEvent = "central-event"
        /// The strongest opponent: the same with our solver.
        case centralOwn = "central-own"

        var central: CentralPolicy? {
            switch self {
            case .none, .dvms: nil
            case .centralProof: CentralPolicy(rhythm: .every(.seconds(30)), pace: .entropyTimeLimit)
            case .centralFirst: CentralPolicy(rhythm: .every(.seconds(30)), pace: .entropyFirstPlan)
            case .centralEvent: CentralPolicy(rhythm: .onOverload, pace: .entropyFirstPlan)
            case .centralOwn: CentralPolicy(rhythm: .onOverload, pace: .ownSolver)
            }
        }
    }

    package var preset: String
    package var shape: FleetShape
    package var duration: Duration
    package var algorithm: Algorithm
    /// The nodes with which an agent plans for the first time.
    package var partitionNodesMin = 2
    /// A node acts when its guests want more than so many percent of what they may have.
    package var triggerPercent = 100
    /// For as many looks in a row, one a second; when they want more than they may have, at the first.
    package var triggerHold = 1
    /// Of what a guest wants above or below the average, so many percent are expected to stay, whoever plans.
    package var demandPersistencePercent = 100
    /// And when they want less than so many percent; 0 for never.
    package var underloadPercent = 0
    package var load = LoadProfile.stepped(SteppedLoad.Settings())
    /// Nil when agents stay. Only agents come and go.
    package var churn: Churn?

    package init(preset: String, shape: FleetShape, duration: Duration, algorithm: Algorithm) {
        precondition(shape.nodes > 0 && shape.vms > 0, "an experiment has nodes and VMs")
        self.preset = preset
        self.shape = shape
        self.duration = duration
        self.algorithm = algorithm
    }

    /// What came of one seed.
    package struct Outcome: Sendable {
        package var result: ExperimentResult
        package var record: ExperimentRecord
    }

    /// How far a run is.
    package struct Progress: Sendable {
        /// Virtual time since the beginning.
        package var virtual: Duration
        /// Jobs run and timers fired so far.
        package var events: Int
    }

    /// - Parameter onProgress: called once a virtual minute, and at the end, on the world's thread.
    /// - Throws: ``WorldFailure`` when the world cannot go on.
    package func run(
        seed: UInt64, onProgress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws -> Outcome {
        // Where nothing crashes, who started which task does not matter.
        let options = WorldOptions(
            readyOrder: .firstInFirstOut, durationMax: self.duration * 2, eventsMax: .max, traceLinesMax: 0,
            tracksTasks: self.churn != nil)
        let outcome = try await World.run(seed: seed, options: options) { world in
            try await self.run(in: world, seed: seed, onProgress)
        }
        var (result, record) = outcome.value
        result.events = outcome.report.events
        result.traceHash = String(outcome.report.traceHash, radix: 16)
        return Outcome(result: result, record: record)
    }

    private func run(
        in world: World, seed: UInt64, _ onProgress: @escaping @Sendable (Progress) -> Void
    ) async throws -> (ExperimentResult, ExperimentRecord) {
        // The load is drawn from the seed alone, so that every algorithm meets the same.
        var loadGenerator = SplitMix64(seed: seed)
        let load = self.load.load(vms: self.shape.vms, seed: loadGenerator.next())
        let nodes = (1...self.shape.nodes).map { NodeID(stringLiteral: "n\($0)") }
        let ring = try await RingWorld(world, nodes: nodes, settings: self.settings)
        ring.keepsEvents = false
        ring.network.countsLinks = false
        self.placeInRacks(ring)
        ring.solver = TimedSolver(LocalPartitionSolver(), time: world.time)
        let fleet = try await MeasuredFleet(ring, self.shape, self.load.shares, using: &loadGenerator)
        let recorder = ExperimentRecorder(world)
        ring.onEvent = { _, event in recorder.take(event) }
        let messages = MessageTally()
        ring.network.onMessage = { messages.take($0) }
        self.report(onProgress, from: world.now, in: world)
        let record = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.start(ring, fleet, recorder) }
            try await fleet.apply(load, for: self.duration)
            // Taken before what is under way is cut off by the end.
            let record = recorder.concluded(fleet)
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
            return record
        }
        return (
            ExperimentResult(self, seed: seed, record, messages: messages.result(total: ring.network.totals.sent)),
            record
        )
    }

    /// Tells the network which nodes are near each other.
    private func placeInRacks(_ ring: RingWorld) {
        guard self.shape.sites > 1 || self.shape.racks > 1 else { return }
        for (index, node) in ring.nodes.enumerated() {
            ring.network.sites[node] = self.shape.site(of: index)
            ring.network.racks[node] = self.shape.rack(of: index)
        }
        ring.network.qualityBetweenSites = Self.quality(self.shape.siteLatency)
        ring.network.qualityBetweenRacks = Self.quality(self.shape.rackLatency)
    }

    private static func quality(_ latency: Duration) -> LinkQuality {
        LinkQuality(latencyMin: latency, latencyMax: latency * 6 / 5)
    }

    private func report(
        _ onProgress: @escaping @Sendable (Progress) -> Void, from began: MonotonicInstant, in world: World
    ) {
        let passed = world.now - began
        onProgress(Progress(virtual: passed, events: world.events))
        guard passed < self.duration else { return }
        world.schedule(after: min(.seconds(60), self.duration - passed)) {
            self.report(onProgress, from: began, in: world)
        }
    }

    private func start(_ ring: RingWorld, _ fleet: MeasuredFleet, _ recorder: ExperimentRecorder) async throws {
        if self.algorithm == .dvms {
            // All at one instant: whom nobody answers yet would be suspected.
            for node in ring.nodes { try await ring.start(node) }
            if let churn = self.churn {
                var generator = ring.world.makeGenerator()
                try await churn.run(ring, using: &generator)
            }
        }
        if let policy = self.algorithm.central {
            try await CentralScheduler(
                policy, consolidates: self.underloadPercent > 0,
                demandPersistencePercent: self.demandPersistencePercent, ring, self.shape, fleet, recorder
            ).run()
        }
    }

    /// As in VMPlaceS a node looks at its load each second, believes what it sees, and is overloaded beyond what it has.
    private var settings: AgentSettings {
        var settings = AgentSettings()
        settings.reserved = self.shape.reserved
        settings.linkMbps = self.shape.linkMbps
        settings.limits.membersMin = self.partitionNodesMin
        settings.migration.demandPersistencePercent = self.demandPersistencePercent
        settings.triggers.thresholds = LoadThresholds(
            overloadPercent: self.triggerPercent, underloadPercent: self.underloadPercent)
        settings.triggers.underloadEnabled = self.underloadPercent > 0
        settings.triggers.hold = self.triggerHold
        settings.triggers.holdExceeded = 1
        settings.triggers.sampleInterval = .seconds(1)
        settings.triggers.halfLife = .zero
        return settings
    }
}

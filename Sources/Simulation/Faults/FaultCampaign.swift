import Foundation
import Basis
import ClusterActors
import Hypervisor
import Placement

/// Rings under faults, one for each seed: a time of overloads, drains, crashes, pauses, splits and failing hypervisors,
/// then a calm one in which everything must end well. Every invariant is judged at everything that happens.
package struct FaultCampaign: Sendable {
    /// How many nodes a ring has; how many, is drawn.
    package var nodes: ClosedRange<Int>
    /// How long things go wrong.
    package var faultTime: Duration
    /// How long all is well afterwards: longer than anything may last that was begun before.
    package var calmTime: Duration
    /// What happens in place of what a seed draws; nil for that.
    package var written: FaultPlanFile?
    /// The numbers of the parts that happen of what a seed, or a file, lets happen; nil for all.
    package var only: Set<Int>?

    package init(
        nodes: ClosedRange<Int> = 16...16, faultTime: Duration = Workload.spell,
        calmTime: Duration = .seconds(150)
    ) {
        self.nodes = nodes
        self.faultTime = faultTime
        self.calmTime = calmTime
    }

    /// What came of one seed.
    package struct Report: Sendable {
        package var seed: UInt64
        package var nodes: Int
        /// Everything that the seed, or a file, lets happen; also what was left out.
        package var course: FaultCourse
        package var violations: [InvariantViolation]
        package var tally: FaultTally
        /// What every agent told, one line an event.
        package var story: [String]

        /// The parts of the course in words, by number.
        package var parts: [String] { self.course.lines }
    }

    /// ``only`` names a part that the seed does not have.
    package struct NoSuchPart: Error, Hashable, CustomStringConvertible {
        package var seed: UInt64
        package var part: Int
        package var partCount: Int

        package var description: String {
            "seed \(self.seed) has no part \(self.part): its parts are 0 to \(self.partCount - 1)"
        }
    }

    /// - Throws: ``NoSuchPart``; ``NoSuchNode``; ``WorldFailure`` when the world cannot go on.
    package func run(seed: UInt64, options: WorldOptions = WorldOptions()) async throws -> WorldOutcome<Report> {
        try await World.run(seed: seed, options: options) { world in
            var generator = world.makeGenerator()
            let nodes = Int.random(in: self.nodes, using: &generator)
            let ring = try await RingWorld(
                world, nodes: nodes, settings: Self.drawSettings(using: &generator), quality: .local)
            let watch = InvariantWatch(world: world, ring: ring.nodes, bounds: Self.bounds(of: ring.settings))
            let course = try self.course(nodes: nodes, using: &generator)
            if let part = self.only?.sorted().first(where: { !(0..<course.count).contains($0) }) {
                throw NoSuchPart(seed: seed, part: part, partCount: course.count)
            }
            let director = try await FaultDirector(
                ring, watch, self, self.only.map(course.keeping) ?? course, using: &generator)
            try await director.direct()
            for node in ring.nodes {
                // Whom it only suspects does not count: a suspicion that never ends is one of the things looked for.
                let alive = try await ring.ask(node) { await $0.ring().count { $0.state == .alive } }
                watch.take(.sees(node, alive: alive))
            }
            watch.conclude()
            return Report(
                seed: seed, nodes: nodes, course: course, violations: watch.violations, tally: watch.tally,
                story: ring.story)
        }
    }

    /// What may happen in a ring of so many nodes.
    private func course(nodes: Int, using generator: inout SplitMix64) throws -> FaultCourse {
        // Drawn also when a file says it, so that whatever is drawn afterwards is the same.
        var workload = Workload(
            nodes: nodes, capacity: RingWorld.capacity.cpuMillicores, within: self.faultTime, using: &generator)
        let plan = FaultPlan(within: self.faultTime, using: &generator)
        guard let written = self.written else { return FaultCourse(workload, plan) }
        guard written.nodesMin <= nodes else { throw NoSuchNode(nodes: nodes, nodesMin: written.nodesMin) }
        workload.entries = written.load
        return FaultCourse(workload, written.plan)
    }

    /// What happened to a seed, as a file that lets it happen again.
    ///
    /// - Parameter parts: which parts of it; nil for all that happened.
    package func file(of report: Report, keeping parts: Set<Int>? = nil) -> FaultPlanFile {
        let course = (parts ?? self.only).map(report.course.keeping) ?? report.course
        return FaultPlanFile(
            seed: report.seed, nodes: report.nodes, faultTime: self.faultTime, load: course.workload.entries,
            plan: course.plan)
    }

    /// Shorter waits than in production, so that more happens in a run; the leases are as they are. A tenth of the
    /// solver's steps, or most of a campaign's work would be the search for plans that do not exist.
    static func drawSettings(using generator: inout SplitMix64) -> AgentSettings {
        var settings = AgentSettings()
        settings.limits.solverStepsMax /= 10
        settings.timings.blockedWait = .seconds(40)
        settings.timings.resweepDelayMax = .seconds(5)
        settings.timings.ispDeadline = .seconds(75)
        settings.timings.flightTimeoutMin = .seconds(20)
        settings.triggers.retryDelay = .seconds(3)
        settings.triggers.retryDelayMax = .seconds(12)
        settings.triggers.underloadDelayMax = .seconds(8)
        settings.triggers.underloadEnabled = Int.random(in: 0..<4, using: &generator) == 0
        settings.migration.cooldown = .seconds(10)
        settings.migration.cooldownMax = .seconds(60)
        settings.migration.pingPongWindow = .seconds(30)
        settings.migration.incomingMax = Int.random(in: 1...2, using: &generator)
        settings.migration.outgoingMax = Int.random(in: 1...2, using: &generator)
        return settings
    }

    static func bounds(of settings: AgentSettings) -> InvariantBounds {
        InvariantBounds(
            timings: settings.timings, sampleInterval: settings.triggers.sampleInterval,
            stallMax: FaultPlan.answerDelayMax, replansMax: settings.limits.replansMax,
            incomingMax: settings.migration.incomingMax, outgoingMax: settings.migration.outgoingMax)
    }
}

extension FaultCampaign {
    /// What came of each seed, as many at once as the machine has processors, in the order in which they end. The
    /// first world that cannot go on ends it.
    package func outcomes(of seeds: [UInt64]) -> AsyncThrowingStream<WorldOutcome<Report>, any Error> {
        AsyncThrowingStream { continuation in
            // Unstructured, because the stream's reader is another task; it ends when the reader does.
            let task = Task {
                do {
                    try await self.runAll(seeds) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func runAll(_ seeds: [UInt64], _ take: @escaping @Sendable (WorldOutcome<Report>) -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var underWay = 0
            for seed in seeds {
                if underWay == Self.seedsAtOnce {
                    try await group.next()
                    underWay -= 1
                }
                guard !Task.isCancelled else { return }
                underWay += 1
                group.addTask { take(try await self.run(seed: seed)) }
            }
            try await group.waitForAll()
        }
    }

    private static var seedsAtOnce: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }
}

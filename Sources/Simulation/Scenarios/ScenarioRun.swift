import Basis
import ClusterActors
import Hypervisor
import Placement

/// What came of a scenario.
package struct ScenarioReport: Sendable {
    /// One thing that was not as the file says.
    package struct Failure: Hashable, Sendable, CustomStringConvertible {
        package var file: String
        package var line: Int
        package var words: String

        package var description: String { "\(self.file):\(self.line): \(self.words)" }
    }

    package var failures: [Failure]
    /// What the agents told, line by line.
    package var story: [String]
    package var world: WorldReport
}

extension Scenario {
    /// How long a scenario may last, in virtual time.
    private static let durationMax = Duration.seconds(3_600)

    /// Plays the scenario to its end, in a world of its own, whatever fails on the way.
    ///
    /// - Parameter order: as things come, so that the story of a file hangs on no draw, unless interleavings are to be
    ///   explored; then ``seed`` draws them.
    /// - Throws: ``WorldFailure`` when the world cannot go on.
    package func play(in order: ReadyOrder = .firstInFirstOut) async throws -> ScenarioReport {
        let options = WorldOptions(readyOrder: order, durationMax: Self.durationMax)
        let outcome = try await World.run(seed: self.seed, options: options) { world in
            let run = try await ScenarioRun(self, in: world)
            try await run.play()
            return (run.failures, run.story)
        }
        return ScenarioReport(failures: outcome.value.0, story: outcome.value.1, world: outcome.report)
    }
}

/// One run of a scenario.
///
/// Safe because a world runs on one thread.
final class ScenarioRun: @unchecked Sendable {
    let scenario: Scenario
    let ring: RingWorld
    private(set) var failures: [ScenarioReport.Failure] = []
    /// Rules about messages, the latest first.
    var rules: [MessageRule] = []
    /// How many messages were sent, by name.
    private(set) var messages: [MessageCount: Int] = [:]
    var faults: [NodeID: ModelledFaults] = [:]
    /// Every guest there was.
    var vms: Set<VMID>
    /// From which event on the next `until` looks.
    private var cursor = 0
    private var alarm: AsyncStream<Void>.Continuation?

    struct MessageCount: Hashable {
        var name: String
        var from: NodeID
        var to: NodeID
    }

    init(_ scenario: Scenario, in world: World) async throws {
        self.scenario = scenario
        let hosts = scenario.hosts
        self.vms = Set(hosts.flatMap { $0.guests.map(\.vm) })
        self.ring = try await RingWorld(
            world, nodes: hosts.map(\.settings.node),
            unlisted: Set(hosts.filter { !$0.isListed }.map(\.settings.node)), settings: scenario.settings,
            quality: LinkQuality(latencyMin: Scenario.latency, latencyMax: Scenario.latency))
        self.ring.settingsByNode = scenario.settingsByNode
        // Safe because the ring, which holds both, lets go of them when its world ends.
        self.ring.onEvent = { _, _ in self.alarm?.yield() }
        self.ring.network.decideFate = { self.fate(of: $0) }
        for host in hosts { try await self.ring.addHost(host.settings, running: host.guests) }
        for host in hosts { try await self.ring.start(host.settings.node) }
    }

    func play() async throws {
        for step in self.scenario.steps {
            if let failure = try await self.carryOut(step.action) { self.fail(step.line, failure) }
            // Whatever else a scenario expects: P10.
            for (vm, nodes) in try await self.ring.runningPlaces() where nodes.count > 1 {
                self.fail(step.line, "\(vm) runs on \(nodes.map(\.name).joined(separator: " and "))")
            }
        }
    }

    private func fail(_ line: Int, _ words: String) {
        self.failures.append(ScenarioReport.Failure(file: self.scenario.file, line: line, words: words))
    }

    /// - Returns: what was not as it should be, in words.
    private func carryOut(_ action: Scenario.Action) async throws -> String? {
        let world = self.ring.world
        switch action {
        case .wait(let duration):
            self.cursor = self.ring.events.count
            try await self.ring.sleep(duration)
        case .waitUntil(let instant):
            guard world.now <= instant else { return "it is \(world.now.inWords) s already" }
            self.cursor = self.ring.events.count
            try await world.time.sleep(until: instant)
        case .awaitEvent(let pattern, let wait):
            return await self.awaitEvent(pattern, until: world.now + wait)
        case .command(let node, let command, let refusal):
            return await self.say(command, to: node, expecting: refusal)
        case .fault(let fault):
            return await self.bring(fault)
        case .expect(let expectation, let within):
            let deadline = world.now + (within ?? .zero)
            var difference = try await self.difference(from: expectation)
            while difference != nil, world.now < deadline {
                try await self.ring.sleep(Scenario.lookInterval)
                difference = try await self.difference(from: expectation)
            }
            return difference
        }
        return nil
    }

    // MARK: - Waiting for events

    private func awaitEvent(_ pattern: EventPattern, until deadline: MonotonicInstant) async -> String? {
        let (signals, alarm) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.alarm = alarm
        defer { self.alarm = nil }
        let time = self.ring.world.time
        let isTold = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                repeat {
                    if self.find(pattern) { return true }
                    var iterator = signals.makeAsyncIterator()
                    await iterator.next()
                } while !Task.isCancelled
                return false
            }
            group.addTask {
                try? await time.sleep(until: deadline)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        return isTold ? nil : "no such event came: \(pattern)"
    }

    /// Looks for the event among those that no `until` has looked at, and moves behind it.
    private func find(_ pattern: EventPattern) -> Bool {
        let told = self.ring.events[self.cursor...]
        guard let index = told.firstIndex(where: { pattern.matches($0.event, of: $0.node) }) else {
            self.cursor = told.endIndex
            return false
        }
        self.cursor = index + 1
        return true
    }

    // MARK: - Messages

    private func fate(of message: CarriedMessage) -> MessageFate? {
        let names = message.names
        for name in names {
            self.messages[MessageCount(name: name, from: message.from, to: message.to), default: 0] += 1
        }
        let index = self.rules.firstIndex { rule in
            rule.from == message.from && rule.to == message.to && rule.left != 0 && names.contains(rule.name)
        }
        guard let index else { return nil }
        if let left = self.rules[index].left { self.rules[index].left = left - 1 }
        return self.rules[index].fate
    }

    // MARK: - The story

    var story: [String] {
        self.ring.events.filter { !self.scenario.hidden.contains($0.event.kind) }.map { told in
            let isp = told.event.isp.map { " \($0)" } ?? ""
            return "\(told.at.inMilliseconds) \(told.node)\(isp): \(told.event.text)"
        }
    }
}

extension MonotonicInstant {
    /// Seconds with three decimals, right-aligned to hours: "  12.500".
    fileprivate var inMilliseconds: String {
        let (seconds, rest) = (self.nanoseconds / 1_000_000).quotientAndRemainder(dividingBy: 1_000)
        let decimals = String(rest)
        let whole = String(seconds)
        return String(repeating: " ", count: max(0, 4 - whole.count)) + whole + "."
            + String(repeating: "0", count: 3 - decimals.count) + decimals
    }
}

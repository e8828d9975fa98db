import Basis
import Deployer
import Settings
import Simulation
import Synchronization
import Testing

/// What was told while a load was put into VMs.
final class InjectionStory: Sendable {
    private let told = Mutex<[InjectionEvent]>([])

    var events: [InjectionEvent] { self.told.withLock { $0 } }

    func take(_ event: InjectionEvent) { self.told.withLock { $0.append(event) } }

    var failures: [String] {
        self.events.compactMap {
            if case .failed(let order, _, let words) = $0 { "\(order.vm): \(words)" } else { nil }
        }
    }

    /// The hosts on which a VM was told something.
    func hosts(of vm: String) -> [NodeID] {
        self.events.compactMap {
            if case .began(let order, _, let host) = $0, order.vm == vm { host } else { nil }
        }
    }

    /// What was measured of a VM, in the order of time.
    func measured(_ vm: String) -> [InjectionEvent.Measured] {
        self.events.compactMap {
            if case .measured(let measured) = $0, measured.vm == vm { measured } else { nil }
        }
    }

    var rows: [InjectionSummary.Row] {
        var summary = InjectionSummary()
        for event in self.events { summary.take(event) }
        return summary.rows
    }
}

extension ModelledHosts {
    fileprivate func move(_ guest: String, from source: NodeID, to destination: NodeID) async throws {
        let moved = try #require(await self.hosts[source]?.giveAway(guest: guest))
        await self.hosts[destination]?.take(moved)
    }

    fileprivate func load(of guest: String, at now: MonotonicInstant) async -> InjectedLoad? {
        for host in self.hosts.values {
            if let guest = await host.contents.guests[guest] { return guest.loading.load(at: now) }
        }
        return nil
    }
}

/// Goal: VMs do what the timetable says when it says so, wherever they are, and nothing afterwards.
/// Method: a fleet on modelled hosts in virtual time.
@Suite("Putting load into VMs")
struct InjectionRunTests {
    private struct Scene: Sendable {
        let hosts: ModelledHosts
        let world: World
        let report: DeploymentReport
        let story = InjectionStory()

        func run(_ text: String) throws -> InjectionRun {
            InjectionRun(
                try InjectionTimetable(text), on: self.hosts.hosts.values.sorted { $0.id < $1.id },
                addresses: Dictionary(
                    uniqueKeysWithValues: self.report.guests.map { ($0.identity.name, $0.identity.address) }),
                time: self.world.time, watch: { self.story.take($0) })
        }

        func percents() async -> [Int] {
            var percents: [Int] = []
            for number in 1...6 {
                percents.append(await self.hosts.load(of: "vm-\(number)", at: self.world.time.now)?.cpuPercent ?? -1)
            }
            return percents
        }
    }

    private static func scene(
        agents: PlainAgents? = nil, _ body: @escaping @Sendable (Scene) async throws -> Void
    ) async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let report = try await fixture.run(on: hosts, agents: agents, time: world.time).apply()
            try await body(Scene(hosts: hosts, world: world, report: report))
        }
    }

    private static let twoShares = """
        duration: 100s
        phases:
          - {cpu: 40%}
          - {vms: [vm-1], from: 50s, cpu: 80%, network: {to: vm-2, rate: 1MiB/s}}
        """

    @Test("follows the timetable, measures what was injected, and leaves the VMs idle")
    func course() async throws {
        try await Self.scene { scene in
            let run = try scene.run(Self.twoShares)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await run.run() }
                try await scene.world.time.sleep(for: .seconds(20))
                #expect(await scene.percents() == [40, 40, 40, 40, 40, 40])
                try await scene.world.time.sleep(for: .seconds(40))
                #expect(await scene.percents() == [80, 40, 40, 40, 40, 40])
            }
            #expect(await scene.percents() == [0, 0, 0, 0, 0, 0])
            #expect(scene.story.failures.isEmpty)
            let rows = scene.story.rows
            #expect(rows.map(\.changes) == [3, 2, 2, 2, 2, 2])
            for row in rows {
                let (injected, measured) = (try #require(row.injectedPercent), try #require(row.measuredPercent))
                #expect(abs(injected - (row.vm == "vm-1" ? 60 : 40)) < 1, "\(row)")
                #expect(abs(measured - injected) < 1, "\(row)")
            }
        }
    }

    @Test("a VM that moves goes on, and is found again for its next order")
    func moved() async throws {
        try await Self.scene { scene in
            let run = try scene.run(Self.twoShares)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await run.run() }
                try await scene.world.time.sleep(for: .seconds(20))
                try await scene.hosts.move("vm-1", from: "h1", to: "h3")
                #expect(await scene.hosts.load(of: "vm-1", at: scene.world.time.now)?.cpuPercent == 40)
            }
            #expect(scene.story.failures.isEmpty)
            #expect(scene.story.hosts(of: "vm-1") == ["h1", "h3", "h3"])
        }
    }

    @Test("a VM whose agent is silent is told again until its order is over, and the others go on")
    func silent() async throws {
        try await Self.scene { scene in
            await scene.hosts.hosts["h1"]?.silence(guest: "vm-1")
            await scene.hosts.hosts["h2"]?.crash(guest: "vm-2")
            let run = try scene.run("duration: 30s\nphases: [{cpu: 10%}]")
            await run.run()
            #expect(scene.story.failures.contains("vm-1: h1: its agent does not answer"))
            #expect(scene.story.failures.contains { $0.hasPrefix("vm-2: it is moving, or h2 does not run it") })
            #expect(scene.story.rows.filter { $0.failures == 0 }.map(\.vm) == ["vm-3", "vm-4", "vm-5", "vm-6"])
        }
    }

    @Test("a VM ends its load by itself when nobody tells it to")
    func abandoned() async throws {
        try await Self.scene { scene in
            let run = try scene.run("duration: 60s\nphases: [{cpu: 70%}]")
            let outcome = await withTaskGroup(of: Void.self) { group in
                group.addTask { await run.run() }
                try? await scene.world.time.sleep(for: .seconds(30))
                group.cancelAll()
                await group.waitForAll()
                return await scene.percents()
            }
            #expect(outcome == [70, 70, 70, 70, 70, 70])
            // A second for the moments that looking and telling took.
            try await scene.world.time.sleep(for: .seconds(31) + InjectionRun.overlap)
            #expect(await scene.percents() == [0, 0, 0, 0, 0, 0])
        }
    }

    @Test("stopping ends all load, and says which VMs it did not reach")
    func stop() async throws {
        try await Self.scene { scene in
            let run = try scene.run("duration: 1h\nphases: [{cpu: 70%}]")
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await run.run() }
                try? await scene.world.time.sleep(for: .seconds(30))
                group.cancelAll()
            }
            await scene.hosts.hosts["h3"]?.silence(guest: "vm-3")
            let missed = try await scene.run("duration: 1s\nphases: [{cpu: 1%}]").stop((1...7).map { "vm-\($0)" })
            #expect(missed == ["vm-3": "h3: its agent does not answer", "vm-7": "no host has it"])
            #expect(await scene.percents() == [0, 0, 70, 0, 0, 0])
        }
    }

    @Test("records what agents believe; one that is silent or not there costs neither a measurement nor an order")
    func beliefs() async throws {
        try await Self.scene(agents: PlainAgents()) { scene in
            await scene.hosts.hosts["h2"]?.silenceAgent()
            try await scene.hosts.hosts["h3"]?.removeAgent(within: .seconds(60))
            try await scene.run("duration: 40s\nphases: [{cpu: 40%}]").run()
            #expect(scene.story.failures.isEmpty)
            // At the end an agent is asked when its guest is idle, or not yet.
            #expect(scene.story.measured("vm-1").map(\.believedPercent).prefix(3) == [40, 40, 40])
            for vm in ["vm-1", "vm-2", "vm-3"] {
                let measured = scene.story.measured(vm)
                #expect(measured.count == 4, "\(measured)")
                #expect(measured.allSatisfy { abs($0.cpuPercent - 40) < 1 }, "\(measured)")
            }
            for vm in ["vm-2", "vm-3"] {
                #expect(scene.story.measured(vm).allSatisfy { $0.believedPercent == nil })
            }
            let rows = scene.story.rows
            #expect((29...40).contains(try #require(rows[0].believedPercent)))
            #expect(rows[1].believedPercent == nil && rows[2].believedPercent == nil)
        }
    }

    @Test(
        "a belief is a share of all virtual CPUs of a VM; one of another VM is none",
        arguments: [(["vm-1": 1_500], 37.5), (["vm-1": 6_000], 150), (["vm-1": 0], 0), (["vm-2": 1_500], nil)])
    func shares(believed: [String: Int], expected: Double?) async throws {
        try await World.run(seed: 1) { world in
            let story = InjectionStory()
            let run = InjectionRun(
                try InjectionTimetable("duration: 20s\nphases: [{vms: [vm-1], cpu: 100%}]"),
                on: [BusyHost(time: world.time, believed: believed)], addresses: [:], time: world.time,
                watch: { story.take($0) })
            await run.run()
            #expect(story.measured("vm-1").map(\.cpuPercent) == [100, 100])
            #expect(story.measured("vm-1").map(\.believedPercent) == [expected, expected])
        }
    }
}

/// A host with one guest of four virtual CPUs, all of them always busy, and an agent that believes what it is told.
private struct BusyHost: LoadableHost {
    let id: NodeID = "h1"
    let time: any TimeSource
    let believed: [String: Int]

    func guests(within limit: Duration) -> [String] { ["vm-1"] }

    func inject(_ task: GuestTask, into guest: String, within limit: Duration) -> InjectionAnswer { .done }

    func processorTimes(within limit: Duration) -> ProcessorTimes {
        let now = self.time.now.nanoseconds
        return ProcessorTimes(
            takenAtNanoseconds: now, guests: [ProcessorTimes.Guest(name: "vm-1", vcpus: 4, nanoseconds: 4 * now)])
    }

    func believedDemands(within limit: Duration) -> [String: Int] { self.believed }
}

@Suite("What was injected beside what was measured")
struct InjectionSummaryTests {
    private static func began(_ percent: Int, at: Int, until: Int) -> InjectionEvent {
        .began(
            LoadOrder(vm: "a", at: .seconds(at), until: .seconds(until), load: InjectedLoad(cpuPercent: percent)),
            at: .seconds(at), host: "h1")
    }

    @Test("weighs each share by the time it lasted")
    func weighs() throws {
        var summary = InjectionSummary()
        summary.take(Self.began(80, at: 0, until: 100))
        summary.take(Self.began(20, at: 15, until: 100))
        func measured(_ from: Int, _ until: Int, _ percent: Double) -> InjectionEvent {
            .measured(
                InjectionEvent.Measured(
                    vm: "a", host: "h1", from: .seconds(from), until: .seconds(until), cpuPercent: percent))
        }
        #expect(summary.take(measured(0, 10, 70)) == 80)
        #expect(summary.take(measured(10, 20, 40)) == 50)
        #expect(summary.take(measured(90, 110, 10)) == 10)
        let row = try #require(summary.rows.first)
        #expect(summary.rows.count == 1 && row.vm == "a" && row.changes == 2 && row.failures == 0)
        #expect(row.injectedPercent == 37.5 && row.measuredPercent == 32.5 && row.believedPercent == nil)
    }

    @Test("weighs each belief by the time that it stands for, and leaves out when there was none")
    func weighsBeliefs() throws {
        var summary = InjectionSummary()
        func measured(_ from: Int, _ until: Int, believed: Double?) -> InjectionEvent {
            .measured(
                InjectionEvent.Measured(
                    vm: "a", host: "h1", from: .seconds(from), until: .seconds(until), cpuPercent: 10,
                    believedPercent: believed))
        }
        summary.take(measured(0, 10, believed: 80))
        summary.take(measured(10, 20, believed: nil))
        summary.take(measured(20, 50, believed: 40))
        let row = try #require(summary.rows.first)
        #expect(row.believedPercent == 50 && row.measuredPercent == 10)
    }
}

import Basis
import Deployer
import Settings
import Simulation
import Synchronization
import Testing

@Suite("dvmsd among modelled hosts")
struct ProgramSpreadTests {
    @Test("is sent from here once, goes from host to host to all others, and to none that has it")
    func once() async throws {
        let fleet = try DeploymentFixture.fleet(hosts: 8, spares: 0)
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let changed = AgentProgram(file: "dvmsd", sha256: "11")
            for agents in [PlainAgents(), PlainAgents(program: changed)] {
                let noting = NotingHosts(hosts)
                let report = try await fixture.run(on: noting, agents: agents, time: world.time).apply()
                await hosts.expectWhole(fleet, report)
                let arrivals = noting.arrivals
                #expect(arrivals.count == 8 && arrivals.values.allSatisfy { $0.passedOver.isEmpty && !$0.wasThere })
                #expect(arrivals.values.allSatisfy { $0.chunkCount == ModelledNetwork.programChunks }, "\(arrivals)")
                #expect(arrivals.values.map(\.fromHere).reduce(0, +) == ModelledNetwork.programChunks, "\(arrivals)")
                #expect(await hosts.holders(of: agents.program).count == 8)

                let again = NotingHosts(hosts)
                _ = try await fixture.run(on: again, agents: agents, time: world.time).apply()
                #expect(again.arrivals.count == 8)
                #expect(again.arrivals.values.allSatisfy { $0 == FileArrival(wasThere: true) }, "\(again.arrivals)")
                #expect(await hosts.serving(.agentProgram).isEmpty)
            }
        }
    }

    @Test("reaches all hosts but one that dies in the middle, which is set aside, and gets it anew later")
    func deaths() async throws {
        let fleet = try DeploymentFixture.fleet(hosts: 6, spares: 0)
        let faults: [NodeID: [ModelledFault]] = [
            "h3": [.diesWithChunks(2, of: .agentProgram)], "h5": [.servesDamaged(from: 1, of: .agentProgram)],
        ]
        try await DeploymentFixture.inWorld(fleet, faults: faults) { fixture, hosts, world in
            let noting = NotingHosts(hosts)
            let report = try await fixture.run(on: noting, agents: PlainAgents(), time: world.time).apply()
            #expect(report.runningCount == 6 && report.agentless.isEmpty, "\(report.failures)")
            #expect(report.failures.map(\.entity) == ["h3"] && report.strays.map(\.host) == ["h3"])
            #expect(await hosts.holders(of: PlainAgents().program) == ["h1", "h2", "h4", "h5", "h6"])
            #expect(noting.passedOver.contains("h5") && noting.passedOver.isSubset(of: ["h3", "h5"]))
            #expect(Set(await hosts.serving(.agentProgram)).isSubset(of: ["h3"]))

            await hosts.hosts["h3"]?.heal()
            let later = NotingHosts(hosts)
            let second = try await fixture.run(on: later, agents: PlainAgents(), time: world.time).apply()
            await hosts.expectWhole(fleet, second)
            #expect(second.agentless.isEmpty && second.failures.isEmpty, "\(second.failures)")
            #expect(later.arrivals["h3"]?.chunkCount == ModelledNetwork.programChunks, "\(later.arrivals)")
            #expect(later.arrivals.values.count(where: \.wasThere) == 5)
            #expect(await hosts.serving(.agentProgram).isEmpty)
            _ = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("arrives by the next apply where one was stopped at any time, and no key is left")
    func stopped() async throws {
        let fleet = try DeploymentFixture.fleet(hosts: 6, spares: 0)
        let began = try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            return try #require(report.stages.first { $0.stage == .agent }).figures.began
        }
        var halves = 0
        for milliseconds in stride(from: 100, through: 2_100, by: 200) {
            let holders = try await Self.holders(whenStopped: began + .milliseconds(milliseconds), fleet)
            if (1..<6).contains(holders) { halves += 1 }
        }
        #expect(halves > 0, "it was never stopped in the middle")
    }

    /// Stops an apply then, has another one finish it, and destroys all.
    ///
    /// - Returns: how many hosts had dvmsd at the stop.
    private static func holders(whenStopped instant: MonotonicInstant, _ fleet: FleetSettings) async throws -> Int {
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let run = try fixture.run(on: hosts, agents: PlainAgents(), time: world.time)
            // Unstructured, so that it can be cancelled as a signal does it; awaited below.
            let task = Task { try await run.apply() }
            try await world.time.sleep(until: instant)
            task.cancel()
            _ = try await task.value
            let holders = await hosts.holders(of: PlainAgents().program)

            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            await hosts.expectWhole(fleet, report)
            #expect(report.failures.isEmpty, "\(report.failures)")
            #expect(await hosts.holders(of: PlainAgents().program).count == 6)
            #expect(await hosts.serving(.agentProgram).isEmpty)
            _ = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(await hosts.used().isEmpty)
            return holders.count
        }
    }
}

extension FileArrival {
    fileprivate var chunkCount: Int { self.fromHere + self.fromHosts.values.reduce(0, +) }
}

extension ModelledHosts {
    /// Hosts that have the program, whole.
    fileprivate func holders(of program: AgentProgram) async -> [NodeID] {
        var holders: [NodeID] = []
        for (id, host) in self.hosts where await host.contents.files[.agentProgram] == .agentProgram(program) {
            holders.append(id)
        }
        return holders.sorted()
    }
}

/// Modelled hosts, with a note of where the chunks of each one's dvmsd came from, and of who did not give them.
private final class NotingHosts: HostDirectory {
    private let hosts: ModelledHosts
    private let noted = Mutex<[NodeID: FileArrival]>([:])
    private let passed = Mutex<Set<String>>([])

    init(_ hosts: ModelledHosts) { self.hosts = hosts }

    /// The last of each host.
    var arrivals: [NodeID: FileArrival] { self.noted.withLock(\.self) }

    /// Of all arrivals.
    var passedOver: Set<String> { self.passed.withLock(\.self) }

    func digest(ofImage file: String) -> String? { nil }

    func port(of host: FleetHost, for deployment: String) -> any DeployableHost {
        NotingHost(self, self.hosts.port(of: host, for: deployment))
    }

    func note(_ arrival: FileArrival, on id: NodeID) {
        self.noted.withLock { $0[id] = arrival }
        self.passed.withLock { $0.formUnion(arrival.passedOver.map(\.source)) }
    }
}

private struct NotingHost: ForwardingHost {
    let notes: NotingHosts
    let host: any DeployableHost

    init(_ notes: NotingHosts, _ host: any DeployableHost) {
        self.notes = notes
        self.host = host
    }

    func ensure(
        _ file: SpreadFile, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        let arrival = try await self.host.ensure(file, from: sources, within: limit)
        if case .agentProgram = file { self.notes.note(arrival, on: self.id) }
        return arrival
    }
}

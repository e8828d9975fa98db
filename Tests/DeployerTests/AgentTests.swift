import Basis
import Deployer
import Settings
import Simulation
import Testing

/// Gives every host an agent whose config names the ring.
struct PlainAgents: AgentSource {
    var program = AgentProgram(file: "dvmsd", sha256: "00")

    func config(of hosts: [FleetHost]) -> String { hosts.map(\.id.name).joined(separator: " ") }

    func agent(of host: FleetHost, with config: String) throws(HostFailure) -> AgentInstallation {
        AgentInstallation(
            node: host.id, program: self.program, config: config,
            credentials: AgentCredentials(authority: "", certificate: "", key: ""))
    }
}

extension ModelledHosts {
    /// What an agent does: a guest goes on on another host.
    fileprivate func migrate(_ guest: String, from source: NodeID, to destination: NodeID) async throws {
        let moved = try #require(await self.hosts[source]?.giveAway(guest: guest))
        await self.hosts[destination]?.take(moved)
    }

    fileprivate func agents() async -> [NodeID: String] {
        var agents: [NodeID: String] = [:]
        for (id, host) in self.hosts { agents[id] = await host.contents.agent?.config }
        return agents
    }

    /// How often each guest was made, over all hosts.
    fileprivate func made(_ guest: String) async -> Int {
        var made = 0
        for host in self.hosts.values { made += await host.guestsMade[guest] ?? 0 }
        return made
    }
}

@Suite("Agents of a deployment")
struct AgentTests {
    @Test("run on all workers in one ring, and are started anew when the ring changes")
    func ring() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func apply(_ fleet: FleetSettings, _ agents: PlainAgents?) async throws -> DeploymentReport {
                try await fixture.run(fleet, on: hosts, agents: agents, time: world.time).apply()
            }
            await hosts.expectWhole(fleet, try await apply(fleet, PlainAgents()))
            #expect(await hosts.agents() == ["h1": "h1 h2 h3", "h2": "h1 h2 h3", "h3": "h1 h2 h3"])
            let before = await hosts.changes()
            await hosts.expectWhole(fleet, try await apply(fleet, PlainAgents()))
            #expect(await hosts.changes() == before)

            let wider = try DeploymentFixture.fleet(hosts: 4, spares: 0)
            await hosts.expectWhole(wider, try await apply(wider, PlainAgents()))
            #expect(await Set(hosts.agents().values) == ["h1 h2 h3 h4"])
            await hosts.expectWhole(wider, try await apply(wider, nil))
            #expect(await hosts.agents().isEmpty)
        }
    }

    @Test("guests that they moved are found where they are, and none is made a second time")
    func movedGuests() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func run(_ fleet: FleetSettings? = nil) throws -> DeploymentRun {
                try fixture.run(fleet, on: hosts, agents: PlainAgents(), time: world.time)
            }
            _ = try await run().apply()
            try await hosts.migrate("vm-1", from: "h1", to: "h2")
            try await hosts.migrate("vm-2", from: "h2", to: "h3")
            let report = try await run().apply()
            await hosts.expectWhole(fleet, report)
            #expect(report.guests.first?.host == "h2" && report.strays.isEmpty && report.failures.isEmpty)
            for number in 1...6 { #expect(await hosts.made("vm-\(number)") == 1) }

            // A fleet with fewer guests takes them off wherever they are.
            try await hosts.migrate("vm-6", from: "h3", to: "h1")
            let fewer = try DeploymentFixture.fleet(guests: 5)
            await hosts.expectWhole(fewer, try await run(fewer).apply())

            try await hosts.migrate("vm-3", from: "h3", to: "h1")
            let end = try await run().destroy()
            #expect(end.hosts.isEmpty && end.guests.isEmpty)
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("a guest moves while a later apply looks at it, on each of its questions in turn", arguments: 1...40)
    func movesMeanwhile(question: Int) async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            let moving = MovingHosts(hosts, guest: "vm-1", at: question)
            let report = try await fixture.run(on: moving, agents: PlainAgents(), time: world.time).apply()
            #expect(await hosts.made("vm-1") == 1)
            #expect(await hosts.running()["vm-1"]?.count == 1)
            #expect(report.runningCount == fleet.guestCount, "\(report.failures)")
        }
    }

    @Test("a guest that no host has is left alone, until the user says otherwise")
    func lostGuest() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func apply(replacesLost: Bool = false) async throws -> DeploymentReport {
                try await fixture.run(
                    on: hosts, agents: PlainAgents(), time: world.time, replacesLost: replacesLost
                ).apply()
            }
            _ = try await apply()
            _ = await hosts.hosts["h1"]?.giveAway(guest: "vm-1")
            let without = try await apply()
            #expect(without.runningCount == 5 && without.unreached == ["vm-1"])
            #expect(without.failures.map(\.entity) == ["vm-1"])
            await hosts.expectWhole(fleet, try await apply(replacesLost: true))
        }
    }

    @Test("guests that stopped are started where they are", arguments: [["vm-1"], ["vm-1", "vm-4"]])
    func stoppedGuests(guests: [String]) async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            for guest in guests { await hosts.hosts["h1"]?.crash(guest: guest) }
            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            await hosts.expectWhole(fleet, report)
            for guest in guests { #expect(await hosts.made(guest) == 1) }
        }
    }

    @Test("a host that dies when a guest is started there again is left alone, and the run goes on")
    func dyingHost() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            await hosts.hosts["h1"]?.crash(guest: "vm-1")
            await hosts.hosts["h1"]?.add(.dies(at: .boot))
            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            #expect(report.failures.map(\.entity).contains("h1"))
            #expect(report.runningCount == 4 && !report.unreached.contains("vm-2"), "\(report.failures)")
        }
    }

    @Test(
        "a host that dies when its agent is to start is set aside, and its guests, which ran by then, are made anew elsewhere",
        arguments: [ModelledDeed.program, .agent])
    func dyingBeforeAgent(deed: ModelledDeed) async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet, faults: ["h2": [.dies(at: deed)]]) { fixture, hosts, world in
            func run() throws -> DeploymentRun {
                try fixture.run(on: hosts, agents: PlainAgents(), time: world.time)
            }
            let report = try await run().apply()
            #expect(report.runningCount == 6 && report.agentless.isEmpty, "\(report.failures)")
            let states = Dictionary(uniqueKeysWithValues: report.hosts.map { ($0.host.id, $0) })
            #expect(states["h2"]?.state == .setAside)
            #expect(states["h4"]?.role == .worker && states["h4"]?.state == .done(.agent))
            #expect(Set(report.strays.map(\.host)) == ["h2"] && report.strays.count == 2)
            await hosts.hosts["h2"]?.heal()
            let again = try await run().apply()
            await hosts.expectWhole(fleet, again)
            #expect(again.strays.isEmpty)
            #expect(await hosts.agents().keys.sorted() == ["h1", "h3", "h4"])
            _ = try await run().destroy()
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("a host that dies when its agent is to start once more is left alone, as its guests ran before")
    func dyingBeforeAgentLater() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func run() throws -> DeploymentRun {
                try fixture.run(on: hosts, agents: PlainAgents(), time: world.time)
            }
            _ = try await run().apply()
            await hosts.hosts["h2"]?.add(.dies(at: .agent))
            let report = try await run().apply()
            #expect(report.failures.map(\.entity) == ["h2"], "\(report.failures)")
            #expect(report.unreached == ["vm-2", "vm-5"] && report.strays.isEmpty)
            #expect(report.hosts.first { $0.host.id == "h4" }?.role == .spare)
        }
    }

    @Test("a host that is left alone when one of its guests is started again is not asked for the others")
    func otherGuestsOfDyingHost() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            for guest in ["vm-1", "vm-4"] { await hosts.hosts["h1"]?.crash(guest: guest) }
            await hosts.hosts["h1"]?.add(.dies(at: .boot))
            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            #expect(report.failures.count { $0.entity == "h1" } == 1, "\(report.failures)")
            #expect(report.runningCount == 4 && report.unreached == ["vm-1", "vm-4"])
            #expect(report.guests[3].stage == .running)
        }
    }

    @Test("a guest that booted too slowly and was moved then is found, and not made a second time")
    func movedAfterFailing() async throws {
        let fleet = try DeploymentFixture.fleet()
        let faults: [NodeID: [ModelledFault]] = ["h1": [.guestHangs("vm-1", times: 9)]]
        try await DeploymentFixture.inWorld(fleet, faults: faults) { fixture, hosts, world in
            let first = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            #expect(first.guests[0].stage == .failed && first.runningCount == 5)
            await hosts.hosts["h1"]?.heal()
            try await hosts.migrate("vm-1", from: "h1", to: "h2")
            let second = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            await hosts.expectWhole(fleet, second)
            #expect(second.guests[0].host == "h2" && second.strays.isEmpty)
            #expect(await hosts.made("vm-1") == 1)
        }
    }

    @Test("a host that was set aside keeps guests that they moved there, until the user says otherwise")
    func movedToHostSetAside() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func apply(replacesLost: Bool = false) async throws -> DeploymentReport {
                try await fixture.run(
                    on: hosts, agents: PlainAgents(), time: world.time, replacesLost: replacesLost
                ).apply()
            }
            _ = try await apply()
            await hosts.hosts["h2"]?.add(.dies(at: .probe))
            _ = try await apply(replacesLost: true)
            await hosts.hosts["h2"]?.heal()
            try await hosts.migrate("vm-1", from: "h1", to: "h2")

            let third = try await apply()
            #expect(third.hosts.first { $0.host.id == "h2" }?.state == .setAside)
            #expect(third.failures.map(\.entity) == ["h2"] && third.unreached == ["vm-1"], "\(third.failures)")
            #expect(third.runningCount == 5)
            #expect(await hosts.running()["vm-1"] == ["h2"])
            #expect(await hosts.made("vm-1") == 1)
            await hosts.expectWhole(fleet, try await apply(replacesLost: true))
        }
    }

    @Test("a host that does not say at first which guests it has is asked again before it is let go of")
    func askedAgain() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            try await hosts.migrate("vm-1", from: "h1", to: "h2")
            await hosts.hosts["h2"]?.add(.refuses(.check, times: 2))
            let end = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).destroy()
            #expect(end.hosts.isEmpty && end.guests.isEmpty && end.failures.isEmpty, "\(end.failures)")
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("no guest is forgotten while a host that may have it is silent")
    func silentHost() async throws {
        let fleet = try DeploymentFixture.fleet()
        let fewer = try DeploymentFixture.fleet(guests: 5)
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func run(_ fleet: FleetSettings) throws -> DeploymentRun {
                try fixture.run(fleet, on: hosts, agents: PlainAgents(), time: world.time)
            }
            _ = try await run(fleet).apply()
            try await hosts.migrate("vm-6", from: "h3", to: "h1")
            await hosts.hosts["h1"]?.add(.dies(at: .check))
            let without = try await run(fewer).apply()
            #expect(without.guests.map(\.stage).last == .removing)
            #expect(without.failures.contains { $0.entity == "vm-6" && $0.why.contains("h1") })
            await hosts.hosts["h1"]?.heal()
            await hosts.expectWhole(fewer, try await run(fewer).apply())

            try await hosts.migrate("vm-2", from: "h2", to: "h3")
            await hosts.hosts["h3"]?.add(.dies(at: .check))
            let half = try await run(fewer).destroy()
            #expect(half.hosts.map(\.host.id) == ["h3"] && half.guests.count == 5)
            await hosts.hosts["h3"]?.heal()
            let end = try await run(fewer).destroy()
            #expect(end.hosts.isEmpty && end.guests.isEmpty)
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("an agent that does not start fails alone")
    func failingAgent() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet, faults: ["h2": [.refuses(.agent, times: 3)]]) {
            fixture, hosts, world in
            let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
            await hosts.expectWhole(fleet, report)
            #expect(report.failures.map(\.entity) == ["h2"] && report.agentless == ["h2"])
            #expect(await hosts.agents().keys.sorted() == ["h1", "h3"])
        }
    }
}

import Foundation
import Hypervisor
import Placement
import Testing

/// Three daemons; the first one's node is nearly full, the others are empty.
@Suite("A ring of processes", .timeLimit(.minutes(2)))
struct LifeTests {
    private static let guests = ["n1": ["a", "b", "c", "d"].map { "\($0):cpu=700,memory=512" }]

    private func ring(
        linkMbps: Int = 10_000, mode: String = "auto", further: String = ""
    ) async throws -> RunningRing {
        try await RunningRing(
            TestRing(3, further: "mode: \(mode)\n\(further)"), guests: Self.guests, linkMbps: linkMbps)
    }

    /// Has the guest `a` want so much that its node is overloaded.
    private func overload(_ running: RunningRing) async throws {
        try await self.setDemand(of: "a", running, 1_500)
    }

    private func setDemand(of vm: VMID, _ running: RunningRing, _ cpuMillicores: Int) async throws {
        let driver = running.ring.driver("n1")
        try await driver.setDemand(of: vm, cpuMillicores: cpuMillicores)
        await driver.close()
    }

    /// Every guest runs, once.
    private func expectSound(_ running: RunningRing) async throws {
        for vm in ["a", "b", "c", "d"] {
            let places = try await running.ring.places(of: vm, on: running.ring.names)
            #expect(places.count == 1 && places[0].hasSuffix(":running"), "\(vm): \(places)")
        }
    }

    @Test("repairs an overload, and explains it afterwards")
    func repair() async throws {
        let running = try await self.ring()
        let events = try await running.ring.events("n1")
        try await self.overload(running)
        let ended = try await events.first("isp_ended")
        #expect(ended["facts"]["outcome"] == "solved", "\(ended)")
        let isp = try #require(ended["isp"].text)
        let explanation = try await running.ring.control("n1").ask("explain", ["isp": .text(isp)])
        #expect(explanation["isps"].elements.first?["outcome"] == "solved")
        #expect(explanation["migrations"].elements.map { $0["result"].text } == ["moved"])
        try await self.expectSound(running)
        await running.stop()
    }

    @Test("leaves what it cannot solve as a snapshot, which dvms plan finds impossible as well")
    func unsolved() async throws {
        let running = try await self.ring()
        let events = try await running.ring.events("n1")
        // More than any node has.
        try await self.setDemand(of: "a", running, 4_500)
        let unsolved = try await events.first("unsolved")
        let ended = try await events.first("isp_ended", after: unsolved) { $0["isp"] == unsolved["isp"] }
        #expect(["improved", "unsolvable"].contains(ended["facts"]["outcome"].text), "\(ended)")
        // An explanation waits until all is written.
        _ = try await running.ring.control("n1").ask("explain", ["isp": unsolved["isp"]])
        let file = try #require(unsolved["facts"]["file"].text)
        let end = try await ProgramProcess.run(.operatorTool, ["plan", "--snapshot", file])
        #expect(end.status == 3, "\(end)")
        #expect(end.output.hasPrefix("impossible"), "\(end)")
        await running.stop()
    }

    @Test("goes on when a hypervisor goes away and comes back")
    func hypervisorAwayAndBack() async throws {
        var running = try await self.ring()
        let events = try await running.ring.events("n2")
        try running.host("n2").signal(SIGKILL)
        let away = try await events.first("hypervisor_away")
        #expect(away["text"].text?.contains("does not answer") == true, "\(away)")
        #expect(try await running.ring.control("n2").ask("status")["hypervisor"] == .null)
        // Its node cannot be borrowed meanwhile; another one is.
        try await self.overload(running)
        let ended = try await running.ring.events("n1").first("isp_ended")
        #expect(ended["facts"]["outcome"] == "solved", "\(ended)")
        try await running.replaceHost("n2", ["e:cpu=100,memory=256"])
        try await events.first("hypervisor_back", after: away)
        #expect(try await running.ring.control("n2").ask("status")["hypervisor"] != .null)
        try await self.expectSound(running)
        await running.stop()
    }

    @Test("keeps every guest when the initiator is told to end in the middle of a migration")
    func terminateDuringMigration() async throws {
        // So slow that nothing can arrive before the test is over.
        let running = try await self.ring(linkMbps: 10)
        let initiator = try await running.ring.events("n1")
        let other = try await running.ring.events("n2")
        try await self.overload(running)
        try await initiator.first("flight_began")
        try await other.first("flight_began")
        try running.daemon("n1").signal(SIGTERM)
        let end = try await running.daemon("n1").end()
        #expect(end.status == 0, "\(end.errors)")
        try await other.first("node_released")
        try await other.first("member_changed") { $0["facts"]["member"] == "n1" && $0["facts"]["state"] == "left" }
        #expect(try await running.ring.control("n2").ask("status")["reservation"] == "free")
        try await self.expectSound(running)
        #expect(try await running.ring.places(of: "a", on: ["n1"]) == ["n1:running"])
        for node in ["n2", "n3"] {
            try running.daemon(node).signal(SIGTERM)
            #expect(try await running.daemon(node).end().status == 0)
        }
    }

    @Test("frees its nodes when the initiator is killed in the middle of a migration, and every guest runs once")
    func killDuringMigration() async throws {
        var running = try await self.ring(linkMbps: 10, further: "reservation: {lease: 4s, renew_interval: 900ms}")
        let other = try await running.ring.events("n2")
        let initiator = try await running.ring.events("n1")
        try await self.overload(running)
        let began = try await initiator.first("migration_progress")
        try running.daemon("n1").signal(SIGKILL)
        _ = try await running.daemon("n1").end()
        try await self.setDemand(of: "a", running, 700)
        // The new start finds the copy still under way, stops it, and tells the destination.
        try await running.replaceDaemon("n1")
        let restarted = try await running.ring.events("n1").first("agent_started", after: began)
        try await running.ring.events("n1").first("recovered", after: restarted)
        try await other.first("node_released")
        try await self.expectSound(running)
        await running.stop()
    }

    @Test("remembers what was before, over kill -9")
    func killAndRestart() async throws {
        var running = try await self.ring(mode: "recommend")
        let control = try await running.ring.control("n3")
        guard case .int(let boot) = try await control.ask("status")["boot"] else {
            Issue.record("the status names no boot")
            return
        }
        _ = try await control.ask("pause")
        _ = try await control.ask("drain")
        let drained = try await running.ring.events("n3").first("marked") { $0["text"] == "draining" }
        // An event is told before it is written; an explanation waits until all is written.
        await #expect(throws: ControlClient.Refusal.self) { _ = try await control.ask("explain", ["vm": "none"]) }
        try running.daemon("n3").signal(SIGKILL)
        _ = try await running.daemon("n3").end()
        try await running.replaceDaemon("n3")
        let events = try await running.ring.events("n3")
        #expect(try await events.first("marked") { $0["text"] == "draining" } == drained)
        // Events that were told and not yet written before the kill had numbers, which no later event may have.
        let started = try await events.first("agent_started", after: drained)
        #expect(started["sequence"] == .int(boot * 1_000_000_000 + 1))
        try await events.first("recovered", after: started)
        let again = try await running.ring.control("n3")
        let status = try await again.ask("status")
        #expect(status["boot"] == .int(boot + 1))
        #expect(status["paused"] == true)
        #expect(status["draining"] == true)
        _ = try await again.ask("resume")
        _ = try await again.ask("undrain")
        #expect(try await again.ask("status")["paused"] == false)
        await running.stop()
    }

    @Test("takes a new config on SIGHUP, and keeps the old one when the new one is wrong")
    func reload() async throws {
        let running = try await self.ring(mode: "recommend")
        let control = try await running.ring.control("n1")
        let daemon = try running.daemon("n1")
        #expect(try await control.ask("status")["mode"] == "recommend")
        try running.ring.configure(further: "mode: aut")
        daemon.signal(SIGHUP)
        let refused = try #require(await daemon.errors.first { $0.contains("not reloaded") })
        #expect(refused.contains("mode: expected one of off, recommend, auto"), "\(refused)")
        #expect(try await control.ask("status")["mode"] == "recommend")
        try running.ring.configure(further: "mode: auto\ncluster: other")
        await #expect(throws: ControlClient.Refusal.self) { _ = try await control.ask("reload") }
        try running.ring.configure(further: "mode: off")
        daemon.signal(SIGHUP)
        try #require(await daemon.errors.first { $0.hasSuffix("] reloaded") } != nil)
        #expect(try await control.ask("status")["mode"] == "off")
        await running.stop()
    }

    @Test("lets dvms plan see the whole ring through its sockets")
    func planOnLiveRing() async throws {
        let running = try await self.ring(mode: "off")
        let events = try await running.ring.events("n1")
        // Daemons do not tell their thresholds: it takes more than a node has.
        try await self.setDemand(of: "a", running, 2_000)
        try await events.first("trigger_began")
        let plan = try await ProgramProcess.run(
            .operatorTool, ["plan", "--socket", running.ring.folder.path, "--format", "json"])
        #expect(plan.status == 0 && plan.errors.isEmpty, "\(plan)")
        #expect(plan.output.contains("\"violations_before\": 1,\n  \"violations_after\": 0"), "\(plan)")
        #expect(plan.output.contains("\"reason\":\"relieves n1 of CPU overload\""), "\(plan)")
        await running.stop()
    }

    @Test("shows a plan in recommend mode, and carries it out when the operator says so")
    func recommendAndApply() async throws {
        let running = try await self.ring(mode: "recommend")
        let events = try await running.ring.events("n1")
        try await self.overload(running)
        let recommended = try await events.first("recommended")
        let isp = try #require(recommended["isp"].text)
        #expect(try await running.ring.places(of: "a", on: ["n1"]) == ["n1:running"])
        let applied = try await running.ring.control("n1").ask("apply", ["isp": .text(isp)])
        let ended = try await events.first("isp_ended") { $0["isp"] == applied["isp"] }
        #expect(ended["facts"]["outcome"] == "solved", "\(ended)")
        try await self.expectSound(running)
        await running.stop()
    }
}

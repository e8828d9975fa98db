import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

@Suite("What an operator asks of an agent")
struct OperatorTests {
    @Test("leaving twice, and stopping after it has left, comes to an end")
    func stopAfterLeave() async throws {
        let outcome = try await World.run(seed: 1) { world in
            let ring = try await RingWorld(world, nodes: 3)
            try await ring.startAll([:])
            try await ring.sleep(.seconds(5))
            try await ring.ask("n2") { await $0.leave(grace: .seconds(20)) }
            try await ring.ask("n2") { await $0.leave(grace: .seconds(20)) }
            try await ring.ask("n2") { await $0.stop(grace: .seconds(20)) }
            return world.now
        }
        #expect(outcome.value - .zero < .seconds(10))
    }

    @Test("stopping an agent with a flight under way ends its run, and the guest stays", arguments: Seeds.chosen(1...5))
    func stopInFlight(seed: UInt64) async throws {
        _ = try await World.run(seed: seed) { world in
            let ring = try await RingWorld(world, nodes: 3)
            try await ring.startAll(["n1": [1_500, 1_500, 900]])
            while try await ring.status("n1").flights == 0 { try await ring.sleep(.milliseconds(100)) }
            try await ring.ask("n1") { await $0.stop(grace: .seconds(20)) }
            try await ring.sleep(.seconds(15))
            #expect(try await ring.status("n2").reservation == "free", "seed \(seed): \(ring.story)")
            let places = try await ring.runningPlaces()
            #expect(places.count == 7 && places.values.allSatisfy { $0.count == 1 }, "seed \(seed): \(places)")
            #expect(places.filter { $0.key.name.hasPrefix("n1") }.values.allSatisfy { $0 == ["n1"] })
        }
    }

    @Test("after a migration that failed the guest bears no mark, and its past moves are not forgotten")
    func failedMigrationLeavesNoMark() async throws {
        _ = try await World.run(seed: 1) { world in
            let ring = try await RingWorld(world, nodes: 2)
            for node in ring.nodes { try await ring.addHost(node, demands: node == "n1" ? [2_000, 1_500] : [500]) }
            let fleet = ring.fleet
            let driver = try await ring.hosts.run { await fleet.driver(for: "n1") }
            try await ring.hosts.run { try await driver.setFaults(ModelledFaults(failNextMigration: .copy)) }
            for node in ring.nodes { try await ring.start(node) }
            let isOver: @Sendable () -> Bool = {
                ring.events.contains { told in
                    if case .flightEnded(_, _, .outgoing, .failed) = told.event { true } else { false }
                }
            }
            while !isOver() { try await ring.sleep(.milliseconds(10)) }
            let marks = try await ring.hosts.run { try await driver.sample() }.domains.compactMap(\.mark)
            #expect(marks.isEmpty, "\(marks)")
        }
    }

    @Test("a word that is given before the journal is read holds, and costs nothing that is written there")
    func wordBeforeJournal() async throws {
        _ = try await World.run(seed: 1) { world in
            let ring = try await RingWorld(world, nodes: 2)
            try await ring.startAll([:])
            try await ring.sleep(.seconds(5))
            #expect(try await ring.ask("n2") { await $0.pause() } == nil)
            let store = try #require(ring.members["n2"]?.store)
            try #require(ring.members["n2"]).process.crash()
            let time = world.time
            store.beforeAccess = { try await time.sleep(for: .milliseconds(500)) }
            try await ring.start("n2")
            #expect(try await ring.ask("n2") { await $0.drain() } == nil)
            try await ring.sleep(.seconds(5))
            let mode = try await ring.status("n2").marks
            #expect(mode.isDraining && mode.isPaused, "\(ring.story)")
        }
    }

    @Test("a word that the journal does not take holds, and whoever gave it is told that a restart ends it")
    func wordRefusedByJournal() async throws {
        _ = try await World.run(seed: 1) { world in
            let ring = try await RingWorld(world, nodes: 2)
            try await ring.startAll([:])
            try await ring.sleep(.seconds(5))
            try #require(ring.members["n2"]).store.beforeAccess = { throw Full() }
            let refusal = try await ring.ask("n2") { await $0.drain() }
            #expect(refusal?.contains("a restart may end it") == true, "\(refusal ?? "no refusal")")
            #expect(try await ring.status("n2").marks.isDraining)
        }
    }

    private struct Full: Error {}

    @Test("an overload that is no trigger is none; one that is injected is")
    func overloadDisabled() async throws {
        _ = try await World.run(seed: 1) { world in
            var settings = AgentSettings()
            settings.triggers.overloadEnabled = false
            let ring = try await RingWorld(world, nodes: 3, settings: settings)
            try await ring.startAll(["n1": [2_000, 1_500]])
            try await ring.sleep(.seconds(30))
            #expect(ring.outcomes.isEmpty)
            #expect(try await ring.ask("n1") { await $0.injectOverload() } == nil)
            try await ring.sleep(.seconds(30))
            #expect(ring.outcomes == [.solved], "\(ring.story)")
        }
    }
}

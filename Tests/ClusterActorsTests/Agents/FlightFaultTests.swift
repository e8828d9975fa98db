import Basis
import ClusterActors
import Hypervisor
import NIOCore
import Placement
import Simulation
import Testing
import Transport

/// Goal: a handover ends well however its two sides, their hypervisors and their journals fail. Method: one migration
/// from n1, whose only movable guest is one too many, and a fault at the step that it hurts.
@Suite("A migration under faults")
struct FlightFaultTests {
    static let movable: VMID = "n1-movable"

    /// A ring of which n1 must give ``movable`` away, with every invariant judged.
    private struct Stage: Sendable {
        var ring: RingWorld
        var watch: InvariantWatch

        init(_ world: World, nodes: Int = 3) async throws {
            self.ring = try await RingWorld(world, nodes: nodes)
            self.watch = InvariantWatch(
                world: world, ring: self.ring.nodes,
                bounds: InvariantBounds(
                    timings: self.ring.settings.timings, sampleInterval: self.ring.settings.triggers.sampleInterval,
                    stallMax: .seconds(2), replansMax: 2,
                    incomingMax: self.ring.settings.migration.incomingMax,
                    outgoingMax: self.ring.settings.migration.outgoingMax))
            for node in self.ring.nodes {
                var guests = [Self.guest("\(node)-rooted", cpuMillicores: 500, .rooted(reason: "a test"))]
                if node == "n1" {
                    guests = [
                        Self.guest("n1-rooted", cpuMillicores: 2_500, .rooted(reason: "a test")),
                        Self.guest(FlightFaultTests.movable.name, cpuMillicores: 900, .migratable),
                    ]
                }
                try await self.ring.addHost(
                    ModelledHostSettings(node: node, capacity: RingWorld.capacity), running: guests)
            }
            try await self.watch.watch(self.ring)
            for node in self.ring.nodes { try await self.ring.start(node) }
        }

        private static func guest(_ name: String, cpuMillicores: Int, _ migratability: Migratability) -> ModelledGuest {
            ModelledGuest(
                vm: VMID(stringLiteral: name),
                demand: Resources(cpuMillicores: cpuMillicores, memoryMiB: 1_024), dirtyMiBPerSecond: 5,
                migratability: migratability)
        }

        func setFaults(_ faults: ModelledFaults, on node: NodeID) async throws {
            let fleet = self.ring.fleet
            try await self.ring.hosts.run { try await fleet.driver(for: node).setFaults(faults) }
        }

        /// Returns in the first turn after somebody has told such an event.
        func wait(for matches: @escaping @Sendable (NodeID, AgentEvent) -> Bool) async throws {
            let (told, teller) = AsyncStream.makeStream(of: Void.self)
            self.watch.onFact = { fact in
                if case .told(let node, let event) = fact, matches(node, event) { teller.finish() }
            }
            for await _ in told {}
            self.watch.onFact = nil
        }

        func crash(_ node: NodeID) {
            self.ring.members[node]?.process.crash()
            self.watch.take(.crashed(node))
        }

        /// How the migrations of ``movable`` ended, as their initiators tell it.
        var results: [ActionResult] {
            self.ring.events.compactMap {
                if case .migrationEnded(_, FlightFaultTests.movable, _, _, let result, _, _) = $0.event {
                    result
                } else {
                    nil
                }
            }
        }

        /// The end: everything holds, and the guest runs on one node.
        func expectSound(sourceLocation: SourceLocation = #_sourceLocation) async throws {
            self.watch.conclude()
            for violation in self.watch.violations { Issue.record(violation, sourceLocation: sourceLocation) }
            let places = try await self.ring.runningPlaces()[FlightFaultTests.movable, default: []]
            #expect(places.count == 1, "\(places)", sourceLocation: sourceLocation)
        }
    }

    @Test("voids its ticket when it has ended")
    func ticketsEnd() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.ring.sleep(.seconds(40))
            #expect(stage.results == [.moved])
            try await stage.expectSound()
        }
    }

    @Test("is kept open at the destination for as long as a source may need that was told late to begin (T5)")
    func destinationOutlastsSource() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.setFaults(ModelledFaults(copiesStall: true), on: "n1")
            try await stage.wait { node, event in
                if case .flightBegan(_, _, .incoming, _) = event { node == "n2" } else { false }
            }
            // Two answers of n2 are lost, so the copy begins two seconds after the flight.
            stage.ring.network.setQuality(LinkQuality(lossPerMillion: 1_000_000), from: "n2", to: "n1")
            try await stage.ring.sleep(.milliseconds(1_500))
            stage.ring.network.setQuality(nil, from: "n2", to: "n1")
            try await stage.wait { _, event in
                if case .migrationEnded = event { true } else { false }
            }
            #expect("\(stage.results)".contains("time limit"), "\(stage.results)")
            try await stage.setFaults(ModelledFaults(), on: "n1")
            try await stage.ring.sleep(.seconds(120))
            try await stage.expectSound()
        }
    }

    @Test("is waited for by a destination that restarts after it told the source to begin")
    func restartedDestinationWaits() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.setFaults(ModelledFaults(answerDelay: .milliseconds(800)), on: "n1")
            try await stage.wait { _, event in
                if case .handover(_, _, .destination, .copying) = event { true } else { false }
            }
            // The answer is out, and the source still writes its mark.
            try await stage.ring.sleep(.milliseconds(5))
            stage.crash("n2")
            try await stage.ring.start("n2")
            try await stage.ring.sleep(.seconds(120))
            try await stage.expectSound()
        }
    }

    @Test("leaves the guest where it is until the destination knows that it was aborted")
    func abortedGuestStays() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.setFaults(ModelledFaults(failNextMigration: .arrival), on: "n1")
            try await stage.wait { _, event in
                if case .handover(_, _, .source, .copying) = event { true } else { false }
            }
            // The copy arrives whole, its source takes that for a failure, and n2 does not hear of it.
            stage.ring.network.setPlugged(false, "n2")
            try await stage.ring.sleep(.seconds(60))
            let doubts = try await stage.ring.status("n1").guestsInDoubt
            #expect(doubts.map(\.record.vm) == [Self.movable])
            #expect(stage.results.count == 1)
            // By now nobody but n1's hypervisor can tell n2 what became of the guest.
            stage.crash("n1")
            stage.ring.network.setPlugged(true, "n2")
            try await stage.ring.sleep(.seconds(60))
            try await stage.ring.start("n1")
            try await stage.ring.sleep(.seconds(120))
            try await stage.expectSound()
        }
    }

    @Test(
        "lets the guest run again after its hypervisor was silent when it was aborted", arguments: Seeds.chosen(1...6))
    func abortedGuestRuns(seed: UInt64) async throws {
        _ = try await World.run(seed: seed) { world in
            let stage = try await Stage(world)
            try await stage.wait { _, event in
                if case .migrationProgress = event { true } else { false }
            }
            // The copy ends while nobody hears of it: both copies stand still.
            try await stage.setFaults(ModelledFaults(isSilent: true), on: "n1")
            try await stage.ring.sleep(.seconds(15))
            try await stage.setFaults(ModelledFaults(), on: "n1")
            try await stage.wait { _, event in
                if case .handover(_, _, .source, .aborted) = event { true } else { false }
            }
            try await stage.setFaults(ModelledFaults(isSilent: true), on: "n1")
            try await stage.ring.sleep(.seconds(20))
            try await stage.setFaults(ModelledFaults(), on: "n1")
            try await stage.ring.sleep(.seconds(120))
            try await stage.expectSound()
        }
    }

    @Test("is known to have succeeded by a destination that restarts before it could write that down")
    func resumedThenRestarted() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.wait { _, event in
                if case .handover(_, _, .destination, .copying) = event { true } else { false }
            }
            let time = world.time
            stage.ring.members["n2"]?.store.beforeAccess = { try await time.sleep(for: .seconds(1)) }
            try await stage.wait { _, event in
                if case .handover(_, _, .source, .letGo) = event { true } else { false }
            }
            try await stage.ring.sleep(.milliseconds(300))
            stage.crash("n2")
            stage.ring.members["n2"]?.store.beforeAccess = nil
            try await stage.ring.start("n2")
            try await stage.ring.sleep(.seconds(60))
            #expect(stage.results == [.moved])
            try await stage.expectSound()
        }
    }

    @Test("is remembered by a destination that remembers many, until its source was told")
    func newestArrivalIsRemembered() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            let store = try #require(stage.ring.members["n2"]?.store)
            stage.crash("n2")
            for number in 1...HandoverRecord.settledMax {
                let action = ActionID(isp: ISPID(node: "n3", boot: 9, sequence: 1), number: 1_000 + UInt64(number))
                try await store.save(
                    HandoverRecord(
                        action: action, vm: Self.movable, role: .destination, peer: "n3",
                        peerEndpoint: MigrationEndpoint(uri: "n3"), phase: .resumed))
            }
            try await stage.ring.start("n2")
            try await stage.wait { _, event in
                if case .handover(_, _, .source, .letGo) = event { true } else { false }
            }
            stage.ring.network.setQuality(LinkQuality(lossPerMillion: 1_000_000), from: "n2", to: "n1")
            try await stage.ring.sleep(.seconds(4))
            stage.ring.network.setQuality(nil, from: "n2", to: "n1")
            try await stage.ring.sleep(.seconds(60))
            #expect(stage.results == [.moved])
            try await stage.expectSound()
        }
    }

    // MARK: - Records that outlived their handover

    /// What a store that would not forget it still holds of an old departure to n3.
    private static func staleDeparture(_ phase: HandoverPhase) -> HandoverRecord {
        HandoverRecord(
            action: ActionID(isp: ISPID(node: "n3", boot: 9, sequence: 1), number: 1), vm: Self.movable, role: .source,
            peer: "n3", peerEndpoint: MigrationEndpoint(uri: "n3"), phase: phase)
    }

    @Test(
        "is not kept from moving a guest that runs by the record of an older one",
        arguments: [HandoverPhase.copying, .letGo, .aborted])
    func staleRecordOfRunningGuest(phase: HandoverPhase) async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.ring.sleep(.seconds(1))
            stage.crash("n1")
            try await stage.ring.members["n1"]?.store.save(Self.staleDeparture(phase))
            try await stage.ring.start("n1")
            try await stage.ring.sleep(.seconds(60))
            #expect(stage.results == [.moved], "\(stage.ring.story)")
            try await stage.expectSound()
        }
    }

    @Test(
        "is not undone by the record of an older one, whose decision is about another copy",
        arguments: [HandoverPhase.letGo, .aborted])
    func staleRecordOfArrivingGuest(phase: HandoverPhase) async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.wait { _, event in
                if case .migrationProgress = event { true } else { false }
            }
            stage.crash("n2")
            try await stage.ring.members["n2"]?.store.save(Self.staleDeparture(phase))
            try await stage.wait { _, event in
                if case .handover(_, _, .source, .letGo) = event { true } else { false }
            }
            // The copy at n2 is the only one now, and n2 is not told yet that it may run.
            try await stage.ring.sleep(.seconds(2))
            stage.ring.network.setPlugged(false, "n1")
            try await stage.ring.start("n2")
            try await stage.ring.sleep(.seconds(10))
            stage.ring.network.setPlugged(true, "n1")
            try await stage.ring.sleep(.seconds(110))
            #expect(try await stage.ring.runningPlaces()[Self.movable] == ["n2"], "\(stage.ring.story)")
            try await stage.expectSound()
        }
    }

    @Test("is not begun with a guest whose last one the journal will not forget")
    func unforgottenHandover() async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.setFaults(ModelledFaults(failNextMigration: .arrival), on: "n1")
            try await stage.wait { _, event in
                if case .handover(_, _, .source, .aborted) = event { true } else { false }
            }
            let store = try #require(stage.ring.members["n1"]?.store)
            store.beforeAccess = { throw FullDisk() }
            try await stage.ring.sleep(.seconds(60))
            #expect(stage.results.count == 1, "\(stage.ring.story)")
            let guest = try await stage.ring.ask("n1") { await $0.virtualMachines() }.first { $0.vm == Self.movable }
            #expect(guest?.migratability == .rooted(reason: "the journal still holds its last handover"))
            store.beforeAccess = nil
            try await stage.ring.sleep(.seconds(120))
            #expect(stage.results.last == .moved, "\(stage.ring.story)")
            #expect(try await store.load().handovers == [])
            try await stage.expectSound()
        }
    }

    private struct FullDisk: Error {}

    @Test(
        "is not denied by an agent that has not read its journal yet",
        arguments: [
            (said: HandoverPhase.letGo, answer: HandoverPhase.arrived), (said: .aborted, answer: .arrived),
            (said: .arrived, answer: .copying),
        ])
    func unreadJournal(said: HandoverPhase, answer: HandoverPhase) async throws {
        _ = try await World.run(seed: 1) { world in
            let stage = try await Stage(world)
            try await stage.ring.sleep(.seconds(1))
            stage.crash("n2")
            let time = world.time
            stage.ring.members["n2"]?.store.beforeAccess = { try await time.sleep(for: .seconds(5)) }
            try await stage.ring.start("n2")
            try await stage.ring.sleep(.seconds(1))
            let action = ActionID(isp: ISPID(node: "n1", boot: 1, sequence: 1), number: 1)
            let body = MessageCodec.encode(.handover(action, vm: Self.movable, said))
            let reply: ByteBuffer? = try await stage.ring.ask("n2") { agent in
                switch agent.answer(body, from: "n1") {
                case .now(let reply): return reply
                case .later(let work): return await work()
                }
            }
            #expect(try MessageCodec.decodeReply(try #require(reply)) == .handover(answer))
        }
    }
}

import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

/// Goal: a node refuses orders that would let a guest run twice or hold the node for ever, whoever gives them.
/// Method: one node of a ring is played by the test, which reserves the others and orders what no agent would.
@Suite("An order")
struct OrderTests {
    /// A ring of four in which the test plays n3.
    private static func withImpostor(
        _ body: @escaping @Sendable (RingWorld, Impostor) async throws -> Void
    ) async throws {
        _ = try await World.run(seed: 1) { world in
            var settings = AgentSettings()
            settings.migration.outgoingMax = 2
            settings.migration.incomingMax = 2
            let ring = try await RingWorld(world, nodes: 4, settings: settings)
            for node in ["n1", "n2", "n4"] as [NodeID] {
                try await ring.addHost(node, demands: [500])
                try await ring.start(node)
            }
            try await ring.sleep(.seconds(10))
            try await body(ring, Impostor("n3", in: ring, world))
        }
    }

    @Test("for a guest that is on its way already is refused: the mark of a second copy would hide the first")
    func twoCopies() async throws {
        try await Self.withImpostor { ring, impostor in
            let source = try await impostor.reserve("n1")
            var orders: [MigrateOrder] = []
            for (number, destination) in [(1, "n2"), (2, "n4")] as [(UInt64, NodeID)] {
                orders.append(
                    MigrateOrder(
                        token: impostor.token(source), action: impostor.action(number), vm: "n1-vm1",
                        destination: destination, destinationEpoch: try await impostor.reserve(destination).epoch))
            }
            #expect(try await impostor.ask("n1", .migrate(orders[0])) == .migrate(.accepted))
            #expect(
                try await impostor.ask("n1", .migrate(orders[1]))
                    == .migrate(.refused(reason: "n1-vm1 is on its way already")))
            try await ring.sleep(.seconds(30))
            #expect(try await ring.runningPlaces()["n1-vm1"] == ["n2"], "\(ring.story)")
        }
    }

    /// An invitation of n2 by n3 for a guest that n3 says it has.
    private static func invitation(
        _ impostor: Impostor, _ grant: Grant, number: UInt64, lasting flightTimeout: Duration = .seconds(60)
    ) -> IncomingOrder {
        IncomingOrder(
            token: impostor.token(grant), action: impostor.action(number), vm: "n3-vm1", source: "n3",
            sourceEndpoint: MigrationEndpoint(uri: "modelled:n3"),
            needs: Resources(cpuMillicores: 100, memoryMiB: 1_024), cpuRequirement: "", flightTimeout: flightTimeout,
            pastMoves: [])
    }

    @Test("to take a guest in that is expected already is refused")
    func expectedTwice() async throws {
        try await Self.withImpostor { ring, impostor in
            let grant = try await impostor.reserve("n2")
            guard
                case .incoming(.ready) = try await impostor.ask(
                    "n2", .incoming(Self.invitation(impostor, grant, number: 1)))
            else {
                Issue.record("the first invitation was not accepted")
                return
            }
            #expect(
                try await impostor.ask("n2", .incoming(Self.invitation(impostor, grant, number: 2)))
                    == .incoming(.refused(reason: "n3-vm1 is on its way to n2 already")))
        }
    }

    @Test("to take a guest in is refused while tickets of earlier flights wait for a hypervisor that does not answer")
    func ticketsToBeVoided() async throws {
        try await Self.withImpostor { ring, impostor in
            let grant = try await impostor.reserve("n2")
            let fleet = ring.fleet
            func set(_ faults: ModelledFaults) async throws {
                try await ring.hosts.run { _ = try await fleet.driver(for: "n2").ask(.setFaults(faults)) }
            }
            // A sample that was answered before the silence arrives in it, so that n2 takes its hypervisor for back; and the
            // next one is long in failing.
            try await set(ModelledFaults(answerDelay: .seconds(1)))
            try await ring.sleep(.milliseconds(2_500))
            try await set(ModelledFaults(isSilent: true, answerDelay: .seconds(1)))
            try await ring.sleep(.milliseconds(1_700))
            try await set(ModelledFaults(isSilent: true))
            var reasons: [String] = []
            for number in 1...4 as ClosedRange<UInt64> {
                let reply = try await impostor.ask(
                    "n2", .incoming(Self.invitation(impostor, grant, number: number)))
                if case .incoming(.refused(let reason)) = reply { reasons.append(reason) }
            }
            let silence = "unreachable: the hypervisor of n2 does not answer"
            let waits = "the hypervisor of n2 has yet to void 2 tickets"
            #expect(reasons == [silence, silence, waits, waits], "\(ring.story)")
            try await set(ModelledFaults())
            try await ring.sleep(.seconds(4))
            let after = try await impostor.ask("n2", .incoming(Self.invitation(impostor, grant, number: 5)))
            guard case .incoming(.ready) = after else {
                Issue.record("the invitation after that was not accepted: \(after)")
                return
            }
        }
    }

    @Test("to take a guest in for longer than flights last here is refused: it would hold the node")
    func endlessFlight() async throws {
        try await Self.withImpostor { ring, impostor in
            let grant = try await impostor.reserve("n2")
            let order = Self.invitation(impostor, grant, number: 1, lasting: .seconds(1 << 31))
            guard case .incoming(.refused(let reason)) = try await impostor.ask("n2", .incoming(order)) else {
                Issue.record("the invitation was not refused")
                return
            }
            #expect(reason.hasPrefix("the flight may last"), "\(reason)")
        }
    }
}

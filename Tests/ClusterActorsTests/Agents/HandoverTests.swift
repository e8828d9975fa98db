import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

/// Goal: a handover goes on when one of its agents cannot be reached, and nothing is decided while the copy could still
/// belie it. Method: agents are cut off from each other while the hypervisors go on copying.
@Suite("A handover whose agents cannot talk")
struct HandoverTests {
    private static let pollsMax = 1_200
    private static let poll = Duration.milliseconds(50)

    /// Looks every 50 ms of virtual time until `find` gives something, for a minute.
    private func first<Value>(in ring: RingWorld, _ find: () async throws -> Value?) async throws -> Value? {
        for _ in 1...Self.pollsMax {
            if let value = try await find() { return value }
            try await ring.sleep(Self.poll)
        }
        return nil
    }

    /// An overloaded n1, up to the moment when the memory of one of its guests flows.
    private func startCopy(_ world: World) async throws -> (ring: RingWorld, vm: VMID, destination: NodeID) {
        let ring = try await RingWorld(world, nodes: 4)
        try await ring.startAll(["n1": [1_500, 1_500, 900]])
        let flight = try await self.first(in: ring) {
            ring.events.lazy.compactMap { entry -> (VMID, NodeID)? in
                guard entry.node == "n1", case .flightBegan(_, let vm, .outgoing, let peer) = entry.event else {
                    return nil
                }
                return (vm, peer)
            }.first
        }
        let (vm, destination) = try #require(flight)
        let flows = try await self.first(in: ring) { try await self.flows(in: ring) > 0 ? true : nil }
        #expect(flows == true, "\(ring.story)")
        return (ring, vm, destination)
    }

    private func flows(in ring: RingWorld) async throws -> Int {
        let fleet = ring.fleet
        return try await ring.hosts.run { await fleet.flows().count }
    }

    private func decision(_ phase: HandoverPhase, in ring: RingWorld) -> MonotonicInstant? {
        ring.events.first {
            if case .handover(_, _, .source, phase) = $0.event { $0.node == "n1" } else { false }
        }?.at
    }

    @Test("a guest is let run when its source's hypervisor shows that it is gone, long before the flight's time-out")
    func silentSource() async throws {
        _ = try await World.run(seed: 1) { world in
            let (ring, vm, destination) = try await self.startCopy(world)
            ring.network.split(NetworkSplit(["n1"], from: ["n2", "n3", "n4"]))
            let letGo = try #require(try await self.first(in: ring) { self.decision(.letGo, in: ring) })
            let running = try await self.first(in: ring) {
                try await ring.runningPlaces()[vm] == [destination] ? world.time.now : nil
            }
            let stood = try #require(running, "\(ring.story)") - letGo
            // Two unanswered questions and the pauses between them.
            #expect(stood < .seconds(10), "\(stood): \(ring.story)")
        }
    }

    @Test("a source whose hypervisor was away ends the copy before it decides to keep the guest")
    func noDecisionWhileMemoryFlows() async throws {
        _ = try await World.run(seed: 1) { world in
            let (ring, vm, _) = try await self.startCopy(world)
            ring.network.split(NetworkSplit(["n1"], from: ["n2", "n3", "n4"]))
            let fleet = ring.fleet
            for isSilent in [true, false] {
                _ = try await ring.hosts.run {
                    try await fleet.driver(for: "n1").ask(.setFaults(ModelledFaults(isSilent: isSilent)))
                }
                // Once the hypervisor is back the agent may end the copy at once.
                if isSilent { #expect(try await self.flows(in: ring) == 1) }
            }
            let aborted = try await self.first(in: ring) { self.decision(.aborted, in: ring) }
            _ = try #require(aborted, "\(ring.story)")
            #expect(try await self.flows(in: ring) == 0, "\(ring.story)")
            #expect(try await ring.runningPlaces()[vm] == ["n1"])
        }
    }

    @Test("a flight that has ended leaves no ticket behind")
    func noTicketStaysOpen() async throws {
        _ = try await World.run(seed: 1) { world in
            let (ring, vm, destination) = try await self.startCopy(world)
            let fleet = ring.fleet
            #expect(try await ring.hosts.run { await fleet.openTickets() }[destination] == 1)
            let settled = try await self.first(in: ring) {
                try await ring.runningPlaces()[vm] == [destination] && ring.outcomes == [.solved] ? true : nil
            }
            #expect(settled == true, "\(ring.story)")
            #expect(try await ring.hosts.run { await fleet.openTickets() }.values.allSatisfy { $0 == 0 })
        }
    }

    @Test(
        "a destination that lost the copy learns from its source that nothing comes, and does not wait for a time-out")
    func lostCopy() async throws {
        _ = try await World.run(seed: 1) { world in
            let (ring, vm, destination) = try await self.startCopy(world)
            let fleet = ring.fleet
            // The word "aborted" finds a hypervisor that does not answer, for longer than it is repeated.
            for (node, isSilent, pause) in [(destination, true, 30), (destination, false, 10)] {
                try await ring.hosts.run {
                    _ = try await fleet.driver(for: node).ask(.setFaults(ModelledFaults(isSilent: isSilent)))
                    if isSilent { try await fleet.driver(for: "n1").abortMigration(of: vm) }
                }
                try await ring.sleep(.seconds(pause))
            }
            let ended = ring.events.contains {
                if case .flightEnded(_, vm, .incoming, .failed) = $0.event { $0.node == destination } else { false }
            }
            #expect(ended, "\(ring.story)")
            #expect(try await ring.runningPlaces()[vm] == ["n1"])
        }
    }
}

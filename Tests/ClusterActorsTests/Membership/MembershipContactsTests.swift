import Basis
import ClusterActors
import Testing

@Suite("a membership machine: entering and leaving")
struct MembershipContactsTests {
    @Test("asks for its first wake-up within one interval, and contacts three members")
    func start() throws {
        let config = try RingConfig(members: (0..<8).map(MembershipBench.member))
        for seed in 0..<UInt64(50) {
            var rng = SplitMix64(seed: seed)
            var machine = Membership(config: config, local: MembershipBench.member(0), boot: 1, using: &rng)
            let effects = machine.handle(.start, at: .zero, using: &rng)
            let wake = try #require(effects.wakeAt)
            #expect(wake - .zero <= .seconds(1), "seed \(seed)")
            #expect(Set(effects.sent.map(\.to)).count == 3, "seed \(seed)")
            #expect(machine.handle(.start, at: .zero, using: &rng).isEmpty, "seed \(seed)")
        }
    }

    @Test("keeps asking one member more per interval until one has answered")
    func introduction() throws {
        let config = try RingConfig(members: (0..<3).map(MembershipBench.member))
        var rng = SplitMix64(seed: 1)
        var machine = Membership(config: config, local: MembershipBench.member(0), boot: 1, using: &rng)
        var now = MonotonicInstant.zero
        var attempts = 0
        var effects = machine.handle(.start, at: now, using: &rng)
        for _ in 0..<60 {
            for request in effects.sent {
                if case .exchange = request.message { attempts += 1 }
                effects += machine.handle(.failed(request.id), at: now, using: &rng)
            }
            now = now + .seconds(1)
            effects = machine.handle(.wake, at: now, using: &rng)
        }
        #expect(attempts > 10)
    }

    @Test("says goodbye to five members and departs when all have ended", arguments: [false, true])
    func leave(answered: Bool) throws {
        let bench = try MembershipBench(20)
        let goodbyes = bench.handle(.leave).sent
        #expect(goodbyes.count == 5)
        for (index, goodbye) in goodbyes.enumerated() {
            guard case .probe(let gossip) = goodbye.message else {
                Issue.record("\(goodbye.message)")
                return
            }
            #expect(gossip.contains(MembershipBench.update(0, .left)))
            let effects = bench.handle(answered ? .replied(goodbye.id, .alive(gossip: [])) : .failed(goodbye.id))
            #expect(effects.contains(.departed) == (index == 4))
        }
        // It answers, but refutes nothing and asks for nothing any more.
        #expect(bench.gossip([MembershipBench.update(0, .dead, 3)]).contains(MembershipBench.update(0, .left)))
        bench.now = bench.now + .seconds(10)
        #expect(bench.handle(.wake).isEmpty)
        // Whoever asks again is told again: it would wait for ever.
        #expect(bench.handle(.leave) == [.departed])
    }

    @Test("departs at once when it is alone, and when it never started")
    func leaveAlone() throws {
        let alone = try MembershipBench(1)
        #expect(alone.handle(.leave).contains(.departed))
        var rng = SplitMix64(seed: 1)
        var idle = Membership(
            config: try RingConfig(members: [MembershipBench.member(0)]), local: MembershipBench.member(0), boot: 1,
            using: &rng)
        #expect(idle.handle(.leave, at: .zero, using: &rng) == [.departed])
    }

    @Test("suspects, after it has left and entered again, whom it suspected, and declares it dead in the end")
    func suspicionOutlivesGoodbye() throws {
        let bench = try MembershipBench(4)
        _ = bench.gossip([MembershipBench.update(2, .suspect, by: "n1")])
        for goodbye in bench.handle(.leave).sent { _ = bench.handle(.failed(goodbye.id)) }
        _ = bench.handle(.join(seed: MembershipBench.member(1)))
        #expect(bench.machine.view.state(of: "n2") == .suspect)
        for _ in 0..<120 {
            bench.now = bench.now + .seconds(1)
            _ = bench.handle(.wake)
        }
        #expect(bench.machine.view.state(of: "n2") == .dead)
    }

    @Test("enters again under a higher incarnation")
    func rejoin() throws {
        let bench = try MembershipBench(2)
        for goodbye in bench.handle(.leave).sent {
            _ = bench.handle(.failed(goodbye.id))
        }
        let effects = bench.handle(.join(seed: MembershipBench.member(1)))
        #expect(bench.machine.incarnation == 1)
        #expect(bench.machine.view.state(of: "n0") == .alive)
        #expect(effects.sent.map(\.to) == ["n1"])
    }

    @Test("contacts dead members now and then, at a rate for the ring as a whole")
    func healing() throws {
        let bench = try MembershipBench(100)
        _ = bench.gossip((1...2).map { MembershipBench.update($0, .dead, 1) })
        var contacted: [NodeID] = []
        for _ in 0..<20_000 {
            bench.now = bench.now + .seconds(1)
            for request in bench.handle(.wake).sent {
                if bench.machine.view.state(of: request.to) == .dead { contacted.append(request.to) }
                _ = bench.handle(.replied(request.id, .alive(gossip: [])))
            }
        }
        // 2,000 heal intervals × 3 × 2 dead / 98 live.
        #expect((80...170).contains(contacted.count), "\(contacted.count)")
        #expect(Set(contacted) == ["n1", "n2"])
    }
}

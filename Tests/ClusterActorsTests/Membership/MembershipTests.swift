import Basis
import ClusterActors
import Testing

@Suite("a membership machine: probing")
struct MembershipProbingTests {
    @Test("probes every other member once in each pass, in an order that changes")
    func passes() throws {
        let bench = try MembershipBench(10)
        var passes: [[NodeID]] = []
        for _ in 0..<4 {
            var pass: [NodeID] = []
            for _ in 0..<9 {
                let probe = try #require(bench.nextProbe())
                pass.append(probe.target)
                _ = bench.handle(.replied(probe.id, .alive(gossip: [])))
            }
            passes.append(pass)
        }
        for pass in passes {
            #expect(Set(pass) == Set((1..<10).map { MembershipBench.member($0).id }))
        }
        #expect(Set(passes).count > 1)
    }

    @Test("asks three others when a probe is not answered, and accuses when none of them has an answer")
    func indirectProbe() throws {
        let bench = try MembershipBench(10)
        let probe = try #require(bench.nextProbe())
        let requests = bench.handle(.failed(probe.id)).sent
        #expect(requests.count == 3)
        #expect(Set(requests.map(\.to)).count == 3)
        for request in requests {
            guard case .probeRequest(probe.target, _) = request.message else {
                Issue.record("\(request.message)")
                return
            }
            #expect(request.to != probe.target)
            #expect(request.timeout == .milliseconds(600))
        }
        #expect(bench.handle(.replied(requests[0].id, .targetSilent(gossip: []))).changes.isEmpty)
        #expect(bench.handle(.failed(requests[1].id)).changes.isEmpty)
        let changes = bench.handle(.replied(requests[2].id, .targetSilent(gossip: []))).changes
        #expect(changes.map(\.new) == [.suspect])
        #expect(changes.map(\.member.id) == [probe.target])
        // The accusation is told, with the accuser.
        #expect(bench.gossip([]).contains { $0.member.id == probe.target && $0.accuser == "n0" })
    }

    @Test("does not accuse a member that one relay reaches")
    func relayReaches() throws {
        let bench = try MembershipBench(10)
        let probe = try #require(bench.nextProbe())
        let requests = bench.handle(.failed(probe.id)).sent
        _ = bench.handle(.replied(requests[0].id, .targetAlive(gossip: [])))
        _ = bench.handle(.failed(requests[1].id))
        _ = bench.handle(.failed(requests[2].id))
        #expect(bench.machine.view.state(of: probe.target) == .alive)
    }

    @Test("does not accuse a member that refuted while it was being probed")
    func refutedMeanwhile() throws {
        let bench = try MembershipBench(2)
        let probe = try #require(bench.nextProbe())
        _ = bench.gossip([MembershipBench.update(1, .alive, 1)])
        _ = bench.handle(.failed(probe.id))
        #expect(bench.machine.view.state(of: "n1") == .alive)
    }

    @Test("probes less often and waits longer while its relays do not answer, and recovers")
    func localHealth() throws {
        let bench = try MembershipBench(10)
        let probe = try #require(bench.nextProbe())
        for request in bench.handle(.failed(probe.id)).sent {
            _ = bench.handle(.failed(request.id))
        }
        // Three answers are missing: intervals and time-outs are four times as long.
        let begin = bench.now
        _ = try #require(bench.nextProbe())
        let due = try #require(bench.handle(.wake).wakeAt)
        #expect(due - bench.now == .seconds(4), "\(due - bench.now) after \(bench.now - begin)")
    }

    @Test("probes those next that others found silent, first come, first served, once")
    func hints() throws {
        let bench = try MembershipBench(50)
        for node in ["n7", "n9", "n7", "n0", "unknown"] as [NodeID] {
            _ = bench.handle(.foundSilent(node))
        }
        for expected in ["n7", "n9"] as [NodeID] {
            let probe = try #require(bench.nextProbe())
            #expect(probe.target == expected)
            _ = bench.handle(.replied(probe.id, .alive(gossip: [])))
        }
    }

    @Test("probes for others, tells what it found, and refuses beyond its limit")
    func relay() throws {
        var settings = MembershipSettings()
        settings.relaysMax = 2
        let bench = try MembershipBench(5, settings: settings)
        func ask(_ target: NodeID) -> (Membership.Answer, [Membership.Effect]) {
            bench.machine.answer(
                .probeRequest(target: target, gossip: []), from: "n1", at: bench.now, using: &bench.rng)
        }
        #expect(ask("n0").0 == .now(.targetAlive(gossip: [])))
        #expect(ask("unknown").0 == .now(.targetSilent(gossip: [])))
        var relays: [(Membership.RelayID, Membership.RequestID)] = []
        for target in ["n2", "n3"] as [NodeID] {
            let (answer, effects) = ask(target)
            guard case .later(let relay) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(effects.sent.map(\.to) == [target])
            relays.append((relay, effects.sent[0].id))
        }
        #expect(ask("n4").0 == .now(.targetSilent(gossip: [])))
        let found = bench.handle(.replied(relays[0].1, .alive(gossip: [])))
        #expect(found == [.answer(relays[0].0, .targetAlive(gossip: []))])
        let silent = bench.handle(.failed(relays[1].1))
        #expect(silent == [.answer(relays[1].0, .targetSilent(gossip: []))])
        // A relay does not accuse: it was not its round.
        #expect(bench.machine.view.state(of: "n3") == .alive)
    }

    @Test("ignores an answer to a request that is not under way")
    func unknownAnswer() throws {
        let bench = try MembershipBench(3)
        let probe = try #require(bench.nextProbe())
        _ = bench.handle(.replied(probe.id, .alive(gossip: [])))
        #expect(bench.handle(.replied(probe.id, .alive(gossip: [MembershipBench.update(2, .dead, 9)]))).isEmpty)
        #expect(bench.machine.view.state(of: "n2") == .alive)
    }
}

@Suite("a membership machine: facts")
struct MembershipFactsTests {
    @Test(
        "refutes what is said about itself by outranking it",
        arguments: [
            (boot: 1, MemberState.suspect, 0, expected: 1), (1, .dead, 7, 8), (1, .left, 3, 4), (1, .alive, 0, 0),
            (1, .alive, 5, 6), (3, .dead, 1, 2 << 24), (3, .suspect, 2 << 24, (2 << 24) + 1),
        ] as [(boot: UInt64, MemberState, UInt64, expected: UInt64)])
    func refutation(boot: UInt64, state: MemberState, incarnation: UInt64, expected: UInt64) throws {
        let bench = try MembershipBench(4, boot: boot)
        let told = bench.gossip([MembershipBench.update(0, state, incarnation)])
        #expect(bench.machine.incarnation == expected)
        #expect(bench.machine.view.state(of: "n0") == .alive)
        if state != .alive {
            #expect(told.first == MembershipBench.update(0, .alive, expected))
        }
    }

    @Test("ignores incarnations that nobody could outrank")
    func absurdIncarnation() throws {
        let bench = try MembershipBench(4)
        _ = bench.gossip([
            MembershipBench.update(0, .dead, .max), MembershipBench.update(2, .dead, .max),
            MembershipBench.update(3, .dead, 1 << 63),
        ])
        #expect(bench.machine.incarnation == 0)
        #expect(bench.machine.view.liveCount == 4)
        _ = bench.gossip([MembershipBench.update(0, .dead, (1 << 63) - 1)])
        #expect(bench.machine.incarnation == 1 << 63)
    }

    @Test("lets a member refute the highest incarnation that can be said of it, and lives on with that")
    func highestIncarnation() throws {
        let bench = try MembershipBench(4)
        _ = bench.gossip([MembershipBench.update(2, .dead, (1 << 63) - 1)])
        #expect(bench.machine.view.state(of: "n2") == .dead)
        _ = bench.gossip([MembershipBench.update(2, .alive, 1 << 63)])
        #expect(bench.machine.view.state(of: "n2") == .alive)
        _ = bench.gossip([MembershipBench.update(0, .alive, 1 << 63)])
        #expect(bench.machine.incarnation == 1 << 63)
    }

    @Test(
        "lets a suspicion last by the number of those who confirm it",
        arguments: [(0, 48), (1, 28), (2, 18), (3, 8), (5, 8)])
    func suspicionTime(confirmations: Int, seconds: Int) throws {
        // 8 members: 4 + ⌈log₂ 9⌉ periods of 1 s at the least, six times as long at the most.
        let bench = try MembershipBench(8)
        let begin = bench.now
        _ = bench.gossip([MembershipBench.update(7, .suspect, 0, by: "n1")])
        for accuser in 0..<confirmations {
            _ = bench.gossip([MembershipBench.update(7, .suspect, 0, by: MembershipBench.member(2 + accuser % 4).id)])
            // Said twice, it counts once.
            _ = bench.gossip([MembershipBench.update(7, .suspect, 0, by: "n1")])
        }
        var deadAfter: Duration?
        while deadAfter == nil, bench.now - begin < .seconds(100) {
            bench.now = bench.now + .milliseconds(500)
            for effect in bench.handle(.wake) {
                if case .send(let id, _, .probe, _) = effect {
                    _ = bench.handle(.replied(id, .alive(gossip: [])))
                }
                if case .viewChanged(let change) = effect, change.new == .dead {
                    deadAfter = bench.now - begin
                }
            }
        }
        #expect(deadAfter == .seconds(seconds))
    }

    @Test("does not count the time during which it did not run against suspects")
    func lateWake() throws {
        let bench = try MembershipBench(8)
        _ = bench.gossip([MembershipBench.update(7, .suspect, 0, by: "n1")])
        bench.now = bench.now + .seconds(300)
        #expect(!bench.handle(.wake).changes.contains { $0.new == .dead })
        #expect(bench.machine.view.state(of: "n7") == .suspect)
    }

    @Test("passes a fact on as often as the ring needs, then no more")
    func dissemination() throws {
        let bench = try MembershipBench(8)
        var told = 0
        for _ in 0..<40
        where bench.gossip([MembershipBench.update(7, .dead, 2)]).contains(MembershipBench.update(7, .dead, 2)) {
            told += 1
        }
        // 7 are live: 3 × ⌈log₂ 8⌉, in bits of the number 7.
        #expect(told == 9)
    }

    @Test("keeps gossip within its size, the least told first")
    func gossipSize() throws {
        var settings = MembershipSettings()
        settings.gossipBytesMax = 2_000
        let bench = try MembershipBench(200, settings: settings)
        let first = bench.gossip((1..<200).map { MembershipBench.update($0, .alive, 1) })
        #expect(first.reduce(0) { $0 + $1.bytesBound } <= 2_000)
        #expect(first.count > 20)
        let second = bench.gossip([])
        #expect(Set(first).isDisjoint(with: second))
    }

    @Test("tells a member first what is said about it")
    func tellsSuspect() throws {
        let bench = try MembershipBench(8)
        for _ in 0..<40 {
            _ = bench.gossip([MembershipBench.update(7, .suspect, 4, by: "n3")])
        }
        #expect(bench.gossip([], from: "n7") == [MembershipBench.update(7, .suspect, 4, by: "n3")])
        #expect(bench.gossip([], from: "n6").isEmpty)
    }

    @Test("takes what an exchange calls dead for suspect, and what gossip calls dead for dead")
    func exchangedDeath() throws {
        let bench = try MembershipBench(8)
        _ = bench.machine.answer(
            .exchange(updates: [MembershipBench.update(5, .dead, 1)], ring: 0), from: "n1", at: bench.now,
            using: &bench.rng)
        #expect(bench.machine.view.state(of: "n5") == .suspect)
        _ = bench.gossip([MembershipBench.update(6, .dead, 1)])
        #expect(bench.machine.view.state(of: "n6") == .dead)
    }

    @Test("answers an exchange with what differs, or with everything to one who has another ring config")
    func exchange() throws {
        let bench = try MembershipBench(8)
        _ = bench.gossip([MembershipBench.update(5, .dead, 1), MembershipBench.update(20, .alive, 2)])
        func ask(ring: UInt64) -> [MemberUpdate] {
            let (answer, _) = bench.machine.answer(
                .exchange(updates: [], ring: ring), from: "n1", at: bench.now, using: &bench.rng)
            guard case .now(.exchange(let updates)) = answer else { return [] }
            return updates
        }
        let differences = [
            MembershipBench.update(0, .alive), MembershipBench.update(5, .dead, 1),
            MembershipBench.update(20, .alive, 2),
        ]
        #expect(Set(ask(ring: bench.machine.view.config.digest)) == Set(differences))
        #expect(ask(ring: 1).count == 9)
    }

    @Test("takes in no more members than it may, and none that are gone already")
    func joinedLimit() throws {
        var settings = MembershipSettings()
        settings.joinedMax = 3
        let bench = try MembershipBench(2, settings: settings)
        _ = bench.gossip([MembershipBench.update(50, .dead), MembershipBench.update(51, .left)])
        #expect(bench.machine.view.joinedCount == 0)
        _ = bench.gossip((60..<70).map { MembershipBench.update($0, .alive) })
        #expect(bench.machine.view.joinedCount == 3)
    }

    @Test("forgets a member that is gone and not listed after a day")
    func tombstones() throws {
        let bench = try MembershipBench(2)
        _ = bench.gossip([MembershipBench.update(50, .alive), MembershipBench.update(50, .left)])
        #expect(bench.machine.view.state(of: "n50") == .left)
        bench.now = bench.now + .seconds(86_000)
        _ = bench.handle(.wake)
        #expect(bench.machine.view.state(of: "n50") == .left)
        bench.now = bench.now + .seconds(500)
        _ = bench.handle(.wake)
        #expect(bench.machine.view.state(of: "n50") == nil)
    }
}

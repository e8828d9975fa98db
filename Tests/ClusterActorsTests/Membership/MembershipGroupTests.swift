import Basis
import ClusterActors
import Testing

/// Whole groups of members under virtual time: what failure detection and gossip promise, and how soon.
@Suite("a group of members")
struct MembershipGroupTests {
    @Test("learns of a crash within the bound", arguments: [(3, 1), (4, 2), (16, 3), (64, 4), (64, 5), (200, 6)])
    func crash(count: Int, seed: UInt64) throws {
        var group = try MemberGroup.ring(count, seed: seed)
        group.run(for: .seconds(20))
        group.crash("n1")
        let detected = group.run(atMost: .seconds(600)) { group in
            group.running.allSatisfy { group.state(of: "n1", by: $0) == .dead }
        }
        // One interval until somebody probes it (several, by chance), K more until that is confirmed, then the
        // minimum, then as many intervals as gossip doubles. An allowance of one minimum covers the chance.
        let minimum = group.settings.suspicionMinimum(members: count)
        let duration = try #require(detected, "seed \(seed)")
        #expect(duration <= minimum * 3, "seed \(seed): took \(duration)")
        #expect(duration >= minimum, "seed \(seed): no suspicion is that short, \(duration)")
        #expect(group.hasConverged, "seed \(seed)")
    }

    @Test("takes no running member for dead while 5 % of messages are lost", arguments: [11, 12, 13, 14])
    func loss(seed: UInt64) throws {
        var group = try MemberGroup.ring(64, seed: seed)
        group.lossPerMille = 50
        group.run(for: .seconds(600))
        let deaths = group.changes.filter { $0.change.new == .dead }
        #expect(deaths.isEmpty, "seed \(seed): \(deaths.count) false deaths")
        // Else the test would prove nothing.
        #expect(group.changes.contains { $0.change.new == .suspect }, "seed \(seed): nobody was ever suspected")
    }

    @Test("costs each idle member one probe per interval and one exchange now and then")
    func idleCost() throws {
        var group = try MemberGroup.ring(64, seed: 21)
        group.run(for: .seconds(60))
        let before = group.messagesSent
        group.run(for: .seconds(600))
        let perMemberAndMinute = Double(group.messagesSent - before) / 64 / 10
        #expect(perMemberAndMinute >= 60)
        #expect(perMemberAndMinute <= 63)
    }

    @Test("keeps a member that paused longer than a suspicion lasts unconfirmed, once it refutes")
    func pausedMemberComesBack() throws {
        var group = try MemberGroup.ring(16, seed: 31)
        group.run(for: .seconds(10))
        group.pause("n3", for: .seconds(90))
        group.run(for: .seconds(90))
        #expect(group.running.filter { $0 != "n3" }.allSatisfy { group.state(of: "n3", by: $0) == .dead })
        let changesBefore = group.changes.count
        let back = group.run(atMost: .seconds(30)) { $0.hasConverged }
        #expect(back != nil)
        // It slept: that does not make the others silent.
        #expect(!group.changes[changesBefore...].contains { $0.by == "n3" && $0.change.new == .dead })
    }

    @Test("refutes suspicion before it is confirmed when a member is slow for less than the minimum")
    func refutation() throws {
        var group = try MemberGroup.ring(16, seed: 32)
        group.run(for: .seconds(10))
        group.pause("n3", for: .seconds(5))
        group.run(for: .seconds(60))
        #expect(group.changes.contains { $0.change.member.id == "n3" && $0.change.new == .suspect })
        #expect(!group.changes.contains { $0.change.new == .dead })
        #expect(group.hasConverged)
        #expect(group.members["n3"]!.machine.incarnation > 0)
    }

    @Test(
        "splits into two rings and is one again after the split",
        arguments: [(3, 1, 41), (8, 4, 42), (64, 32, 43), (64, 3, 44)])
    func splitAndHeal(count: Int, onOtherSide: Int, seed: UInt64) throws {
        var group = try MemberGroup.ring(count, seed: seed)
        group.run(for: .seconds(10))
        for index in 0..<onOtherSide {
            group.sides[MemberGroup.member(index).id] = 1
        }
        let isSplit = group.run(atMost: .seconds(400)) { group in
            group.running.allSatisfy { observer in
                let side = group.sides[observer, default: 0]
                return group.view(of: observer).liveCount == (side == 1 ? onOtherSide : count - onOtherSide)
            }
        }
        _ = try #require(isSplit, "seed \(seed)")
        group.sides = [:]
        let healed = group.run(atMost: .seconds(120)) { $0.hasConverged }
        _ = try #require(healed, "seed \(seed): \(group.running.map { group.view(of: $0).liveCount })")
    }

    @Test("takes in a member that no ring config lists, and lets it go when it leaves", arguments: [51, 52])
    func joinAndLeave(seed: UInt64) throws {
        var group = try MemberGroup.ring(16, seed: seed)
        group.run(for: .seconds(10))
        let newcomer = MemberDescription(id: "late", address: "10.0.0.99:7400", site: "s0", rack: "r1")
        group.start(newcomer, config: try RingConfig(members: []))
        group.run(for: .seconds(5))
        group.hand(.join(seed: MemberGroup.member(5)), to: "late")
        let joined = group.run(atMost: .seconds(20)) { $0.hasConverged }
        _ = try #require(joined, "seed \(seed)")
        #expect(group.view(of: "n0").address(of: "late") == "10.0.0.99:7400")
        // Ring order is (site, rack, id): s0 has racks r0 and r2, so it stands between the two.
        #expect(group.view(of: "n0").successor(of: "late") == "n10")

        group.hand(.leave, to: "late")
        let left = group.run(atMost: .seconds(20)) { $0.hasConverged }
        _ = try #require(left, "seed \(seed)")
        #expect(group.members["late"]!.hasDeparted)
        #expect(group.running.allSatisfy { group.state(of: "late", by: $0) == .left })

        group.rejoin("late", seed: MemberGroup.member(7))
        #expect(group.run(atMost: .seconds(20)) { $0.hasConverged } != nil, "seed \(seed)")
    }

    @Test("takes back a member that restarts under its own name, at once after a crash and after its death")
    func restart() throws {
        var group = try MemberGroup.ring(8, seed: 61)
        let config = group.view(of: "n0").config
        group.run(for: .seconds(10))
        group.crash("n2")
        group.run(for: .seconds(2))
        group.start(MemberGroup.member(2), config: config, boot: 2)
        #expect(group.run(atMost: .seconds(30)) { $0.hasConverged } != nil)
        #expect(!group.changes.contains { $0.change.new == .dead })

        group.crash("n2")
        _ = group.run(atMost: .seconds(100)) { $0.hasConverged }
        #expect(group.state(of: "n2", by: "n0") == .dead)
        group.start(MemberGroup.member(2), config: config, boot: 3)
        #expect(group.run(atMost: .seconds(10)) { $0.hasConverged } != nil)
        #expect(group.members["n2"]!.machine.incarnation == 2 << 24)
    }

    @Test("takes back a member whose boot number went down, because it could not be stored")
    func restartWithLowerBoot() throws {
        var group = try MemberGroup.ring(8, seed: 62)
        let config = group.view(of: "n0").config
        group.crash("n2")
        group.start(MemberGroup.member(2), config: config, boot: 1_000)
        group.run(for: .seconds(20))
        group.crash("n2")
        _ = group.run(atMost: .seconds(100)) { $0.hasConverged }
        group.start(MemberGroup.member(2), config: config, boot: 7)
        #expect(group.run(atMost: .seconds(30)) { $0.hasConverged } != nil)
    }

    @Test("probes a member next that an ISP found silent")
    func hint() throws {
        var group = try MemberGroup.ring(200, seed: 71)
        group.run(for: .seconds(10))
        group.crash("n9")
        group.hand(.foundSilent("n9"), to: "n0")
        // One interval until the probe starts, at the most one for the round.
        let suspected = group.run(atMost: .seconds(2)) { $0.state(of: "n9", by: "n0") == .suspect }
        #expect(suspected != nil)
    }

    @Test("grows from one seed to a whole ring")
    func bootstrap() throws {
        var group = MemberGroup(seed: 81)
        let config = try RingConfig(members: [MemberGroup.member(0)])
        for index in 0..<24 {
            group.start(MemberGroup.member(index), config: config)
        }
        #expect(group.run(atMost: .seconds(30)) { $0.hasConverged } != nil)
        #expect(group.view(of: "n7").liveCount == 24)
    }

    @Test("agrees again after faults, for each of 1,000 seeds")
    func seeds() throws {
        for seed in 1_000..<UInt64(2_000) {
            var group = try MemberGroup.ring(5, seed: seed)
            var rng = SplitMix64(seed: seed ^ 0xFA)
            let config = group.view(of: "n0").config
            var boots = Array(repeating: UInt64(1), count: 5)
            for _ in 0..<6 {
                let index = Int.random(in: 0..<5, using: &rng)
                let member = MemberGroup.member(index)
                switch Int.random(in: 0..<6, using: &rng) {
                case 0: group.crash(member.id)
                case 1:
                    boots[index] += 1
                    group.start(member, config: config, boot: boots[index])
                case 2: group.lossPerMille = Int.random(in: 0...400, using: &rng)
                case 3: group.sides = [member.id: 1]
                case 4: group.sides = [:]
                default: group.pause(member.id, for: .seconds(Int.random(in: 1...20, using: &rng)))
                }
                group.run(for: .milliseconds(Int.random(in: 10...15_000, using: &rng)))
            }
            group.lossPerMille = 0
            group.sides = [:]
            let calmed = group.run(atMost: .seconds(300)) { $0.hasConverged }
            #expect(calmed != nil, "seed \(seed): \(group.running.map { ($0, group.view(of: $0).differences) })")
        }
    }

    @Test("does the same twice from one seed")
    func reproducible() throws {
        func trace() throws -> [String] {
            var group = try MemberGroup.ring(16, seed: 91)
            group.lossPerMille = 100
            group.crash("n4")
            group.run(for: .seconds(120))
            return group.changes.map { "\($0.at) \($0.by) \($0.change)" } + ["\(group.messagesSent)"]
        }
        let first = try trace()
        #expect(try trace() == first)
        #expect(first.count > 16)
    }
}

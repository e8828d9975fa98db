import Basis
import ClusterActors
import Testing

/// n0 to n3 in ring order, all in one rack unless said otherwise.
private func member(_ id: NodeID, site: String = "s", rack: String = "r") -> MemberDescription {
    MemberDescription(id: id, address: "\(id):7400", site: site, rack: rack)
}

private func update(_ id: NodeID, _ state: MemberState, _ incarnation: UInt64 = 0) -> MemberUpdate {
    MemberUpdate(member: member(id), state: state, incarnation: incarnation)
}

/// Letters b, d, f, h are listed; others may join between them.
private func view(after updates: [MemberUpdate] = []) throws -> MembershipView {
    var view = MembershipView(config: try RingConfig(members: ["h", "b", "f", "d"].map { member($0) }))
    for update in updates {
        _ = view.apply(update)
    }
    return view
}

@Suite("a ring config")
struct RingConfigTests {
    @Test("is in the order of site, rack and id, or as listed")
    func order() throws {
        let members = [
            member("a", site: "s2"), member("c", site: "s1", rack: "r2"), member("b", site: "s1", rack: "r2"),
            member("d", site: "s1", rack: "r1"),
        ]
        #expect(try RingConfig(members: members).members.map(\.id) == ["d", "b", "c", "a"])
        #expect(try RingConfig(members: members, order: .listed).members.map(\.id) == ["a", "c", "b", "d"])
        #expect(try RingConfig(members: members).index(of: "c") == 2)
        #expect(try RingConfig(members: members).index(of: "x") == nil)
    }

    @Test("refuses a member listed twice and one that others cannot be told of")
    func refused() {
        #expect(throws: RingConfigError.listedTwice("a")) {
            try RingConfig(members: [member("a"), member("b"), member("a", rack: "other")])
        }
        #expect(throws: RingConfigError.textTooLong("b")) {
            try RingConfig(members: [member("a"), member("b", site: String(repeating: "x", count: 64))])
        }
    }

    @Test("has a digest that depends on its members and their order only")
    func digest() throws {
        let digest = try RingConfig(members: [member("a"), member("b")]).digest
        #expect(try RingConfig(members: [member("b"), member("a")]).digest == digest)
        // The same on every machine, so it may stand here.
        #expect(digest == 0xD9ED_AA3B_DE2A_FDA0)
        #expect(try RingConfig(members: [member("b"), member("a")], order: .listed).digest != digest)
        #expect(try RingConfig(members: [member("a"), member("c")]).digest != digest)
        #expect(try RingConfig(members: [member("a"), member("b", site: "sr", rack: "")]).digest != digest)
    }
}

@Suite("a membership view")
struct MembershipViewTests {
    @Test(
        "holds, of two facts, the one with the higher incarnation, then the later state",
        arguments: [
            (known: (MemberState.alive, 0), told: (MemberState.suspect, 0), isNews: true),
            (known: (.suspect, 0), told: (.alive, 0), isNews: false),
            (known: (.suspect, 0), told: (.alive, 1), isNews: true),
            (known: (.suspect, 1), told: (.dead, 0), isNews: false),
            (known: (.suspect, 1), told: (.suspect, 1), isNews: false),
            (known: (.suspect, 1), told: (.dead, 1), isNews: true),
            (known: (.dead, 1), told: (.suspect, 1), isNews: false),
            (known: (.dead, 1), told: (.left, 1), isNews: true),
            (known: (.left, 1), told: (.dead, 1), isNews: false),
            (known: (.left, 1), told: (.alive, 2), isNews: true),
            (known: (.alive, 2), told: (.alive, 3), isNews: true),
        ])
    func precedence(known: (MemberState, UInt64), told: (MemberState, UInt64), isNews: Bool) throws {
        for id in ["d", "joined"] as [NodeID] {
            var view = try view(after: [update(id, known.0, known.1)])
            let change = view.apply(update(id, told.0, told.1))
            #expect((change != nil) == isNews)
            #expect(view.state(of: id) == (isNews ? told.0 : known.0))
            if isNews {
                #expect(change?.old == known.0)
                #expect(change?.new == told.0)
            }
        }
    }

    @Test(
        "gives the next live member clockwise",
        arguments: [
            ("b", "d"), ("c", "d"), ("d", "e"), ("e", "h"), ("f", "h"), ("h", "b"), ("x", nil),
        ] as [(NodeID, NodeID?)])
    func successor(node: NodeID, expected: NodeID?) throws {
        let view = try view(after: [update("c", .dead), update("c", .alive), update("e", .suspect), update("f", .dead)])
        // "c" was told of as dead first, so it is known as such: it is placed between b and d and is not on the ring.
        #expect(view.state(of: "c") == .dead)
        #expect(view.successor(of: node) == expected)
    }

    @Test("gives no successor to the only live member, and the only live one to a dead member")
    func lonely() throws {
        let view = try view(after: [update("b", .dead), update("d", .left), update("f", .dead)])
        #expect(view.successor(of: "h") == nil)
        #expect(view.successor(of: "d") == "h")
        #expect(view.liveCount == 1)
        #expect(view.deadCount == 2)
        #expect(view.liveMembers.map(\.id) == ["h"])
    }

    @Test(
        "tells what lies ahead of a position before an end",
        arguments: [
            ("d", "b", "f", true), ("f", "b", "f", false), ("b", "b", "f", false), ("h", "b", "f", false),
            // Over the top of the ring.
            ("b", "h", "d", true), ("h", "f", "b", true), ("d", "h", "d", false), ("f", "h", "d", false),
            // Round the whole ring.
            ("d", "b", "b", true), ("h", "b", "b", true), ("b", "b", "b", false),
            // One that joined; ones that are not known.
            ("c", "b", "d", true), ("c", "d", "b", false), ("d", "c", "f", true), ("b", "h", "c", true),
            ("x", "b", "d", false), ("c", "x", "d", false), ("c", "b", "x", false),
        ] as [(NodeID, NodeID, NodeID, Bool)])
    func isAhead(candidate: NodeID, position: NodeID, end: NodeID, expected: Bool) throws {
        let view = try view(after: [update("c", .alive), update("d", .dead)])
        #expect(view.isAhead(candidate, of: position, before: end) == expected)
    }

    @Test("puts those that join after all others when the order is as listed")
    func listedOrder() throws {
        var view = MembershipView(config: try RingConfig(members: ["h", "b"].map { member($0) }, order: .listed))
        for id in ["z", "a"] as [NodeID] {
            _ = view.apply(update(id, .alive))
        }
        #expect(view.liveMembers.map(\.id) == ["h", "b", "a", "z"])
        #expect(view.successor(of: "z") == "h")
    }

    @Test("follows a member that says that it is reached elsewhere, and only that member")
    func moved() throws {
        var view = try view()
        var moved = update("d", .alive, 3)
        moved.member.address = "elsewhere:1"
        _ = view.apply(moved)
        #expect(view.address(of: "d") == "elsewhere:1")
        _ = view.apply(update("d", .suspect, 3))
        #expect(view.address(of: "d") == "elsewhere:1")
        _ = view.apply(update("d", .alive, 4))
        #expect(view.address(of: "d") == "d:7400")
        #expect(view.differenceCount == 1)
    }

    @Test("forgets a member that is gone and not listed, and no other")
    func forget() throws {
        var view = try view(after: [update("c", .left), update("e", .alive), update("d", .dead)])
        for id in ["c", "e", "d", "x"] as [NodeID] {
            view.forget(id)
        }
        #expect(view.state(of: "c") == nil)
        #expect(view.state(of: "e") == .alive)
        #expect(view.state(of: "d") == .dead)
        #expect(view.joinedCount == 1)
    }

    @Test("is what a plain list would say, for 300 seeds", arguments: [0, 100, 200])
    func model(firstSeed: UInt64) throws {
        for seed in firstSeed..<firstSeed + 100 {
            var rng = SplitMix64(seed: seed)
            func random(_ count: Int) -> Int { Int.random(in: 0..<count, using: &rng) }
            let all = (0..<20).map { index in
                MemberDescription(
                    id: NodeID("m\(index)")!, address: "a\(index)", site: "s\(index % 3)", rack: "r\(index % 2)")
            }
            let config = try RingConfig(members: all.filter { _ in random(3) > 0 })
            var view = MembershipView(config: config)
            var facts = Dictionary(uniqueKeysWithValues: config.members.map { ($0.id, (UInt64(0), MemberState.alive)) })
            for _ in 0..<40 {
                let member = all[random(20)]
                let fact = (UInt64(random(4)), MemberState.allCases[random(4)])
                _ = view.apply(MemberUpdate(member: member, state: fact.1, incarnation: fact.0))
                facts[member.id] = facts[member.id].map { max($0, fact, by: <) } ?? fact
            }
            let ring = all.filter { facts[$0.id] != nil }
                .sorted { ($0.site, $0.rack, $0.id) < ($1.site, $1.rack, $1.id) }.map(\.id)
            let live = ring.filter { facts[$0]!.1.isLive }
            #expect(view.liveMembers.map(\.id) == live, "seed \(seed)")
            #expect(view.liveCount == live.count, "seed \(seed)")
            #expect(view.count == ring.count, "seed \(seed)")
            for (index, node) in ring.enumerated() {
                let clockwise = ring[(index + 1)...] + ring[..<index]
                #expect(view.successor(of: node) == clockwise.first { live.contains($0) }, "seed \(seed)")
                for (distance, end) in clockwise.enumerated() {
                    let ahead = clockwise.filter { view.isAhead($0, of: node, before: end) }
                    #expect(ahead == Array(clockwise.prefix(distance)), "seed \(seed)")
                }
                #expect(clockwise.allSatisfy { view.isAhead($0, of: node, before: node) }, "seed \(seed)")
            }
        }
    }
}

private func max(
    _ left: (UInt64, MemberState), _ right: (UInt64, MemberState),
    by isBefore: ((UInt64, MemberState), (UInt64, MemberState)) -> Bool
) -> (UInt64, MemberState) {
    isBefore(left, right) ? right : left
}

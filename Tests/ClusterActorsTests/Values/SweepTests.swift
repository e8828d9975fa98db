import Basis
import ClusterActors
import Testing

@Suite("Sweep")
struct SweepTests {
    /// Asks until the round is over; `hints` says what a node answers as its first out.
    func walk(
        from initiator: NodeID, in view: MembershipView, members: Set<NodeID> = [], hints: [NodeID: NodeID] = [:]
    ) -> [NodeID] {
        var sweep = Sweep(from: initiator)
        var asked: [NodeID] = []
        var hint: NodeID?
        while let next = sweep.advance(hint: hint, in: view, isMember: { members.contains($0) || $0 == initiator }) {
            asked.append(next)
            hint = hints[next]
            if asked.count > view.count { return asked }
        }
        return asked
    }

    @Test("it asks every other node once, clockwise, and ends before the initiator")
    func wholeRing() {
        #expect(self.walk(from: "n3", in: Rings.view(5)) == ["n4", "n5", "n1", "n2"])
    }

    @Test("it passes over dead nodes and members")
    func deadAndMembers() {
        let view = Rings.view(6, dead: ["n2", "n5"])
        #expect(self.walk(from: "n1", in: view, members: ["n4"]) == ["n3", "n6"])
    }

    @Test("a hint ahead is followed in one step")
    func hop() {
        #expect(self.walk(from: "n1", in: Rings.view(8), hints: ["n2": "n6"]) == ["n2", "n6", "n7", "n8"])
    }

    @Test(
        "a hint that goes back, passes the initiator, or names nobody live is not followed",
        arguments: [
            NodeID("n2"), "n1", "n3", "n99", "n7",
        ])
    func badHint(hint: NodeID) {
        let view = Rings.view(8, dead: ["n7"])
        #expect(self.walk(from: "n1", in: view, hints: ["n3": hint]) == ["n2", "n3", "n4", "n5", "n6", "n8"])
    }

    @Test("scenario 12: stale first outs of two partitions that point at each other do not make it go round")
    func hintsInACircle() {
        let asked = self.walk(from: "n1", in: Rings.view(6), hints: ["n2": "n5", "n5": "n2", "n6": "n3"])
        #expect(asked == ["n2", "n5", "n6"])
    }

    @Test("P9: with any hints it asks each node at most once, and ends", arguments: 1...200 as ClosedRange<UInt64>)
    func anyHints(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let size = Int.random(in: 1...12, using: &generator)
        let nodes = (1...size).map { NodeID("n\($0)")! }
        let dead = nodes.filter { _ in Int.random(in: 0..<5, using: &generator) == 0 }
        let members = Set(nodes.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 })
        let hints = Dictionary(
            uniqueKeysWithValues: nodes.map { ($0, nodes.randomElement(using: &generator)!) })
        let asked = self.walk(
            from: nodes.randomElement(using: &generator)!, in: Rings.view(size, dead: dead), members: members,
            hints: hints)
        #expect(Set(asked).count == asked.count, "seed \(seed): \(asked)")
        #expect(members.isDisjoint(with: asked), "seed \(seed): \(asked)")
    }
}

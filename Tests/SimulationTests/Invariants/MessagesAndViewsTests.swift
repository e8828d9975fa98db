import Basis
import ClusterActors
import Placement
import Simulation
import Testing

@Suite("Checkers of messages and of views")
struct MessagesAndViewsTests {
    /// An ISP of one sweep and one solve that lasted 5 s with three members of which two were granted.
    static func summary(messages: Int, seconds: Int64 = 5) -> AgentEvent {
        var summary = ISPSummary(key: Cast.firstKey, outcome: .solved)
        summary.messages = messages
        summary.duration = .seconds(seconds)
        summary.membersPeak = 3
        summary.solves = 1
        return .ispEnded(summary)
    }

    static let grants: [Step] = [
        Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Self.granted(0, by: "n2"), Self.granted(1, by: "n3"),
    ]

    static func granted(_ second: Int, by node: NodeID) -> Step {
        let snapshot = NodeSnapshot(
            node: Node(id: node, capacity: .zero), vms: [], thresholds: LoadThresholds(overloadPercent: 80), age: .zero)
        let grant = Grant(
            epoch: Epoch(boot: 1, counter: 1), lease: .seconds(10), revision: Revision(rawValue: 1), snapshot: snapshot,
            successor: nil)
        return Step(
            second,
            .replyArrived(
                Cast.exchange("n1", node), Cast.reserve(Cast.first, Cast.firstKey, ask: 1), .reserve(.granted(grant))))
    }

    static let moves: [Step] = [
        Step(1, "n1", tells: .migrationOrdered(Cast.action, Cast.vm, from: "n3", to: "n4", reason: "")),
        Step(
            4, "n1",
            tells: .migrationEnded(
                Cast.action, Cast.vm, from: "n3", to: "n4", .moved, duration: .seconds(3), memoryMiB: 1)),
    ]

    // Four nodes: 6 to reserve, 2 × (2 + 2 × 3) to renew, 2 to release.
    static let messages: [History] = [
        History("as many as promised", Self.grants + [Step(5, "n1", tells: Self.summary(messages: 24))]),
        History(
            "one more", breach: "took 25 messages, promised are at most 24",
            Self.grants + [Step(5, "n1", tells: Self.summary(messages: 25))]),
        // 2 + ⌊3 ÷ 2⌋ for the migration.
        History("with a migration", Self.grants + Self.moves + [Step(5, "n1", tells: Self.summary(messages: 27))]),
        History(
            "with a migration and one more", breach: "at most 27",
            Self.grants + Self.moves + [Step(5, "n1", tells: Self.summary(messages: 28))]),
        // 5 s more let each member be renewed twice more; ⌊10 ÷ 2⌋ + 2 for the one that is waited for.
        History(
            "with a wait", breach: "at most 35",
            Self.grants + [
                Step(2, "n1", tells: .waits(Cast.first, on: [Cast.second])),
                Step(10, "n1", tells: Self.summary(messages: 36, seconds: 10)),
            ]),
        History(
            "of an ISP whose agent crashed", breach: "at most 22",
            Self.grants + [Step(2, .crashed("n1")), Step(5, "n1", tells: Self.summary(messages: 24))]),
    ]

    /// What the summary of an ISP tells is held against what was seen of it.
    static let counts: [History] = [
        History("as many as were sent", Self.ended),
        History(
            "fewer than were sent", breach: "sent 3 messages and counts 2",
            Self.sent + [Step(5, "n1", tells: Self.summary(messages: 2))]),
        History(
            "a release that follows its end is among them", breach: "sent 4 messages and counts 3",
            Self.ended + [Step(5, .requestSent(Cast.exchange("n1", "n2", 5), HoldingTests.release))]),
        History(
            "a grant that comes after its end is given back for nobody",
            Self.ended + [Step(5, .requestSent(Cast.exchange("n1", "n4", 5), HoldingTests.release))]),
        History(
            "so is one of a member that was lost, when it is heard of once more",
            Self.ended + [Step(6, .requestSent(Cast.exchange("n1", "n2", 5), HoldingTests.release))]),
        History(
            "what a source asks for the ISP is not the ISP's",
            Self.sent + [
                Step(2, .requestSent(Cast.exchange("n3", "n1", 9), .actionDone(Cast.action, .moved))),
                Step(5, "n1", tells: Self.summary(messages: 3)),
            ]),
    ]

    /// One request that the network doubled, another, and a release that was repeated.
    static let sent: [Step] =
        Self.grants + [
            Step(2, .requestSent(Cast.exchange("n1", "n2", 1), Cast.renew(Cast.first, 1))),
            Step(2, .requestSent(Cast.exchange("n1", "n2", 1), Cast.renew(Cast.first, 1))),
            Step(2, .requestSent(Cast.exchange("n1", "n3", 2), Cast.renew(Cast.first, 1))),
            Step(3, .requestSent(Cast.exchange("n1", "n3", 3), HoldingTests.release)),
            Step(4, .requestSent(Cast.exchange("n1", "n3", 4), HoldingTests.release)),
        ]

    static let ended = Self.sent + [Step(5, "n1", tells: Self.summary(messages: 3))]

    @Test("P12: an ISP counts every message that it sends", arguments: Self.counts)
    func judgesCounts(history: History) {
        expect(history, of: .messagesBounded, from: MessagesChecker(nodes: Cast.ring.count, Cast.bounds))
    }

    @Test("P12: an ISP takes no more messages than promised", arguments: Self.messages)
    func judgesMessages(history: History) {
        expect(history, of: .messagesBounded, from: MessagesChecker(nodes: Cast.ring.count, Cast.bounds))
    }

    static let views: [History] = [
        History("all see all", Cast.ring.map { Step(1, .sees($0, alive: 4)) }),
        History(
            "one misses one", breach: "sees 3 of 4", [Step(1, .sees("n1", alive: 4)), Step(1, .sees("n2", alive: 3))]),
    ]

    @Test("P13: all agents come to see all nodes alive", arguments: Self.views)
    func judgesViews(history: History) {
        expect(history, of: .viewsConverge, from: ViewsChecker(nodes: Cast.ring.count))
    }
}

import Basis
import ClusterActors
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
        Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(0, "n1", tells: .granted(Cast.first, "n2", members: 2)),
        Step(1, "n1", tells: .granted(Cast.first, "n3", members: 3)),
    ]

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

import Basis
import ClusterActors
import Placement
import Simulation
import Testing

@Suite("Checkers of how ISPs live and end")
struct LivesTests {
    static let outcomes: [History] = [
        History(
            "one outcome", end: 900,
            [Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(9, "n1", tells: Cast.ends(Cast.firstKey, .solved))]),
        History(
            "no outcome, for its agent crashed", end: 900,
            [Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(9, .crashed("n1"))]),
        History("no outcome", breach: "has not ended", end: 900, [Step(0, "n1", tells: Cast.starts(Cast.firstKey))]),
        History(
            "one that executes for ever", breach: "has not ended", end: 900,
            [
                Step(0, "n1", tells: Cast.starts(Cast.firstKey)),
                Step(1, "n1", tells: .confirmed(Cast.first, Cast.plan, surplus: [])),
            ]),
        History("one that is still young", end: 20, [Step(0, "n1", tells: Cast.starts(Cast.firstKey))]),
        History(
            "two outcomes", breach: "ends a second time: moot",
            [
                Step(0, "n1", tells: Cast.starts(Cast.firstKey)),
                Step(8, "n1", tells: Cast.ends(Cast.firstKey, .solved)),
                Step(9, "n1", tells: Cast.ends(Cast.firstKey, .moot)),
            ]),
        History(
            "an outcome after the crash", breach: "ends a second time",
            [
                Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(8, .crashed("n1")),
                Step(9, "n1", tells: Cast.ends(Cast.firstKey, .solved)),
            ]),
        History(
            "an outcome of none", breach: "ends and never began",
            [Step(9, "n1", tells: Cast.ends(Cast.firstKey, .solved))]),
        History(
            "two beginnings", breach: "starts a second time",
            [Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(1, "n1", tells: Cast.starts(Cast.firstKey))]),
    ]

    @Test("P5: every ISP has one outcome", arguments: Self.outcomes)
    func judgesOutcomes(history: History) {
        expect(history, of: .oneOutcome, from: OutcomeChecker(Cast.bounds))
    }

    static let bothWait: [Step] = [
        Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(0, "n2", tells: Cast.starts(Cast.secondKey)),
        Step(1, "n1", tells: .waits(Cast.first, on: [Cast.second])),
        Step(1, "n2", tells: .waits(Cast.second, on: [Cast.first])),
    ]

    static func answer(to key: ISPKey, on other: ISPID, holding: Bool = true) -> Fact {
        .replySent(
            Cast.exchange(key.isp.node, other.node),
            .wait(isp: key.isp, key: key, on: other, holding: holding), .wait(.yield))
    }

    static let drainKey = Cast.key(Cast.second, .drain, birth: 99)

    static let yields: [History] = [
        History(
            "the later key yields",
            Self.bothWait + [
                Step(2, Self.answer(to: Cast.secondKey, on: Cast.first)),
                Step(2, "n2", tells: Cast.ends(Cast.secondKey, .yielded(to: Cast.first))),
            ]),
        History(
            "the first key yields", breach: "yields to n2#1.1, which has a later key",
            Self.bothWait + [Step(2, "n1", tells: Cast.ends(Cast.firstKey, .yielded(to: Cast.second)))]),
        History(
            "the first key is told to yield", breach: "told to yield to n2#1.1, a later key",
            Self.bothWait + [Step(2, Self.answer(to: Cast.firstKey, on: Cast.second))]),
        History(
            "a drain born later goes first",
            [
                Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(0, "n2", tells: Cast.starts(Self.drainKey)),
                Step(1, "n1", tells: .waits(Cast.first, on: [Cast.second])),
                Step(2, "n1", tells: Cast.ends(Cast.firstKey, .yielded(to: Cast.second))),
            ]),
        History(
            "one that is not blocked yields", breach: "without being blocked",
            Self.bothWait + [
                Step(2, "n2", tells: .asked(Cast.second, "n3")),
                Step(3, "n2", tells: Cast.ends(Cast.secondKey, .yielded(to: Cast.first))),
            ]),
        History(
            "one that holds nothing is told to yield", breach: "holds nothing",
            Self.bothWait + [Step(2, Self.answer(to: Cast.secondKey, on: Cast.first, holding: false))]),
        History(
            "one yields to nobody", breach: "which never was",
            [
                Step(0, "n2", tells: Cast.starts(Cast.secondKey)),
                Step(1, "n2", tells: .waits(Cast.second, on: [Cast.first])),
                Step(2, "n2", tells: Cast.ends(Cast.secondKey, .yielded(to: Cast.first))),
            ]),
    ]

    @Test("P6: the first key never yields", arguments: Self.yields)
    func judgesYields(history: History) {
        expect(history, of: .firstKeyStays, from: YieldChecker())
    }

    /// n1's ISP holds n3 and ends without releasing it.
    static let leftBehind: [Step] = [
        Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(1, "n3", tells: Cast.granted(Cast.first, 1)),
        Step(2, "n1", tells: Cast.ends(Cast.firstKey, .solved)),
    ]

    static let endings: [History] = [
        History(
            "a lease that ends it", end: 60,
            Self.leftBehind + [Step(12, "n3", tells: Cast.ended(Cast.first, 1, .expired))]),
        History("a reservation that outlives its ISP", breach: "epoch 1.1 stands", end: 60, Self.leftBehind),
        History(
            "a reservation that outlives its initiator", breach: "epoch 1.1 stands", end: 60,
            Self.leftBehind.dropLast() + [Step(2, .crashed("n1"))]),
        History(
            "a reservation of an ISP that lives", end: 60, Array(Self.leftBehind.dropLast())),
        History(
            "a reservation that a late renewal prolongs", end: 28,
            Self.leftBehind + [Step(12, .requestArrived(Cast.exchange("n1", "n3"), Cast.renew(Cast.first, 1)))]),
        History("a reservation of a node that stands still", end: 60, Self.leftBehind + [Step(3, .paused("n3"))]),
        History(
            "a reservation of a node that went on long ago", breach: "epoch 1.1 stands", end: 60,
            Self.leftBehind + [Step(3, .paused("n3")), Step(30, .resumed("n3"))]),
        History(
            "a flight that keeps it", end: 60,
            Self.leftBehind + [Step(3, "n3", tells: Cast.began(.outgoing, peer: "n4"))]),
        History(
            "a flight that never ends", breach: "has lasted for", end: 600,
            Self.leftBehind + [Step(3, "n3", tells: Cast.began(.outgoing, peer: "n4"))]),
    ]

    @Test("P7: a reservation ends after its ISP", arguments: Self.endings)
    func judgesEndings(history: History) {
        expect(history, of: .reservationEnds, from: EndingChecker(Cast.bounds))
    }

    static let metEnds = Self.bothWait + [Step(2, "n1", tells: Cast.ends(Cast.firstKey, .solved))]

    static let blocked: [History] = [
        History(
            "it sweeps again", end: 200, Self.metEnds + [Step(9, "n2", tells: .sweepsAgain(Cast.second, sweep: 2))]),
        History("it ends", end: 200, Self.metEnds + [Step(9, "n2", tells: Cast.ends(Cast.secondKey, .moot))]),
        History("it stays blocked although one that it met ended", breach: "ended", end: 55, Self.metEnds),
        History(
            "it stays blocked although an agent that crashed is up again", breach: "ended", end: 60,
            Self.bothWait + [Step(2, .crashed("n1")), Step(5, "n1", tells: .agentStarted(boot: 2))]),
        History("the one that it met is lost with its agent", end: 55, Self.bothWait + [Step(2, .crashed("n1"))]),
        History("it has no way to know", end: 55, Self.metEnds + [Step(2, .network(isClean: false))]),
        History(
            "it stays blocked for ever", breach: "longer than it may wait", end: 200,
            Self.metEnds + [Step(2, .network(isClean: false))]),
    ]

    @Test("P8: a blocked ISP goes on when one that it met ends", arguments: Self.blocked)
    func judgesBlocked(history: History) {
        expect(history, of: .blockedGoesOn, from: BlockedChecker(Cast.bounds))
    }
}

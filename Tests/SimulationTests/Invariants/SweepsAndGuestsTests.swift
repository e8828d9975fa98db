import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

@Suite("Checkers of sweeps and of guests")
struct SweepsAndGuestsTests {
    static func ask(_ second: Int, _ node: NodeID, _ ask: UInt32, number: UInt64 = 1) -> Step {
        let request = Cast.reserve(Cast.second, Cast.secondKey, ask: ask)
        return Step(second, .requestSent(Cast.exchange("n2", node, number), request))
    }

    static let start = Step(0, "n2", tells: Cast.starts(Cast.secondKey))

    static let sweeps: [History] = [
        History("once round", [Self.start, Self.ask(1, "n3", 1), Self.ask(2, "n4", 2), Self.ask(3, "n1", 3)]),
        History("a silent node twice", [Self.start, Self.ask(1, "n3", 1), Self.ask(2, "n3", 1), Self.ask(3, "n4", 2)]),
        History(
            "a silent node three times", breach: "asks n3",
            [Self.start, Self.ask(1, "n3", 1), Self.ask(2, "n3", 1), Self.ask(3, "n3", 1)]),
        History("a node again", breach: "asks n3", [Self.start, Self.ask(1, "n3", 1), Self.ask(2, "n3", 2)]),
        History("a way back", breach: "asks n3", [Self.start, Self.ask(1, "n4", 1), Self.ask(2, "n3", 2)]),
        History("past the initiator", breach: "asks n3", [Self.start, Self.ask(1, "n1", 1), Self.ask(2, "n3", 2)]),
        History(
            "a new sweep",
            [
                Self.start, Self.ask(1, "n3", 1), Step(2, "n2", tells: .sweepsAgain(Cast.second, sweep: 2)),
                Self.ask(3, "n3", 2),
            ]),
        History(
            "after its end", breach: "without being on its way",
            [Self.start, Step(1, "n2", tells: Cast.ends(Cast.secondKey, .moot)), Self.ask(2, "n3", 1)]),
    ]

    @Test("P9: a sweep asks each node at most once", arguments: Self.sweeps)
    func judgesSweeps(history: History) {
        expect(history, of: .sweepAsksOnce, from: SweepChecker(ring: Cast.ring))
    }

    static func hosts(
        _ second: Int, _ source: (DomainPresence, isWhole: Bool)?, _ destination: (DomainPresence, isWhole: Bool)?
    ) -> Step {
        Step(
            second,
            .hosts([
                Cast.copies("n3", source.map { [$0] } ?? []), Cast.copies("n4", destination.map { [$0] } ?? []),
            ]))
    }

    static let arrived: [Step] = [
        Self.hosts(0, (.running, true), nil), Self.hosts(1, (.running, true), (.pausedIncoming, false)),
        Self.hosts(2, (.pausedOutgoing, true), (.pausedIncoming, false)),
        Self.hosts(3, (.pausedOutgoing, true), (.pausedIncoming, true)),
    ]

    static let guests: [History] = [
        History(
            "a guest that moves", end: 9,
            Self.arrived + [Self.hosts(4, nil, (.pausedIncoming, true)), Self.hosts(5, nil, (.running, true))]),
        History(
            "a guest that stays", end: 9,
            Self.arrived + [
                Self.hosts(4, (.running, true), (.pausedIncoming, true)), Self.hosts(5, (.running, true), nil),
            ]),
        History(
            "a guest that runs twice", breach: "runs on n3, n4",
            Self.arrived + [
                Self.hosts(4, (.running, true), (.pausedIncoming, true)),
                Self.hosts(5, (.running, true), (.running, true)),
            ]),
        History("a guest of which nothing is left", breach: "no copy", Self.arrived + [Self.hosts(4, nil, nil)]),
        History(
            "a guest of which only a part is left", breach: "no copy",
            Array(Self.arrived.dropLast()) + [Self.hosts(4, nil, (.pausedIncoming, false))]),
        History("a guest that stands still in the end", breach: "does not just run", end: 9, Self.arrived),
        History(
            "a guest of which a copy is left in the end", breach: "does not just run", end: 9,
            Self.arrived + [Self.hosts(4, (.running, true), (.pausedIncoming, true))]),
        History(
            "a guest that is on its way in the end", end: 9,
            Self.arrived + [Step(4, "n4", tells: Cast.began(.incoming, peer: "n3"))]),
        History(
            "a guest that is in doubt in the end", breach: "still in doubt", end: 9,
            Self.arrived + [
                Step(4, "n4", tells: .inDoubt(Cast.vm, reason: "")), Self.hosts(5, nil, (.running, true)),
            ]),
        History(
            "a guest that was in doubt", end: 9,
            Self.arrived + [
                Step(4, "n4", tells: .inDoubt(Cast.vm, reason: "")), Self.hosts(5, nil, (.running, true)),
                Step(6, "n4", tells: .settled(Cast.vm, how: "")),
            ]),
    ]

    @Test("P10: one running copy, and never none that is whole", arguments: Self.guests)
    func judgesGuests(history: History) {
        expect(history, of: .oneGuest, from: GuestChecker())
    }

    static func held(_ second: Int, _ node: NodeID, by holder: ISPID, number: UInt64 = 1) -> Step {
        Step(
            second,
            .replyArrived(
                Cast.exchange("n2", node, number), Cast.reserve(Cast.second, Cast.secondKey, ask: 1),
                .reserve(.held(by: holder, firstOut: nil))))
    }

    static let unsolvable = Step(9, "n2", tells: Cast.ends(Cast.secondKey, .unsolvable(reason: "")))

    static let skips: [History] = [
        History("nobody was skipped", [Self.start, Self.ask(1, "n3", 1), Self.unsolvable]),
        History(
            "one was skipped as held", breach: "skipped n3 for n1#1.1",
            [Self.start, Self.ask(1, "n3", 1), Self.held(1, "n3", by: Cast.first), Self.unsolvable]),
        History(
            "one was skipped as held in an earlier sweep",
            [
                Self.start, Self.ask(1, "n3", 1), Self.held(1, "n3", by: Cast.first),
                Step(2, "n2", tells: .sweepsAgain(Cast.second, sweep: 2)), Self.unsolvable,
            ]),
        History(
            "one was held by its own flight",
            [Self.start, Self.ask(1, "n3", 1), Self.held(1, "n3", by: Cast.second), Self.unsolvable]),
        History(
            "the answer came too late to be heard",
            [Self.start, Self.ask(1, "n3", 1), Self.held(3, "n3", by: Cast.first), Self.unsolvable]),
        History(
            "the answer was to an ask that was given up",
            [
                Self.start, Self.ask(1, "n3", 1), Self.ask(2, "n3", 1, number: 2),
                Self.held(2, "n3", by: Cast.first), Self.unsolvable,
            ]),
    ]

    @Test("P11: unsolvable only if nobody was skipped as held", arguments: Self.skips)
    func judgesSkips(history: History) {
        expect(history, of: .unsolvable, from: UnsolvableChecker(Cast.bounds))
    }
}

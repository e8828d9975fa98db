import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

@Suite("Checkers of who holds a node")
struct HoldingTests {
    /// n3 and n4 are up, and n1's ISP holds both under epoch 1.
    static let held: [Step] = [
        Step(0, "n3", tells: .recovered(guests: 1)), Step(0, "n4", tells: .recovered(guests: 0)),
        Step(1, "n3", tells: Cast.granted(Cast.first, 1)), Step(1, "n4", tells: Cast.granted(Cast.first, 1)),
    ]

    /// A migration from n3 to n4 has begun, and its data flow.
    static let flying =
        Self.held + [
            Step(2, .requestArrived(Cast.exchange("n1", "n3"), Cast.migrate(epoch: 1, destination: 1))),
            Step(2, "n3", tells: Cast.began(.outgoing, peer: "n4")),
            Step(2, .requestArrived(Cast.exchange("n3", "n4"), Cast.incoming(epoch: 1))),
            Step(2, "n4", tells: Cast.began(.incoming, peer: "n3")),
            Step(2, .replySent(Cast.exchange("n3", "n4"), Cast.incoming(epoch: 1), Cast.ready(7))),
            Step(3, Cast.flow(ticket: 7)),
        ]

    static let holders: [History] = [
        History("a migration under the grants of both ends", Self.flying),
        History(
            "two holders at once", breach: "while n1#1.1 holds it",
            Self.held + [Step(2, "n3", tells: Cast.granted(Cast.second, 2))]),
        History(
            "a holder after the crash of the agent",
            Self.held + [Step(2, .crashed("n3")), Step(3, "n3", tells: Cast.granted(Cast.second, 2))]),
        History(
            "the end of a grant that does not stand", breach: "did not stand",
            Self.held + [Step(2, "n3", tells: Cast.ended(Cast.second, 9, .released))]),
        History(
            "data without an invitation", breach: "without an invitation",
            Self.held + [Step(3, Cast.flow(ticket: 7))]),
        History(
            "a ticket that is left of a flight that has ended", breach: "tickets are left", end: 9,
            Self.held + [Step(3, Self.ticket)]),
        History(
            "a ticket that is left of a boot that has ended", end: 9,
            Self.held + [Step(3, Self.ticket), Step(4, .crashed("n4"))]),
        History(
            "data after the destination's flight has ended", breach: "n4 has no incoming flight",
            Self.flying + [Step(4, "n4", tells: Cast.landed(.incoming))]),
        History(
            "data after the source's node was given to another", breach: "n3 is not held by n1#1.1",
            Self.flying + [
                Step(4, "n3", tells: Cast.ended(Cast.first, 1, .expired)),
                Step(4, "n3", tells: Cast.granted(Cast.second, 2)),
            ]),
        History(
            "data under another epoch than the order named", breach: "n4 is held under epoch 1.2",
            Self.flying + [
                Step(4, "n4", tells: Cast.ended(Cast.first, 1, .expired)),
                Step(4, "n4", tells: Cast.granted(Cast.first, 2)),
            ]),
        History("data that flow on while the source's agent is down", Self.flying + [Step(4, .crashed("n3"))]),
        History(
            "data of an earlier boot after the agent has recovered", breach: "n3 has no outgoing flight",
            Self.flying + [
                Step(4, .crashed("n3")), Step(5, "n3", tells: .recovered(guests: 1)), Step(6, Cast.flow(ticket: 7)),
            ]),
    ]

    static let ticket = Fact.hosts([
        ModelledHostView(node: "n4", tickets: [MigrationTicket(vm: Cast.vm, source: "n3", number: 7)])
    ])

    @Test("P1: one holder, and data only under flights open at both ends", arguments: Self.holders)
    func judgesHolders(history: History) {
        expect(history, of: .oneHolder, from: HolderChecker())
    }

    static let commands: [History] = [
        History("a migration under the grants of both ends", Self.flying),
        History(
            "a flight under an epoch that has passed", breach: "epoch 1.1 was named, 1.2 is the node's",
            [
                Step(1, "n3", tells: Cast.granted(Cast.first, 2)),
                Step(2, .requestArrived(Cast.exchange("n1", "n3"), Cast.migrate(epoch: 1, destination: 1))),
                Step(2, "n3", tells: Cast.began(.outgoing, peer: "n4")),
            ]),
        History(
            "a flight on a node that another holds", breach: "n2#1.1 holds the node",
            [
                Step(1, "n4", tells: Cast.granted(Cast.second, 1)),
                Step(2, .requestArrived(Cast.exchange("n3", "n4"), Cast.incoming(epoch: 1))),
                Step(2, "n4", tells: Cast.began(.incoming, peer: "n3")),
            ]),
        History(
            "a flight on a node that nobody holds", breach: "nobody holds the node",
            [Step(2, "n3", tells: Cast.began(.outgoing, peer: "n4"))]),
        History(
            "a flight that nobody ordered", breach: "nobody has ordered it",
            Self.held + [Step(2, "n3", tells: Cast.began(.outgoing, peer: "n4"))]),
        History(
            "an action that begins twice", breach: "it was begun before",
            Self.flying + [
                Step(4, "n3", tells: Cast.landed(.outgoing)),
                Step(5, "n3", tells: Cast.began(.outgoing, peer: "n4")),
            ]),
        History(
            "an action that is ordered again with other content", breach: "ordered again with other content",
            Self.flying + [
                Step(4, .requestArrived(Cast.exchange("n1", "n3"), Cast.migrate(epoch: 1, destination: 2)))
            ]),
        History(
            "a flight after the lease", breach: "the lease of epoch 1.1 has run out",
            Self.held + [
                Step(12, .requestArrived(Cast.exchange("n1", "n3"), Cast.migrate(epoch: 1, destination: 1))),
                Step(12, "n3", tells: Cast.began(.outgoing, peer: "n4")),
            ]),
        History(
            "a flight long after the grant, with the lease renewed",
            Self.held + Self.renewal(of: 1, asked: 8, answered: 8) + [
                Step(12, .requestArrived(Cast.exchange("n1", "n3"), Cast.migrate(epoch: 1, destination: 1))),
                Step(12, "n3", tells: Cast.began(.outgoing, peer: "n4")),
            ]),
        History(
            "a renewal of an epoch that is not the node's", breach: "renewed epoch 1.5, not the node's",
            Self.held + Self.renewal(of: 5, asked: 3, answered: 3)),
        History(
            "a renewal after the lease", breach: "whose lease had run out",
            Self.held + Self.renewal(of: 1, asked: 12, answered: 12)),
        History(
            "a renewal that a pause answers late, after the grant has ended",
            Self.held + Self.renewal(of: 1, asked: 3, answered: 3) + [
                Step(4, .requestArrived(Cast.exchange("n1", "n3", 9), Cast.renew(Cast.first, 1))),
                Step(5, "n3", tells: Cast.ended(Cast.first, 1, .released)),
                Step(6, .replySent(Cast.exchange("n1", "n3", 9), Cast.renew(Cast.first, 1), Cast.renewed)),
            ]),
    ]

    /// n1 renews its grant of n3.
    static func renewal(of epoch: UInt64, asked: Int, answered: Int) -> [Step] {
        let exchange = Cast.exchange("n1", "n3", 8)
        return [
            Step(asked, .requestArrived(exchange, Cast.renew(Cast.first, epoch))),
            Step(answered, .replySent(exchange, Cast.renew(Cast.first, epoch), Cast.renewed)),
        ]
    }

    @Test("P2: no command under a token that is not the node's; an action once", arguments: Self.commands)
    func judgesCommands(history: History) {
        expect(history, of: .currentToken, from: CommandChecker(Cast.bounds))
    }

    static let release = Request.release(Cast.token(Cast.first, 1))

    static let releases: [History] = [
        History(
            "a release of the grant that it names",
            Self.held + [
                Step(2, .requestArrived(Cast.exchange("n1", "n3"), Self.release)),
                Step(2, "n3", tells: Cast.ended(Cast.first, 1, .released)),
            ]),
        History(
            "a release that ends another grant", breach: "no release named it",
            Self.held + [
                Step(2, "n3", tells: Cast.ended(Cast.first, 1, .expired)),
                Step(3, "n3", tells: Cast.granted(Cast.first, 2)),
                Step(4, .requestArrived(Cast.exchange("n1", "n3"), Self.release)),
                Step(4, "n3", tells: Cast.ended(Cast.first, 2, .released)),
            ]),
        History(
            "a release that came to another node", breach: "no release named it",
            Self.held + [
                Step(2, .requestArrived(Cast.exchange("n1", "n4"), Self.release)),
                Step(2, "n3", tells: Cast.ended(Cast.first, 1, .released)),
            ]),
        History(
            "an own task that ends another's grant", breach: "ended with a task that runs on n1",
            Self.held + [Step(2, "n3", tells: Cast.ended(Cast.first, 1, .ispOver))]),
        History(
            "an invitation that is repeated",
            Self.flying + [Step(4, .replySent(Cast.exchange("n3", "n4"), Cast.incoming(epoch: 1), Cast.ready(7)))]),
        History(
            "an invitation that is repeated and opens a second way", breach: "again with ticket 8",
            Self.flying + [Step(4, .replySent(Cast.exchange("n3", "n4"), Cast.incoming(epoch: 1), Cast.ready(8)))]),
    ]

    @Test("P3: a release ends what it names, a repetition nothing", arguments: Self.releases)
    func judgesReleases(history: History) {
        expect(history, of: .releaseNamesGrant, from: ReleaseChecker())
    }

    /// n1's ISP has n3 and executes.
    static let executing: [Step] = [
        Step(0, "n1", tells: Cast.starts(Cast.firstKey)), Step(0, "n2", tells: Cast.starts(Cast.secondKey)),
        Step(1, "n3", tells: Cast.granted(Cast.first, 1)), Step(1, "n1", tells: .granted(Cast.first, "n3", members: 2)),
        Step(2, "n1", tells: .confirmed(Cast.first, Cast.plan, surplus: [])),
    ]

    static let beliefs: [History] = [
        History(
            "a lapse, after which two believe",
            Self.executing + [
                Step(3, "n3", tells: Cast.ended(Cast.first, 1, .expired)),
                Step(4, "n3", tells: Cast.granted(Cast.second, 2)),
            ]),
        History(
            "a crash of the node, after which two believe",
            Self.executing + [Step(3, .crashed("n3")), Step(4, "n3", tells: Cast.granted(Cast.second, 2))]),
        History(
            "two that believe without a lapse", breach: "counts on n3, which n2#1.1 holds",
            Self.executing + [
                Step(3, "n3", tells: Cast.ended(Cast.first, 1, .released)),
                Step(4, "n3", tells: Cast.granted(Cast.second, 2)),
            ]),
        History(
            "one that begins to execute and counts on what another holds", breach: "counts on n3, which n2#1.1 holds",
            Array(Self.executing.dropLast()) + [
                Step(2, "n3", tells: Cast.ended(Cast.first, 1, .released)),
                Step(2, "n3", tells: Cast.granted(Cast.second, 2)),
                Step(3, "n1", tells: .confirmed(Cast.first, Cast.plan, surplus: [])),
            ]),
        History(
            "one that gave the node back",
            Self.executing + [
                Step(3, .requestSent(Cast.exchange("n1", "n3"), Self.release)),
                Step(3, "n3", tells: Cast.ended(Cast.first, 1, .released)),
                Step(4, "n3", tells: Cast.granted(Cast.second, 2)),
            ]),
        History(
            "one that renews what it gave back", breach: "which it gave back 2000 ms before",
            Self.executing + [
                Step(3, .requestSent(Cast.exchange("n1", "n3"), Self.release)),
                Step(5, .requestSent(Cast.exchange("n1", "n3", 2), Cast.renew(Cast.first, 1))),
            ]),
        History(
            "one that renews another node's grant of the same epoch",
            Self.executing + [
                Step(3, .requestSent(Cast.exchange("n1", "n3"), Self.release)),
                Step(5, .requestSent(Cast.exchange("n1", "n4", 2), Cast.renew(Cast.first, 1))),
            ]),
    ]

    @Test("P4: without a lapse no two count on one node", arguments: Self.beliefs)
    func judgesBeliefs(history: History) {
        expect(history, of: .belief, from: BeliefChecker())
    }
}

/// A sound history passes; a bad one is objected to, for the right reason.
func expect(
    _ history: History, of invariant: Invariant, from checker: some InvariantChecker,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let breaches = history.judged(by: checker)
    #expect(breaches.allSatisfy { $0.invariant == invariant }, sourceLocation: sourceLocation)
    if let words = history.breach {
        #expect(breaches.contains { $0.what.contains(words) }, "\(breaches)", sourceLocation: sourceLocation)
    } else {
        #expect(breaches.isEmpty, "\(breaches)", sourceLocation: sourceLocation)
    }
}

import Basis
import ClusterActors
import Testing

@Suite("Reservation")
struct ReservationTests {
    static let lease = Duration.seconds(10)
    static let isp = ISPID(node: "n1", boot: 1, sequence: 1)
    static let other = ISPID(node: "n2", boot: 1, sequence: 1)
    static let action = ActionID(isp: isp, number: 1)

    static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
    }

    /// The states of PROTOCOL.md §4, each reached the way a node reaches it; the holder is `isp` under `token`.
    enum Start: String, CaseIterable, CustomTestStringConvertible {
        case free, reserved, executing, releasing, recovering

        var testDescription: String { self.rawValue }

        func make() -> (Reservation, Token) {
            var reservation = Reservation(
                node: "n9", boot: 7, lease: ReservationTests.lease, incomingMax: 1, outgoingMax: 1)
            var token = Token(isp: ReservationTests.isp, epoch: Epoch(boot: 0, counter: 0))
            guard self != .recovering else { return (reservation, token) }
            reservation.recovered()
            guard self != .free else { return (reservation, token) }
            guard case .granted(let epoch) = reservation.reserve(for: ReservationTests.isp, at: at(0)) else {
                preconditionFailure("a free node grants")
            }
            token.epoch = epoch
            guard self != .reserved else { return (reservation, token) }
            let admitted = reservation.admit(ReservationTests.action, .outgoing, under: token, at: at(0)) { nil }
            precondition(admitted == .admitted, "a reserved node admits")
            if self == .releasing { reservation.release(token, at: at(0)) }
            return (reservation, token)
        }
    }

    @Test(
        "reserve by the holding ISP is granted again under the same epoch, unless it has let go",
        arguments: Start.allCases)
    func reserveBySameISP(start: Start) {
        var (reservation, token) = start.make()
        let answer = reservation.reserve(for: Self.isp, at: Self.at(1))
        switch start {
        case .free: #expect(answer == .granted(Epoch(boot: 7, counter: 1)))
        case .reserved, .executing: #expect(answer == .granted(token.epoch))
        case .releasing: #expect(answer == .busy)
        case .recovering: #expect(answer == .recovering)
        }
    }

    @Test("reserve by another ISP names the holder", arguments: Start.allCases)
    func reserveByOtherISP(start: Start) {
        var (reservation, token) = start.make()
        _ = reservation.renew(token, firstOut: "n12", at: Self.at(1))
        let answer = reservation.reserve(for: Self.other, at: Self.at(1))
        switch start {
        case .free: #expect(answer == .granted(Epoch(boot: 7, counter: 1)))
        case .reserved, .executing: #expect(answer == .held(by: Self.isp, firstOut: "n12"))
        case .releasing: #expect(answer == .held(by: Self.isp, firstOut: nil))
        case .recovering: #expect(answer == .recovering)
        }
    }

    @Test("renew is answered by the holder's own token only", arguments: Start.allCases)
    func renew(start: Start) {
        var (reservation, token) = start.make()
        let stale = Token(isp: token.isp, epoch: Epoch(boot: 7, counter: 99))
        #expect(reservation.renew(stale, firstOut: nil, at: Self.at(1)) == nil)
        let flights = reservation.renew(token, firstOut: nil, at: Self.at(1))
        switch start {
        case .free, .releasing, .recovering: #expect(flights == nil)
        case .reserved: #expect(flights == 0)
        case .executing: #expect(flights == 1)
        }
    }

    @Test(
        "release ends the grant it names; with a flight under way only when that has ended", arguments: Start.allCases)
    func release(start: Start) {
        var (reservation, token) = start.make()
        reservation.release(token, at: Self.at(1))
        switch start {
        case .free, .reserved: #expect(reservation.isFree)
        case .executing, .releasing:
            #expect(reservation.stateName == "releasing")
            reservation.settle(Self.action, with: .moved, at: Self.at(2))
            #expect(reservation.isFree)
        case .recovering: #expect(reservation.isRecovering)
        }
    }

    @Test("scenario 4: a doubled release of an old grant changes nothing", arguments: Start.allCases)
    func staleReleaseChangesNothing(start: Start) {
        var (reservation, token) = start.make()
        let before = reservation.stateName
        for stale in [
            Token(isp: token.isp, epoch: Epoch(boot: 7, counter: 99)), Token(isp: Self.other, epoch: token.epoch),
        ] {
            reservation.release(stale, at: Self.at(1))
            #expect(reservation.stateName == before)
        }
    }

    @Test("scenario 3: a delayed order under an old epoch of the same ISP is stale")
    func oldEpochOfSameISP() {
        var (reservation, old) = Start.reserved.make()
        guard case .granted(let fresh) = reservation.reserve(for: Self.isp, at: Self.at(11)) else {
            Issue.record("an expired node grants again")
            return
        }
        #expect(fresh != old.epoch)
        #expect(reservation.admit(Self.action, .outgoing, under: old, at: Self.at(11)) { nil } == .stale)
        let new = Token(isp: Self.isp, epoch: fresh)
        #expect(reservation.admit(Self.action, .outgoing, under: new, at: Self.at(11)) { nil } == .admitted)
    }

    @Test("an action is carried out once, and its result stays to be asked for while the epoch lasts")
    func atMostOnce() {
        var (reservation, token) = Start.executing.make()
        #expect(
            reservation.admit(Self.action, .outgoing, under: token, at: Self.at(1)) { nil }
                == .known(.running(.outgoing)))
        reservation.settle(Self.action, with: .moved, at: Self.at(2))
        #expect(
            reservation.admit(Self.action, .outgoing, under: token, at: Self.at(3)) { nil } == .known(.done(.moved)))
    }

    @Test("a second flight in the same direction is busy, one in the other is admitted, a refused check begins none")
    func limits() {
        var (reservation, token) = Start.executing.make()
        let second = ActionID(isp: Self.isp, number: 2)
        #expect(reservation.admit(second, .outgoing, under: token, at: Self.at(1)) { nil } == .busy)
        #expect(
            reservation.admit(second, .incoming, under: token, at: Self.at(1)) { "full" } == .refused(reason: "full"))
        #expect(reservation.admit(second, .incoming, under: token, at: Self.at(1)) { nil } == .admitted)
        #expect(reservation.flightCount == 2)
    }

    @Test("orders are stale wherever the token is not the node's", arguments: Start.allCases)
    func staleOrders(start: Start) {
        var (reservation, token) = start.make()
        let stale = Token(isp: token.isp, epoch: Epoch(boot: 7, counter: 99))
        let fresh = ActionID(isp: Self.isp, number: 9)
        #expect(reservation.admit(fresh, .incoming, under: stale, at: Self.at(1)) { nil } == .stale)
        if start == .releasing {
            #expect(reservation.admit(fresh, .incoming, under: token, at: Self.at(1)) { nil } == .stale)
        }
    }

    @Test(
        "a lease ends what a dead initiator held, at its deadline and not before",
        arguments: [
            (seconds: 9.999, isFree: false), (seconds: 10.0, isFree: true), (seconds: 60.0, isFree: true),
        ])
    func leaseEnds(seconds: Double, isFree: Bool) {
        var (reservation, _) = Start.reserved.make()
        reservation.expire(at: Self.at(seconds))
        #expect(reservation.isFree == isFree)
    }

    @Test("scenario 20: an expired grant is ended before the late message is answered")
    func expiredBeforeAnswer() {
        var (reservation, token) = Start.reserved.make()
        #expect(reservation.renew(token, firstOut: nil, at: Self.at(3_600)) == nil)
        #expect(reservation.isFree)
    }

    @Test("scenario 2: nobody is left to end executing, so the node does: reserved with a fresh lease, then free")
    func deadInitiatorOfAFlight() {
        var (reservation, _) = Start.executing.make()
        reservation.expire(at: Self.at(100))
        #expect(reservation.stateName == "executing")
        reservation.settle(Self.action, with: .failed(reason: "aborted"), at: Self.at(100))
        #expect(reservation.deadline == Self.at(110))
        reservation.expire(at: Self.at(110))
        #expect(reservation.isFree)
    }

    @Test("scenario 6: a flight longer than the lease ends: the old deadline does not count")
    func flightLongerThanLease() {
        var (reservation, token) = Start.executing.make()
        reservation.settle(Self.action, with: .moved, at: Self.at(25))
        #expect(reservation.renew(token, firstOut: nil, at: Self.at(26)) == 0)
    }

    @Test("the node's own ISP has no deadline; the end of its task ends it")
    func ownISP() {
        var reservation = Reservation(node: "n9", boot: 7, lease: Self.lease, incomingMax: 1, outgoingMax: 1)
        reservation.recovered()
        let own = ISPID(node: "n9", boot: 7, sequence: 1)
        guard case .granted(let epoch) = reservation.reserve(for: own, at: Self.at(0)) else {
            Issue.record("a free node grants")
            return
        }
        reservation.expire(at: Self.at(1_000))
        #expect(reservation.holds(Token(isp: own, epoch: epoch)))
        reservation.ownISPEnded(Token(isp: own, epoch: epoch))
        #expect(reservation.isFree)
    }

    @Test("grants and their ends are told in order, for the journal")
    func transitions() {
        var (reservation, first) = Start.reserved.make()
        guard case .granted(let epoch) = reservation.reserve(for: Self.other, at: Self.at(20)) else {
            Issue.record("an expired node grants")
            return
        }
        let second = Token(isp: Self.other, epoch: epoch)
        reservation.release(second, at: Self.at(21))
        #expect(
            reservation.takeTransitions() == [
                .granted(first), .ended(first, .expired), .granted(second), .ended(second, .released),
            ])
        #expect(reservation.takeTransitions().isEmpty)
    }

    @Test(
        "one of sixteen that ask for a free node is granted, whatever the order",
        arguments: 1...20 as ClosedRange<UInt64>)
    func oneOfSixteen(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var reservation = Reservation(node: "n9", boot: 7, lease: Self.lease, incomingMax: 1, outgoingMax: 1)
        reservation.recovered()
        let askers = (1...16).map { ISPID(node: "n1", boot: 1, sequence: $0) }.shuffled(using: &generator)
        let granted = askers.count { isp in
            if case .granted = reservation.reserve(for: isp, at: Self.at(0)) { true } else { false }
        }
        #expect(granted == 1, "seed \(seed)")
    }

    @Test("no more actions are ordered under one grant than are remembered, and a known one is still answered")
    func actionsMax() {
        var (reservation, token) = Start.reserved.make()
        let actions = (1...UInt64(Reservation.actionsMax)).map { ActionID(isp: Self.isp, number: $0) }
        for action in actions {
            #expect(reservation.admit(action, .incoming, under: token, at: Self.at(1)) { nil } == .admitted)
            reservation.settle(action, with: .moved, at: Self.at(1))
        }
        let next = ActionID(isp: Self.isp, number: UInt64(Reservation.actionsMax) + 1)
        guard case .refused = reservation.admit(next, .incoming, under: token, at: Self.at(1), localCheck: { nil })
        else {
            Issue.record("one action more was admitted")
            return
        }
        #expect(
            reservation.admit(actions[0], .incoming, under: token, at: Self.at(1)) { nil } == .known(.done(.moved)))
    }
}

package import Basis

/// One member that was found silent, and by whom, until it refutes or time is up.
///
/// Source: Lifeguard §IV.B: the more members find it silent by themselves, the sooner it counts as dead.
package struct Suspicion: Sendable {
    package let member: NodeID
    package let incarnation: UInt64
    /// Who found it silent, each once; at most one more than ``confirmationsWanted``.
    package private(set) var accusers: [NodeID] = []
    private let confirmationsWanted: Int
    private var startedAt: MonotonicInstant
    private let minimum: Duration
    private let maximum: Duration

    package init(_ update: MemberUpdate, members: Int, settings: MembershipSettings, at now: MonotonicInstant) {
        self.member = update.member.id
        self.incarnation = update.incarnation
        self.confirmationsWanted = settings.confirmationsWanted(members: members)
        self.startedAt = now
        self.minimum = settings.suspicionMinimum(members: members)
        self.maximum = settings.suspicionMaximum(members: members)
        if let accuser = update.accuser {
            self.accusers.append(accuser)
        }
    }

    /// When the member counts as dead.
    ///
    /// `max(minimum, maximum − (maximum − minimum) · log(c + 1) / log(K + 1))` after c of K confirmations.
    package var deadline: MonotonicInstant {
        guard self.confirmationsWanted > 0 else { return self.startedAt + self.minimum }
        let confirmations = max(0, self.accusers.count - 1)
        let reached = Self.log2Thousandths(confirmations + 1)
        let wanted = Self.log2Thousandths(self.confirmationsWanted + 1)
        let shortened = (self.maximum - self.minimum) * reached / wanted
        return self.startedAt + max(self.minimum, self.maximum - shortened)
    }

    /// Notes that `accuser` found the member silent as well.
    ///
    /// - Returns: whether that was new and counts, so that it is worth passing on.
    package mutating func confirm(by accuser: NodeID) -> Bool {
        guard self.accusers.count <= self.confirmationsWanted, !self.accusers.contains(accuser) else { return false }
        self.accusers.append(accuser)
        return true
    }

    /// Gives the member more time, because for that long this node would not have heard a refutation.
    package mutating func postpone(by duration: Duration) {
        self.startedAt = self.startedAt + duration
    }

    /// log₂ of a number from 1, in thousandths, linear between the powers of two: at most 86 too little.
    private static func log2Thousandths(_ number: Int) -> Int {
        let exponent = Int.bitWidth - 1 - number.leadingZeroBitCount
        let power = 1 << exponent
        return 1_000 * exponent + 1_000 * (number - power) / power
    }
}

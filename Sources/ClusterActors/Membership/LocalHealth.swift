/// How well this node itself seems to do: one that hears little may be slow itself, and should accuse others later.
///
/// Source: Lifeguard §IV.A, the local health multiplier.
struct LocalHealth: Sendable {
    /// 0 when all is well, up to ``worst``.
    private(set) var score = 0
    let worst: Int

    init(worst: Int) {
        self.worst = worst
    }

    /// By what intervals and time-outs are multiplied.
    var factor: Int { self.score + 1 }

    /// A probe was answered.
    mutating func improve() {
        self.score = max(0, self.score - 1)
    }

    /// Answers that should have come did not, or this node was suspected itself.
    mutating func worsen(by points: Int = 1) {
        self.score = min(self.worst, self.score + points)
    }
}

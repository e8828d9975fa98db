import Basis
import ClusterActors

/// Everything that a seed lets happen to a ring, as parts that can be left out one by one.
package struct FaultCourse: Sendable {
    package private(set) var workload: Workload
    package private(set) var plan: FaultPlan

    init(_ workload: Workload, _ plan: FaultPlan) {
        self.workload = workload
        self.plan = plan
    }

    /// How many parts there are. Part 0 is how messages fare; acts of the workload, faults and ambushes follow.
    var count: Int { 1 + self.workload.entries.count + self.plan.entries.count + self.plan.ambushes.count }

    /// The course without all other parts.
    package func keeping(_ kept: Set<Int>) -> FaultCourse {
        var course = self
        if !kept.contains(0) { course.plan.quality = .local }
        var first = 1
        course.workload.entries = Self.keep(self.workload.entries, kept, &first)
        course.plan.entries = Self.keep(self.plan.entries, kept, &first)
        course.plan.ambushes = Self.keep(self.plan.ambushes, kept, &first)
        return course
    }

    private static func keep<Part>(_ parts: [Part], _ kept: Set<Int>, _ first: inout Int) -> [Part] {
        defer { first += parts.count }
        return parts.enumerated().filter { kept.contains(first + $0.offset) }.map(\.element)
    }

    /// All parts in words, one line each; the index is the part's number.
    package var lines: [String] {
        ["messages: \(self.plan.quality.inWords)"]
            + self.workload.entries.map { "\($0.at.inWords) s: \($0.act), for \($0.lasts.inWords) s" }
            + self.plan.entries.map {
                "\($0.at.inWords) s: \($0.fault.name) of \($0.aim.word), for \($0.lasts.inWords) s"
            }
            + self.plan.ambushes.map {
                "from \($0.from.inWords) s: \($0.fault.name) at the next moment \"\($0.moment.rawValue)\","
                    + " for \($0.lasts.inWords) s"
            }
    }
}

extension Duration {
    fileprivate var inWords: String { (MonotonicInstant.zero + self).inWords }
}

extension LinkQuality {
    fileprivate var inWords: String {
        self == .local
            ? "clean"
            : "up to \(self.latencyMax.inWords) s, of a million \(self.lossPerMillion) lost,"
                + " \(self.duplicationPerMillion) doubled, \(self.delayPerMillion) late"
                + (self.keepsOrder ? "" : ", out of order")
    }
}

import ArgumentParser
import Placement

/// One part of a migration's cost as `--weight` gives it: `each_mib=4096`.
struct CostWeightChoice {
    /// The parts, by the names that a snapshot has for them.
    private static let parts:
        [(name: String, weight: WritableKeyPath<CostWeights, Int> & Sendable, range: ClosedRange<Int>)] = [
            ("memory_percent", \.memoryPercent, CostWeights.percentRange),
            ("dirty_percent", \.dirtyPercent, CostWeights.percentRange),
            ("link_percent", \.linkPercent, CostWeights.percentRange),
            ("each_mib", \.eachMiB, CostWeights.eachMiBRange),
        ]

    static var listed: String { Self.parts.map(\.name).joined(separator: ", ") }

    private let weight: WritableKeyPath<CostWeights, Int> & Sendable
    private let amount: Int

    init(_ text: String) throws {
        let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let part = Self.parts.first(where: { $0.name == halves[0] }) else {
            throw ValidationError("'\(text)' names no part of the cost: \(Self.listed)")
        }
        guard halves.count == 2, let amount = Int(halves[1]), part.range.contains(amount) else {
            throw ValidationError(
                "'\(text)' gives \(part.name) no amount from \(part.range.lowerBound) to \(part.range.upperBound)")
        }
        self.weight = part.weight
        self.amount = amount
    }

    func apply(to weights: inout CostWeights) {
        weights[keyPath: self.weight] = self.amount
    }
}

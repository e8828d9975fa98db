/// Finds a small part of what goes wrong in a run after which it still ends badly.
///
/// Leaves out ever shorter stretches of parts as long as that changes nothing (delta debugging: Zeller, Hildebrandt,
/// "Simplifying and isolating failure-inducing input", IEEE TSE 2002). The result is small, not smallest.
package struct FaultShrinker {
    /// How many runs it takes at most.
    package static let runsMax = 400

    private var runs = 0
    private let endsBadly: ([Int]) async throws -> Bool

    /// - Parameter endsBadly: whether the run does when only these parts happen; they are in ascending order.
    package init(endsBadly: @escaping ([Int]) async throws -> Bool) {
        self.endsBadly = endsBadly
    }

    /// - Parameter parts: with which the run is known to end badly.
    /// - Returns: those of them that are enough.
    /// - Throws: what the run throws.
    package mutating func shrink(_ parts: [Int]) async throws -> [Int] {
        var parts = parts
        var length = max(parts.count / 2, 1)
        while self.runs < Self.runsMax {
            let before = parts.count
            try await self.leaveOut(stretchesOf: length, &parts)
            if length > 1 {
                length /= 2
            } else if parts.count == before {
                break
            }
        }
        return parts
    }

    private mutating func leaveOut(stretchesOf length: Int, _ parts: inout [Int]) async throws {
        var start = 0
        while start < parts.count, self.runs < Self.runsMax {
            let left = Array(parts[..<start] + parts.dropFirst(start + length))
            self.runs += 1
            if try await self.endsBadly(left) { parts = left } else { start += length }
        }
    }
}

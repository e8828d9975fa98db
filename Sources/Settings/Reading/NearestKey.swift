/// Finds the key that somebody probably meant.
enum NearestKey {
    /// More typing errors than this in one word are no longer a typing error.
    private static let distanceMax = 3

    /// The candidate that takes the fewest insertions, deletions and substitutions to become from `word`, the first of
    /// equals in alphabetical order; nil when none is near.
    static func of(_ word: String, among candidates: [String]) -> String? {
        let limit = min(self.distanceMax, max(1, word.count / 2))
        return candidates.sorted()
            .map { (candidate: $0, distance: self.distance(from: word, to: $0)) }
            .filter { $0.distance <= limit }
            .min { $0.distance < $1.distance }?
            .candidate
    }

    /// Levenshtein's distance, one row at a time.
    private static func distance(from left: String, to right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let substitution = diagonal + (right[column] == letter ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substitution, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}

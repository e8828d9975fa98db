/// Finds the name that somebody probably meant.
package enum NearestName {
    /// More typing errors than this in one word are no longer a typing error.
    private static let distanceMax = 3

    /// A longer word is no typing error of anything: comparing takes time in proportion to its length.
    private static let lengthMax = 64

    /// The candidate that takes the fewest insertions, deletions and substitutions to become from `word`, the first of
    /// equals in alphabetical order; nil when none is near.
    package static func of(_ word: String, among candidates: [String]) -> String? {
        guard word.utf8.count <= self.lengthMax else { return nil }
        let limit = min(self.distanceMax, max(1, word.count / 2))
        return candidates.sorted()
            .map { (candidate: $0, distance: self.distance(from: word, to: $0)) }
            .filter { $0.distance <= limit }
            .min { $0.distance < $1.distance }?
            .candidate
    }

    /// What an error message says after the word: a question, or nothing.
    package static func question(_ word: String, among candidates: [String]) -> String {
        self.of(word, among: candidates).map { "; did you mean \($0)?" } ?? ""
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

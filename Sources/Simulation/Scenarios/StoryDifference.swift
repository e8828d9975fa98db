/// Where two stories part, for whoever reads why a scenario failed.
package struct StoryDifference: Hashable, Sendable, CustomStringConvertible {
    /// How many lines that differ are shown.
    private static let linesShownMax = 60

    private var lines: [String]

    /// - Parameter firstLine: the line of the file in which `expected` begins.
    /// - Returns: nil when both are the same.
    package init?(expected: [String], told: [String], file: String, firstLine: Int) {
        let changes = told.difference(from: expected)
        guard !changes.isEmpty else { return nil }
        // Removals by their place in the file, insertions by their place in the new story, in one order of reading.
        let shown = changes.map { change in
            switch change {
            case .remove(let offset, let line, _): (offset, "\(file):\(firstLine + offset): - \(line)")
            case .insert(let offset, let line, _): (offset, "\(file):\(firstLine + offset): + \(line)")
            }
        }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.1)
        self.lines = Array(shown.prefix(Self.linesShownMax))
        if shown.count > Self.linesShownMax { self.lines.append("and \(shown.count - Self.linesShownMax) lines more") }
    }

    package var description: String { self.lines.joined(separator: "\n") }
}

/// One thing that is wrong with a config file, said so that the person who wrote it can put it right.
package struct SettingsProblem: Hashable, Sendable, CustomStringConvertible {
    /// The file as it was named on the command line or by `ring_file`.
    package var file: String
    /// From 1. Where something is missing, the line of the section that lacks it.
    package var line: Int
    /// The path of the key, as in `ring.nodes[2].address`; empty when the file as a whole is meant.
    package var key: String
    /// What was expected and what was found.
    package var text: String

    package init(file: String, line: Int, key: String, text: String) {
        self.file = file
        self.line = line
        self.key = key
        self.text = text
    }

    package var description: String {
        self.key.isEmpty
            ? "\(self.file):\(self.line): \(self.text)" : "\(self.file):\(self.line): \(self.key): \(self.text)"
    }
}

/// A config file that cannot be used, with everything that is wrong with it.
///
/// A syntax error stands alone, because nothing after it can be trusted; all other problems come at once, in the
/// order of file and line.
package struct InvalidSettings: Error, Hashable, Sendable, CustomStringConvertible {
    /// Never empty; at most ``problemsMax``.
    package let problems: [SettingsProblem]
    /// How many more there were.
    package let omitted: Int

    /// More than this many problems are counted instead of listed.
    package static let problemsMax = 100

    package init(_ found: [SettingsProblem]) {
        precondition(!found.isEmpty, "settings are invalid only for a reason")
        let sorted = found.sorted { ($0.file, $0.line, $0.key, $0.text) < ($1.file, $1.line, $1.key, $1.text) }
        self.problems = Array(sorted.prefix(Self.problemsMax))
        self.omitted = max(0, sorted.count - Self.problemsMax)
    }

    package var description: String {
        var lines = self.problems.map(\.description)
        if self.omitted > 0 { lines.append("and \(self.omitted) more") }
        return lines.joined(separator: "\n")
    }
}

/// One thing that is wrong with a file, said so that the person who made it can put it right.
package struct InputProblem: Hashable, Sendable, CustomStringConvertible {
    /// Where the value stands; nil where the file as a whole is meant.
    package var position: TextPosition?
    /// `$.vms[3].demand.memory_mib`; of line-oriented files the name of the field. Empty where there is none.
    package var path: String
    /// What was found and what was expected.
    package var text: String

    package init(position: TextPosition? = nil, path: String = "", text: String) {
        self.position = position
        self.path = path
        self.text = text
    }

    package var description: String {
        [self.position.map { "\($0)" } ?? "", self.path, self.text].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}

/// A file that cannot be used, with everything that is wrong with it.
///
/// A syntax error stands alone; all other problems come at once, in the order of the file.
package struct InvalidInput: Error, Hashable, Sendable, CustomStringConvertible {
    /// More than this many problems are counted instead of listed.
    package static let problemsMax = 100

    /// The file, as it was named.
    package let source: String
    /// Never empty; at most ``problemsMax``.
    package let problems: [InputProblem]
    /// How many more there were.
    package let omitted: Int

    package init(source: String, problems: [InputProblem], omitted: Int = 0) {
        precondition(!problems.isEmpty, "a file is invalid only for a reason")
        self.source = source
        self.problems = problems
        self.omitted = omitted
    }

    package var description: String {
        var lines = self.problems.map { problem in
            "\(self.source):\(problem.position == nil ? " " : "")\(problem)"
        }
        if self.omitted > 0 { lines.append("and \(self.omitted) more") }
        return lines.joined(separator: "\n")
    }
}

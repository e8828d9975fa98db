/// What came of a command on one host.
package struct HostReport: Sendable {
    /// As the caller names it.
    package var host: String
    package var outcome: Outcome

    package enum Outcome: Hashable, Sendable {
        case ended(CommandResult)
        case failed(HostShellFailure)
    }

    package init(host: String, outcome: Outcome) {
        self.host = host
        self.outcome = outcome
    }

    package var isSuccess: Bool {
        if case .ended(let result) = self.outcome { result.isSuccess } else { false }
    }

    /// How it ended, in two words for a status, in a sentence for a failure.
    package var ending: String {
        switch self.outcome {
        case .ended(let result): result.ending.description
        case .failed: "not known how it ended"
        }
    }

    /// What the host said, for people: output, then errors, then what was left out; or why it said nothing.
    package var shownText: String {
        switch self.outcome {
        case .failed(let failure):
            return failure.description
        case .ended(let result):
            var texts = [result.outputText, result.errorText].map(Self.withoutLastNewlines)
            let dropped = result.outputBytesDropped + result.errorBytesDropped
            if dropped > 0 { texts.append("(\(dropped) bytes more)") }
            return texts.filter { !$0.isEmpty }.joined(separator: "\n")
        }
    }

    private static func withoutLastNewlines(_ text: String) -> String {
        String(text.reversed().drop(while: \.isNewline).reversed())
    }
}

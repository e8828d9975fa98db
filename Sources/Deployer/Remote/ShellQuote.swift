/// Words for a POSIX shell.
package enum ShellQuote {
    /// One word that every shell of the Bourne family reads as exactly this text.
    ///
    /// - Parameter text: without NUL, which no argument can hold.
    package static func word(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// The words of a command line.
    package static func words(_ texts: [String]) -> String {
        texts.map(self.word).joined(separator: " ")
    }

    /// What others said, for one line of a message: at most 300 characters, control characters as blanks.
    package static func shown(_ words: some StringProtocol) -> String {
        let line = words.split(whereSeparator: \.isNewline).joined(separator: "; ")
        let clean = line.unicodeScalars.map { scalar -> Character in
            scalar.properties.generalCategory == .control ? " " : Character(scalar)
        }
        let text = String(clean.prefix(300)).drop { $0 == " " }
        return text.isEmpty ? "no reason given" : String(text)
    }
}

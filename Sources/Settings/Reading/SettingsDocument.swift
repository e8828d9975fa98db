import Yams

/// The node tree of one config file, read by Yams, with the line of every key.
///
/// Yams gives up at the first mapping in which a key stands twice, and so would hide every other problem of the file.
/// The text is therefore parsed again with that key out of the way, and ``SettingsSection`` finds the double on its
/// walk: two keys of one name in one mapping.
struct SettingsDocument {
    /// The file as it was named.
    let file: String
    /// Nil for an empty file.
    let root: Yams.Node?

    /// The largest file that is read, in bytes: twice what a ring of 5,000 nodes takes. Yams bounds the nesting (1,000).
    static let bytesMax = 1 << 20

    /// How many doubled keys are got out of the way; with more of them it is not worth reading on.
    private static let doubledKeysMax = 20

    /// - Throws: ``InvalidSettings`` with the one syntax error at which reading had to stop.
    init(file: String, text: String) throws(InvalidSettings) {
        self.file = file
        guard text.utf8.count <= Self.bytesMax else {
            let found = "expected a file of at most \(Self.bytesMax) bytes, got \(text.utf8.count)"
            throw InvalidSettings([SettingsProblem(file: file, line: 1, key: "", text: found)])
        }
        var edited = text
        for number in 0...Self.doubledKeysMax {
            switch Self.parse(edited) {
            case .tree(let root):
                self.root = root
                return
            case .doubled(let key, let mark):
                guard number < Self.doubledKeysMax,
                    let next = Self.rename(key, at: mark, in: edited, prefix: Self.doubledPrefix(number))
                else {
                    throw InvalidSettings([
                        SettingsProblem(file: file, line: mark.line, key: key, text: "stands twice in one section")
                    ])
                }
                edited = next
            case .broken(let line, let text):
                throw InvalidSettings([SettingsProblem(file: file, line: line, key: "", text: text)])
            }
        }
        preconditionFailure("the last round of the loop above returns or throws")
    }

    /// The name that a key has in the file, whether or not it was renamed to get past Yams.
    static func originalName(of key: String) -> String {
        guard key.hasPrefix(self.doubledStart), let end = key.dropFirst(self.doubledStart.count).firstIndex(of: "~")
        else {
            return key
        }
        return String(key[key.index(after: end)...])
    }

    private static let doubledStart = "doubled~"

    private static func doubledPrefix(_ number: Int) -> String { "\(self.doubledStart)\(number)~" }

    private enum Outcome {
        case tree(Yams.Node?)
        /// `mark` is where the key first stands.
        case doubled(key: String, mark: Yams.Mark)
        case broken(line: Int, text: String)
    }

    private static func parse(_ text: String) -> Outcome {
        do {
            // The basic resolver leaves every scalar a text: what it means is decided by the key it stands under.
            return .tree(try Yams.compose(yaml: text, .basic))
        } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
            return .doubled(key: keys.first ?? "", mark: context.mark)
        } catch YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _)
        {
            return .broken(line: mark.line, text: "not YAML: \(problem) (column \(mark.column))")
        } catch YamlError.reader(let problem, let offset, _, _) {
            let line = text.prefix(offset ?? 0).reduce(1) { $1.isNewline ? $0 + 1 : $0 }
            return .broken(line: line, text: "not YAML: \(problem)")
        } catch {
            return .broken(line: 1, text: "not YAML: \(error)")
        }
    }

    /// `text` with `prefix` put before the key that begins at `mark`; nil when the key does not stand there in plain
    /// or quoted form.
    private static func rename(_ key: String, at mark: Yams.Mark, in text: String, prefix: String) -> String? {
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
        guard lines.indices.contains(mark.line - 1), lines[mark.line - 1].indices.contains(mark.column - 1) else {
            return nil
        }
        var line = lines[mark.line - 1]
        var place = mark.column - 1
        if line[place] == "\"" || line[place] == "'" { place += 1 }
        guard line[place...].starts(with: key.unicodeScalars) else { return nil }
        line.insert(contentsOf: prefix.unicodeScalars, at: place)
        lines[mark.line - 1] = line
        var joined = String.UnicodeScalarView()
        for (number, line) in lines.enumerated() {
            if number > 0 { joined.append("\n") }
            joined.append(contentsOf: line)
        }
        return String(joined)
    }
}

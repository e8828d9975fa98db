/// Names of hosts, written short: `node[1-3,7]`, `paravance-[1-72].rennes`, `rack[1-4]n[01-32],login`.
///
/// The notation is that of ClusterShell: a comma separates patterns, brackets hold numbers and ranges of them, with a
/// step after a slash (`[0-8/2]`), and a leading zero fixes the number of digits. A pattern may have several brackets;
/// it stands for all combinations, the last bracket counting fastest.
package struct NodeSet: Hashable, Sendable, CustomStringConvertible {
    /// Hosts that one set may name.
    package static let hostsMax = 200_000
    /// Characters of one name (RFC 1035 allows 253).
    package static let nameCharactersMax = 253
    /// Characters of a written set.
    package static let textCharactersMax = 1_048_576

    /// Each once, in the order of their first mention.
    package let names: [String]

    /// - Throws: what is wrong with the first name that is.
    package init(names: some Sequence<String>) throws(NodeSetProblem) {
        var seen: Set<String> = []
        var unique: [String] = []
        for name in names {
            guard Self.isName(name) else { throw .notAName(name) }
            guard seen.insert(name).inserted else { continue }
            guard unique.count < Self.hostsMax else { throw .tooManyHosts(max: Self.hostsMax) }
            unique.append(name)
        }
        self.names = unique
    }

    /// - Throws: what is wrong with the text, and where.
    package init(_ text: String) throws(NodeSetProblem) {
        guard text.utf8.count <= Self.textCharactersMax else { throw .tooLong(charactersMax: Self.textCharactersMax) }
        var parser = NodeSetParser(text)
        try self.init(names: try parser.names())
    }

    /// ASCII letters, digits, `.`, `_` and `-`, with a letter or digit at the front.
    private static func isName(_ name: String) -> Bool {
        guard name.utf8.count <= Self.nameCharactersMax, let first = name.utf8.first, first.isLetterOrDigit else {
            return false
        }
        return name.utf8.allSatisfy(\.isOfName)
    }

    /// The set written short.
    package var description: String { NodeSetFolding(self.names).text }
}

/// Why a text names no set of hosts. Positions count characters from 1.
package enum NodeSetProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case notAName(String)
    case unexpected(character: Character, position: Int)
    case unclosedBracket(position: Int)
    case badRange(text: String, position: Int)
    case tooManyHosts(max: Int)
    case tooLong(charactersMax: Int)

    package var description: String {
        switch self {
        case .empty:
            "no host is named; write for instance node[1-3,7]"
        case .notAName(let name):
            "'\(ShellQuote.shown(name))' is no host name; use at most \(NodeSet.nameCharactersMax) letters, digits, "
                + "'.', '_' and '-', with a letter or digit at the front"
        case .unexpected(let character, let position):
            "'\(ShellQuote.shown(String(character)))' at character \(position) does not belong into a set of hosts; "
                + "write for instance node[1-3,7]"
        case .unclosedBracket(let position):
            "the bracket at character \(position) is not closed; write for instance node[1-3,7]"
        case .badRange(let text, let position):
            "'\(ShellQuote.shown(text))' at character \(position) is no number and no range; write for instance 7, "
                + "1-3, 01-32 or 0-8/2, with numbers of at most 9 digits"
        case .tooManyHosts(let max):
            "the set names more than \(max) hosts; name them in several commands"
        case .tooLong(let charactersMax):
            "the set is written in more than \(charactersMax) characters; name the hosts in several commands"
        }
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    var isLetterOrDigit: Bool {
        self.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
    }

    /// Whether it may stand in a host's name.
    var isOfName: Bool {
        self.isLetterOrDigit || self == UInt8(ascii: ".") || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
    }
}

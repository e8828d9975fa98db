/// Reads a written set of hosts, character by character. Total: any text gives names or a problem.
struct NodeSetParser {
    /// Of one number in brackets: more would be no host's number, and could not be counted.
    private static let digitsMax = 9

    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// A piece of a pattern.
    private enum Piece {
        case text([UInt8])
        case numbers([[UInt8]])
    }

    mutating func names() throws(NodeSetProblem) -> [String] {
        var names: [String] = []
        repeat {
            self.skipBlanks()
            let pattern = try self.pattern()
            guard !pattern.isEmpty else {
                if let next = self.next { throw self.unexpected(next) }
                throw .empty
            }
            names += try self.expand(pattern, room: NodeSet.hostsMax - names.count)
            self.skipBlanks()
            if let next = self.next, next != UInt8(ascii: ",") { throw self.unexpected(next) }
        } while self.take(UInt8(ascii: ","))
        return names
    }

    private var next: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.next == byte else { return false }
        self.position += 1
        return true
    }

    private mutating func skipBlanks() {
        while let next = self.next, next == UInt8(ascii: " ") || next == UInt8(ascii: "\n") { self.position += 1 }
    }

    private func unexpected(_ byte: UInt8) -> NodeSetProblem {
        let character = byte < 0x80 ? Character(Unicode.Scalar(byte)) : "\u{FFFD}"
        return .unexpected(character: character, position: self.position + 1)
    }

    private mutating func pattern() throws(NodeSetProblem) -> [Piece] {
        var pieces: [Piece] = []
        while let next = self.next {
            if next.isOfName {
                let start = self.position
                while let byte = self.next, byte.isOfName { self.position += 1 }
                pieces.append(.text(Array(self.bytes[start..<self.position])))
            } else if next == UInt8(ascii: "[") {
                pieces.append(.numbers(try self.numbers()))
            } else {
                break
            }
        }
        return pieces
    }

    private mutating func numbers() throws(NodeSetProblem) -> [[UInt8]] {
        let opened = self.position + 1
        guard let closing = self.bytes[self.position...].firstIndex(of: UInt8(ascii: "]")) else {
            throw .unclosedBracket(position: opened)
        }
        var numbers: [[UInt8]] = []
        var start = opened
        for part in self.bytes[opened..<closing].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            try self.append(part, at: start, to: &numbers)
            start += part.count + 1
        }
        self.position = closing + 1
        return numbers
    }

    /// One of `7`, `1-3`, `01-32` and `0-8/2`.
    private func append(
        _ part: ArraySlice<UInt8>, at start: Int, to numbers: inout [[UInt8]]
    ) throws(NodeSetProblem) {
        let problem = NodeSetProblem.badRange(text: String(decoding: part, as: UTF8.self), position: start + 1)
        let halves = part.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let ends = halves[0].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard halves.count <= 2, ends.count <= 2, let first = Self.number(ends[0]),
            let last = Self.number(ends[ends.count - 1]), first <= last, halves.count == 1 || ends.count == 2
        else { throw problem }
        var step = 1
        if halves.count == 2 {
            guard let given = Self.number(halves[1]), given > 0 else { throw problem }
            step = given
        }
        guard (last - first) / step < NodeSet.hostsMax - numbers.count else {
            throw .tooManyHosts(max: NodeSet.hostsMax)
        }
        let isPadded = ends[0].count > 1 && ends[0].first == UInt8(ascii: "0")
        // Numbers of different lengths with a leading zero have no common width to be written in.
        guard !isPadded || ends.count == 1 || ends[1].count >= ends[0].count else { throw problem }
        for number in stride(from: first, through: last, by: step) {
            let digits = Array(String(number).utf8)
            let zeros = isPadded ? max(0, ends[0].count - digits.count) : 0
            numbers.append(Array(repeating: UInt8(ascii: "0"), count: zeros) + digits)
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= Self.digitsMax, digits.allSatisfy(\.isDigit) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    /// All combinations, the last numbers counting fastest.
    private func expand(_ pattern: [Piece], room: Int) throws(NodeSetProblem) -> [String] {
        var names: [[UInt8]] = [[]]
        for piece in pattern {
            switch piece {
            case .text(let text):
                for index in names.indices { names[index] += text }
            case .numbers(let numbers):
                let (count, isOver) = names.count.multipliedReportingOverflow(by: numbers.count)
                guard !isOver, count <= room else { throw .tooManyHosts(max: NodeSet.hostsMax) }
                names = names.flatMap { name in numbers.map { name + $0 } }
            }
        }
        guard names.count <= room else { throw .tooManyHosts(max: NodeSet.hostsMax) }
        return names.map { String(decoding: $0, as: UTF8.self) }
    }
}

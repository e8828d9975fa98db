/// Cuts a byte stream into lines of at most ``ControlLimits/lineBytesMax`` bytes.
///
/// A longer one is reported once, as soon as it is too long, and the rest of it passed over: the stream stays in step,
/// and what is held is bounded.
package struct ControlLineSplitter: Sendable {
    package enum Piece: Hashable, Sendable {
        /// Without its newline.
        case line([UInt8])
        case tooLong
    }

    private let bytesMax: Int
    private var begun: [UInt8] = []
    private var isPassingOver = false

    package init(bytesMax: Int = ControlLimits.lineBytesMax) {
        self.bytesMax = bytesMax
    }

    /// Whether the stream is in the middle of a line.
    package var isMidLine: Bool { !self.begun.isEmpty || self.isPassingOver }

    /// What `bytes` ends, in order. The beginning of a further line is kept.
    package mutating func split(_ bytes: some Collection<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            if self.append(rest[..<newline]) { pieces.append(.tooLong) }
            if !self.isPassingOver { pieces.append(.line(self.begun)) }
            self.begun.removeAll()
            self.isPassingOver = false
            rest = rest[rest.index(after: newline)...]
        }
        if self.append(rest) { pieces.append(.tooLong) }
        return pieces
    }

    /// - Returns: whether the line became too long just now.
    private mutating func append(_ bytes: some Collection<UInt8>) -> Bool {
        guard !self.isPassingOver else { return false }
        guard self.begun.count + bytes.count <= self.bytesMax else {
            self.begun.removeAll()
            self.isPassingOver = true
            return true
        }
        self.begun.append(contentsOf: bytes)
        return false
    }
}

import Basis
import ControlProtocol
import Testing

@Suite("Lines out of a byte stream")
struct LineSplitterTests {
    private func pieces(_ chunks: [String], bytesMax: Int = 8) -> [ControlLineSplitter.Piece] {
        var splitter = ControlLineSplitter(bytesMax: bytesMax)
        return chunks.flatMap { splitter.split(Array($0.utf8)) }
    }

    private func line(_ text: String) -> ControlLineSplitter.Piece { .line(Array(text.utf8)) }

    @Test("come out whole, however the bytes come in")
    func chunks() {
        let whole = [line("one"), line(""), line("three"), line("12345678")]
        let stream = "one\n\nthree\n12345678\nrest"
        #expect(self.pieces([stream]) == whole)
        #expect(self.pieces(stream.map(String.init)) == whole)
        #expect(self.pieces(["on", "e\n\nth", "ree\n1234", "", "5678\n", "rest"]) == whole)
    }

    @Test("are reported once when they are too long, and the next one is whole again")
    func tooLong() {
        let expected: [ControlLineSplitter.Piece] = [line("a"), .tooLong, line("b"), .tooLong, .tooLong, line("")]
        let stream = "a\n123456789\nb\n" + String(repeating: "x", count: 100) + "\n123456789\n\n"
        #expect(self.pieces([stream]) == expected)
        #expect(self.pieces(stream.map(String.init)) == expected)
    }

    @Test("are reported as too long before they end")
    func early() {
        #expect(self.pieces(["1234", "56789"]) == [.tooLong])
        #expect(self.pieces(["1234", "56789", "abc", "def\nx\n"]) == [.tooLong, line("x")])
    }

    @Test("say whether one has begun")
    func midLine() {
        var splitter = ControlLineSplitter(bytesMax: 4)
        #expect(!splitter.isMidLine)
        _ = splitter.split(Array("a".utf8))
        #expect(splitter.isMidLine)
        _ = splitter.split(Array("\n".utf8))
        #expect(!splitter.isMidLine)
        _ = splitter.split(Array("12345".utf8))
        #expect(splitter.isMidLine)
    }
}

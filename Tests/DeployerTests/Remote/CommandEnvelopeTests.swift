import Basis
import Deployer
import Testing

@Suite("The envelope of a command")
struct CommandEnvelopeTests {
    private let nonce = "0123456789abcdef0123456789abcdef"

    private func mark(_ status: String) -> [UInt8] { [0x1E] + Array("\(self.nonce) \(status)\n".utf8) }

    @Test("gives back every byte before the mark and the status in it, however the stream is cut")
    func cut() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<300 {
            // Bytes that look like beginnings of the mark are many.
            let alphabet: [UInt8] = [0x1E, UInt8(ascii: "0"), UInt8(ascii: "1"), 0, 0xFF]
            let body = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            let bytes = body + self.mark("003") + Array("of a process in the background".utf8)
            var stream = EnvelopedStream(nonce: self.nonce)
            var given: [UInt8] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...40, using: &random))
                rest = rest.dropFirst(piece.count)
                given += stream.take(Array(piece))
            }
            given += stream.finish()
            #expect(given == body && stream.status == 3)
        }
    }

    @Test("gives nothing that came before the mark of the beginning once that has come, however the stream is cut")
    func beginning() {
        let said = Array("welcome\n".utf8) + [0x1E] + self.mark("998") + Array("out".utf8) + self.mark("000")
        for first in 0...said.count {
            var stream = EnvelopedStream(nonce: self.nonce)
            var given: [UInt8] = []
            for piece in [said[..<first], said[first...]] {
                let hadBegun = stream.hasBegun
                let own = stream.take(Array(piece))
                given = stream.hasBegun && !hadBegun ? own : given + own
            }
            #expect(given == Array("out".utf8) && stream.status == 0, "cut at \(first)")
        }
    }

    @Test("holds nothing back at the end of a stream without a mark")
    func withoutMark() {
        var stream = EnvelopedStream(nonce: self.nonce)
        let beginning = Array(self.mark("000").dropLast(2))
        #expect(stream.take(Array("ab".utf8) + beginning) == Array("ab".utf8))
        #expect(stream.finish() == beginning && stream.status == nil)
    }

    @Test("takes no mark of another command, nor one with a status that is none")
    func otherMarks() {
        for bytes in [
            [0x1E] + Array("1123456789abcdef0123456789abcdef 000\n".utf8), self.mark("0x1"),
            self.mark("000").dropLast() + [0],
        ] {
            var stream = EnvelopedStream(nonce: self.nonce)
            #expect(stream.take(Array(bytes)) == Array(bytes) && stream.status == nil)
        }
    }

    @Test("keeps the first bytes of a stream and counts the others")
    func kept() {
        var kept = KeptBytes(bytesMax: 5)
        kept.append([1, 2, 3])
        kept.append([4, 5, 6, 7])
        kept.append([8])
        #expect(kept.bytes == [1, 2, 3, 4, 5] && kept.droppedCount == 3)
    }

    @Test("refuses a script that fits into no argument")
    func tooLong() {
        let script = String(repeating: ":", count: HostCommand.scriptBytesMax)
        let envelope = CommandEnvelope(HostCommand(script: script, limit: .seconds(1)))
        #expect(throws: HostShellFailure.self) { try envelope.head() }
    }

    @Test("has nonces that differ, of 32 digits")
    func nonces() {
        let nonces = Set((0..<100).map { _ in CommandEnvelope.freshNonce() })
        #expect(nonces.count == 100 && nonces.allSatisfy { $0.utf8.count == 32 })
    }

    @Test(
        "tells signals as shells do",
        arguments: [
            (0, "exit status 0"), (128, "exit status 128"), (129, "signal 1"), (192, "signal 64"),
            (193, "exit status 193"),
        ])
    func endings(status: Int, text: String) {
        let ending = CommandEnding(shellStatus: status)
        #expect(ending.description == text && ending.shellStatus == status)
    }

    @Test("shows words of others on one line, without control characters")
    func shown() {
        #expect(ShellQuote.shown("a\u{1B}[31mb\n\nc\u{7}") == "a [31mb; c ")
        #expect(ShellQuote.shown("\n") == "no reason given")
        #expect(ShellQuote.shown(String(repeating: "x", count: 999)).count == 300)
    }
}

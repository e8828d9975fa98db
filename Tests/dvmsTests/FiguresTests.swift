import Foundation
import Testing
import dvms

@Suite("Figures for people")
struct FiguresTests {
    @Test(
        "give durations in their two largest units",
        arguments: [
            (-5, "0 ms"), (0, "0 ms"), (999, "999 ms"), (1_000, "1.000 s"), (59_999, "59.999 s"), (60_000, "1 min"),
            (192_000, "3 min 12 s"), (3_600_000, "1 h"), (11_520_000, "3 h 12 min"), (90_000_000, "1 d 1 h"),
            (Int.max, "106751991167 d 7 h"),
        ])
    func duration(milliseconds: Int, text: String) {
        #expect(Figures.duration(milliseconds: milliseconds) == text)
    }

    @Test("give counts, bytes and shares with what they count")
    func amounts() {
        #expect(Figures.count(1, "node") == "1 node" && Figures.count(0, "node") == "0 nodes")
        #expect(Figures.count(2, "entry", "entries") == "2 entries")
        #expect(Figures.bytes(1_023) == "1023 B" && Figures.bytes(1_536) == "1.5 KiB")
        #expect(Figures.bytes(.max) == "16777216.0 TiB")
        #expect(Figures.percent(3_201, of: 4_000) == "80.0" && Figures.percent(1, of: 0) == "-")
        #expect(Figures.seconds(milliseconds: 2_041) == "2.041" && Figures.seconds(milliseconds: -1) == "0.000")
    }

    @Test("give times by the operator's clock")
    func clock() throws {
        let utc = WallClockText(timeZone: try #require(TimeZone(secondsFromGMT: 0)))
        let paris = WallClockText(timeZone: try #require(TimeZone(secondsFromGMT: 7_200)))
        #expect(utc.text(milliseconds: 1_783_173_787_007) == "2026-07-04 14:03:07.007")
        #expect(paris.text(milliseconds: 1_783_173_787_007) == "2026-07-04 16:03:07.007")
        #expect(utc.text(milliseconds: 0) == "1970-01-01 00:00:00.000")
        #expect(utc.text(milliseconds: .max).hasPrefix("9999-12-31 23:59:59."))
    }
}

@Suite("Text from a daemon")
struct PlainTextTests {
    @Test("stays on its line and leaves the terminal alone")
    func onOneLine() {
        #expect("a\r\nb\tc\u{1B}[2J\u{9B}d\u{202E}e\u{2028}f".onOneLine == "a  b c\u{FFFD}[2J\u{FFFD}d\u{FFFD}e f")
        #expect("naïve → ü".onOneLine == "naïve → ü")
    }

    @Test(
        "is one word of a command that can be copied",
        arguments: [
            ("n1#3.2", "n1#3.2"), ("web 1", "'web 1'"), ("it's", #"'it'\''s'"#), ("", "''"), ("#1", "'#1'"),
            ("$(reboot)", "'$(reboot)'"), ("a\nb", "'a b'"),
        ])
    func shellWord(text: String, word: String) {
        #expect(ShellWord.quoted(text) == word)
    }

    @Test("is aligned under its heading")
    func table() {
        var table = TextTable(.left("NAME"), .right("MiB"), .left("REASON"))
        table.add("a", "1", "short")
        table.add("longer", "1024", "")
        table.add("ü\n", "", "a reason that goes on")
        #expect(
            table.text == """
                NAME     MiB  REASON
                a          1  short
                longer  1024
                ü             a reason that goes on
                """)
    }
}

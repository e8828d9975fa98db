import Basis
import ControlProtocol
import Testing

@Suite("A line that is no request")
struct RequestProblemTests {
    private func problem(_ line: String) -> ControlRequestError? {
        self.problem(Array(line.utf8))
    }

    private func problem(_ line: [UInt8]) -> ControlRequestError? {
        do throws(ControlRequestError) {
            _ = try ControlLine.request(from: line)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "gets an answer that names what is wrong, under its id",
        arguments: [
            (#"{"v":1,"id":7}"#, ControlError.Code.badRequest, "verb is missing"),
            (#"{"v":1,"id":7,"verb":3}"#, .badRequest, "verb must be a text, not 3"),
            (#"{"v":1,"id":7,"verb":"statsu"}"#, .unknownVerb, "unknown verb statsu; did you mean status?"),
            (
                #"{"v":1,"id":7,"verb":"format-disk"}"#, .unknownVerb,
                "unknown verb format-disk; there are version, status, ring, vms, events, inject, drain, undrain, pause, "
                    + "resume, apply, adopt, explain, join, leave, cancel, reload"
            ),
            (
                #"{"v":1,"id":7,"verb":"adopt","force":true}"#, .badRequest, "unknown key force; adopt has vm, fenced"
            ),
            (#"{"id":7,"verb":"status"}"#, .badRequest, "v is missing"),
            (#"{"v":0,"id":7,"verb":"status"}"#, .badRequest, "v must be 1, not 0"),
            (
                #"{"v":-9223372036854775808,"id":7,"verb":"status"}"#, .badRequest,
                "v must be 1, not -9223372036854775808"
            ),
            (#"{"v":"1","id":7,"verb":"status"}"#, .badRequest, #"v must be 1, not "1""#),
            (#"{"v":1.5,"id":7,"verb":"status"}"#, .badRequest, "v must be 1, not that"),
            (#"{"v":true,"id":7,"verb":"status"}"#, .badRequest, "v must be 1, not true"),
            (
                #"{"v":2,"id":7,"verb":"teleport","how":[]}"#, .unsupportedVersion,
                "version 2 of the control protocol is not spoken here, only 1 to 1"
            ),
            (#"{"v":1,"id":7,"verb":"apply"}"#, .badRequest, "apply needs isp"),
            (#"{"v":1,"id":7,"verb":"apply","isp":null}"#, .badRequest, "apply needs isp"),
            (#"{"v":1,"id":7,"verb":"apply","isps":"n1#1.1"}"#, .badRequest, "unknown key isps; did you mean isp?"),
            (#"{"v":1,"id":7,"verb":"drain","node":"n1"}"#, .badRequest, "unknown key node; drain has no arguments"),
            (
                #"{"v":1,"id":7,"verb":"apply","isp":""}"#, .badRequest,
                #"isp must be a text of 1 to 1024 bytes, not """#
            ),
            (
                #"{"v":1,"id":7,"verb":"apply","isp":{"a":1}}"#, .badRequest,
                "isp must be a text of 1 to 1024 bytes, not that"
            ),
            (
                #"{"v":1,"id":7,"verb":"adopt","vm":"a","fenced":"n 2"}"#, .badRequest,
                #"fenced must be a node name, 1 to 63 of a-z A-Z 0-9 . _ -, not "n 2""#
            ),
            (#"{"v":1,"id":7,"verb":"events","follow":1}"#, .badRequest, "follow must be true or false, not 1"),
            (
                #"{"v":1,"id":7,"verb":"events","limit":-1}"#, .badRequest,
                "limit must be a whole number from 0 to 100000, not -1"
            ),
            (
                #"{"v":1,"id":7,"verb":"events","limit":100001}"#, .badRequest,
                "limit must be a whole number from 0 to 100000, not 100001"
            ),
            (
                #"{"v":1,"id":7,"verb":"events","limit":2.5}"#, .badRequest,
                "limit must be a whole number from 0 to 100000, not that"
            ),
            (
                #"{"v":1,"id":7,"verb":"events","after":-1}"#, .badRequest,
                "after must be a whole number from 0 to 18446744073709551615, not -1"
            ),
            (#"{"v":1,"id":7,"verb":"inject"}"#, .badRequest, "inject needs what"),
            (
                #"{"v":1,"id":7,"verb":"inject","what":"load"}"#, .badRequest,
                #"what must be one of overload, underload, demand, not "load""#
            ),
            (#"{"v":1,"id":7,"verb":"inject","what":"demand"}"#, .badRequest, "inject needs vm"),
            (
                #"{"v":1,"id":7,"verb":"inject","what":"demand","vm":"a","cpu_millicores":-1}"#, .badRequest,
                "cpu_millicores must be a whole number from 0 to 1000000, not -1"
            ),
            (#"{"v":1,"id":7,"verb":"inject","what":"overload","vm":"a"}"#, .badRequest, "overload goes without vm"),
            (#"{"v":1,"id":7,"verb":"explain"}"#, .badRequest, "explain without vm needs isp"),
            (#"{"v":1,"id":7,"verb":"explain","isp":"a","vm":"b"}"#, .badRequest, "isp goes without vm"),
            (#"{"v":1,"id":7,"verb":"join","node":"n2"}"#, .badRequest, "join needs address"),
        ])
    func named(line: String, code: ControlError.Code, message: String) {
        let found = self.problem(line)
        #expect(found?.id == 7)
        #expect(found?.problem.answer == ControlError(code, message))
    }

    @Test(
        "gets an answer without id when it has none that can be read",
        arguments: [
            (#"{"v":1,"verb":"status"}"#, "id is missing"),
            (
                #"{"v":1,"id":"7","verb":"status"}"#,
                #"id must be a whole number from 0 to 18446744073709551615, not "7""#
            ),
            (#"{"v":1,"id":-7,"verb":"status"}"#, "id must be a whole number from 0 to 18446744073709551615, not -7"),
            (
                #"{"v":1,"id":1e99,"verb":"status"}"#,
                "id must be a whole number from 0 to 18446744073709551615, not that"
            ),
            ("", "the line is no JSON: it cannot be parsed"), ("status", "the line is no JSON: it cannot be parsed"),
            (#"{"v":1,"id":7,"verb":"status"} x"#, "the line is no JSON: it cannot be parsed"),
            (#"{"v":1,"id":7,"verb":"stat"#, "the line is no JSON: it cannot be parsed"),
            ("[]", "the line is no JSON object"), ("null", "the line is no JSON object"),
            ("7", "the line is no JSON object"),
            (#""status""#, "the line is no JSON object"),
        ])
    func nameless(line: String, message: String) {
        let found = self.problem(line)
        #expect(found != nil && found?.id == nil)
        #expect(found?.problem.answer == ControlError(.badRequest, message))
    }

    @Test("is refused when it is longer than a line may be, and read when it is not")
    func length() {
        let request = #"{"v":1,"id":7,"verb":"status"}"#
        let longest = request + String(repeating: " ", count: ControlLimits.lineBytesMax - request.utf8.count)
        #expect(self.problem(longest) == nil)
        #expect(self.problem(longest + " ")?.problem == .lineTooLong(bytesMax: 1_048_576))
    }

    @Test("is refused when it has more keys than any request has")
    func keys() {
        let keys = (0..<100_000).map { #""\#($0)":0"# }.joined(separator: ",")
        #expect(self.problem("{\(keys)}")?.problem == .tooManyKeys(100_000))
    }

    @Test(
        "is refused when its bytes are no text",
        arguments: [
            [0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00], [0x7B, 0x00, 0x7D, 0x00], [0xC0, 0x80],
            [0x7B, 0xED, 0xA0, 0x80, 0x7D],
        ] as [[UInt8]])
    func encoding(line: [UInt8]) {
        guard case .notJSON = self.problem(line)?.problem else {
            Issue.record("\(String(describing: self.problem(line)))")
            return
        }
    }

    @Test("does not put control characters or long texts into an answer")
    func shown() {
        let verb = #"\u001b[2J\u0000"# + String(repeating: "x", count: 1_000)
        let message = self.problem(#"{"v":1,"id":7,"verb":"\#(verb)"}"#)?.problem.answer.message
        #expect(
            message?.hasPrefix("unknown verb \u{FFFD}[2J\u{FFFD}" + String(repeating: "x", count: 35) + "…; there are ")
                == true)
    }

    @Test("is survived when it is deep, and when it is anything at all")
    func anything() {
        let deep = String(repeating: "[", count: ControlLimits.lineBytesMax)
        #expect(self.problem(deep) != nil)
        #expect(self.problem(#"{"v":1,"id":7,"verb":"status","x":\#(deep.dropLast(100))"#) != nil)

        let whole = Array(#"{"v":1,"id":7,"verb":"events","after":12,"follow":true,"isp":"n1#1.1","limit":3}"#.utf8)
        for length in 0..<whole.count { #expect(self.problem(Array(whole.prefix(length))) != nil) }
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            var line = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                line[Int.random(in: 0..<line.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            // Whatever it has become: a request that is the same after a round trip, or a problem with an answer.
            do throws(ControlRequestError) {
                let read = try ControlLine.request(from: line)
                let again = try ControlLine.request(from: ControlLine.bytes(of: read).dropLast())
                #expect(read == again, "seed \(seed)")
            } catch {
                #expect(!error.problem.answer.message.isEmpty, "seed \(seed)")
            }
        }
    }
}

import ControlProtocol
import Testing

@Suite("An answer on the control socket")
struct AnswerTests {
    static let resources = ControlResources(
        cpuMillicores: 4_000, memoryMiB: 8_192, diskKiBPerSecond: 0, networkKiBPerSecond: 0)

    static let status = ControlStatus(
        node: "n1", boot: 3, mode: "auto", isPaused: false, isDraining: true, isLeaving: false, hypervisor: nil,
        capacity: Self.resources, reserved: Self.resources, load: Self.resources, vms: 2, reservation: "free",
        flights: 0, triggers: ["drain"], inDoubt: [], refusedReturns: 0, liveMembers: 2, members: 3,
        recommendations: [
            ControlRecommendation(
                isp: "n1#3.1", trigger: "overload", ageMilliseconds: 5,
                migrations: [ControlMove(vm: "a", from: "n1", to: "n2", reason: "too much CPU")], memoryMiB: 512)
        ],
        transport: ControlTraffic(
            framesIn: 1, framesOut: 2, bytesIn: 3, bytesOut: 4, connections: 5, timeouts: 6, refusalsSent: 7,
            refusalsReceived: 8),
        uptimeMilliseconds: 9)

    private func body(_ line: [UInt8], id: UInt64 = 7) throws -> ControlAnswer.Body {
        #expect(line.last == UInt8(ascii: "\n"))
        let answer = try ControlLine.answer(from: line.dropLast())
        #expect(answer.id == id)
        return answer.body
    }

    @Test("comes back from its bytes as it was")
    func roundTrip() throws {
        guard case .ok(let status) = try self.body(ControlLine.bytes(ok: Self.status, id: 7)) else {
            Issue.record("not ok")
            return
        }
        #expect(try status.value() == Self.status)
        let event = ControlEvent(
            sequence: .max, wallMilliseconds: 1, kind: "asked", isp: "n1#3.1", text: "asks ü/\n",
            facts: ["node": "n2", "self_id": "x"])
        guard case .item(let item) = try self.body(ControlLine.bytes(item: event, id: 7)) else {
            Issue.record("not an item")
            return
        }
        #expect(try item.value() == event)
        let error = ControlError(.notFound, "there is no n9#1.1")
        #expect(try self.body(ControlLine.bytes(error: error, id: 7)) == .error(error))
    }

    @Test("uses the keys of the protocol, and null for a hypervisor that is away")
    func keys() throws {
        let text = String(decoding: ControlLine.bytes(ok: Self.status, id: 7), as: UTF8.self)
        let resources = #"{"cpu_millicores":4000,"disk_kib_s":0,"memory_mib":8192,"net_kib_s":0}"#
        let moves = #"[{"from":"n1","reason":"too much CPU","to":"n2","vm":"a"}]"#
        #expect(
            text == #"{"id":7,"ok":{"boot":3,"capacity":"# + resources
                + #","draining":true,"flights":0,"hypervisor":null,"in_doubt":[],"leaving":false,"live_members":2,"#
                + #""load":"# + resources + #","members":3,"mode":"auto","node":"n1","paused":false,"#
                + #""recommendations":[{"age_ms":5,"isp":"n1#3.1","memory_mib":512,"migrations":"# + moves
                + #","trigger":"overload"}],"refused_returns":0,"reservation":"free","reserved":"# + resources
                + #","transport":{"bytes_in":3,"bytes_out":4,"connections":5,"frames_in":1,"frames_out":2,"#
                + #""refusals_received":8,"refusals_sent":7,"timeouts":6},"triggers":["drain"],"uptime_ms":9,"vms":2},"#
                + #""v":1}"# + "\n")
    }

    @Test("bears no id when the request had none to give back")
    func nameless() throws {
        let line = ControlLine.bytes(error: ControlError(.badRequest, "id is missing"), id: nil)
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"error":{"code":"bad_request","message":"id is missing"},"v":1}"# + "\n")
        #expect(try ControlLine.answer(from: line.dropLast()).id == nil)
    }

    @Test("that would be too long becomes an error that says so")
    func tooLong() throws {
        let long = ControlApplied(isp: String(repeating: "x", count: ControlLimits.lineBytesMax))
        guard case .error(let error) = try self.body(ControlLine.bytes(ok: long, id: 7)) else {
            Issue.record("not an error")
            return
        }
        #expect(error == ControlError(.unavailable, "the answer has 1048606 bytes; a line may have 1048576"))
    }

    @Test("explains by the newest that a line has room for, and says that there is more")
    func longExplanation() throws {
        let text = String(repeating: "\u{1F}", count: 1_000)
        let events = (1...UInt64(1_001)).map {
            ControlEvent(sequence: $0, wallMilliseconds: .max, kind: "granted", text: text, facts: [:])
        }
        let migrations = (1...2_000).map {
            ControlMigration(
                action: "n1#1.1/\($0)", isp: text, vm: "web1", from: "n1", to: "n2", startedWallMilliseconds: 1)
        }
        let isp = ControlISP(isp: "n1#1.1", trigger: "cpu", reason: text, birth: 1, startedWallMilliseconds: 1)
        let whole = ControlExplanation(isps: [isp], migrations: migrations, events: events)
        let fitting = whole.fittingIntoLine
        #expect(fitting.isps == [isp])
        #expect(fitting.events == Array(events.suffix(fitting.events.count)))
        #expect(fitting.migrations == Array(migrations.suffix(fitting.migrations.count)))
        #expect(fitting.olderLeftOut == true)
        let line = ControlLine.bytes(ok: fitting, id: .max)
        // One entry more would not fit: each has some 6,100 bytes.
        #expect((ControlLimits.lineBytesMax - 13_000...ControlLimits.lineBytesMax + 1).contains(line.count))
        guard case .ok(let payload) = try self.body(line, id: .max) else {
            Issue.record("not ok")
            return
        }
        #expect(try payload.value() == fitting)
    }

    @Test("explains by all that there is where it fits, up to so many events")
    func shortExplanation() {
        let events = (1...UInt64(1_001)).map {
            ControlEvent(sequence: $0, wallMilliseconds: 1, kind: "granted", text: "", facts: [:])
        }
        let all = ControlExplanation(isps: [], migrations: [], events: Array(events.dropFirst()))
        #expect(all.fittingIntoLine == all)
        let tooMany = ControlExplanation(isps: [], migrations: [], events: events)
        var fitting = all
        fitting.olderLeftOut = true
        #expect(tooMany.fittingIntoLine == fitting)
    }

    @Test("is handed on with what this program does not know")
    func newer() throws {
        let line =
            #"{"v":1,"id":7,"more":1,"ok":{"zeta":[1.5,true,null],"isp":"n1#1.1","alpha":{"b/c":18446744073709551615}}}"#
        guard case .ok(let payload) = try ControlLine.answer(from: line.utf8).body else {
            Issue.record("not ok")
            return
        }
        #expect(payload.text == #"{"alpha":{"b/c":18446744073709551615},"isp":"n1#1.1","zeta":[1.5,true,null]}"#)
        #expect(ControlPayload(line: payload.text.utf8) == payload)
        #expect(try payload.value() == ControlApplied(isp: "n1#1.1"))
        #expect(throws: ControlAnswerError.self) { try payload.value(ControlRing.self) }
    }

    @Test(
        "is refused when it is none",
        arguments: [
            "", "HTTP/1.1 400 Bad Request", "[]", "{}", #"{"v":1,"id":7}"#, #"{"v":1,"id":7,"ok":[]}"#,
            #"{"v":1,"id":7,"ok":null}"#, #"{"v":"1","id":7,"ok":{}}"#, #"{"v":2,"id":7,"ok":{}}"#,
            #"{"v":1,"id":-7,"ok":{}}"#, #"{"v":1,"id":7,"error":{"code":"odd","message":""}}"#,
        ])
    func noAnswer(line: String) {
        #expect(throws: ControlAnswerError.self) { try ControlLine.answer(from: line.utf8) }
    }
}

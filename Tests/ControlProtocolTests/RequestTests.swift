import Basis
import ControlProtocol
import Testing

@Suite("A request on the control socket")
struct RequestTests {
    private static let everyRequest: [ControlRequest] = {
        var query = ControlEventQuery()
        query.after = .max
        query.limit = 7
        query.follows = true
        query.isp = "n1#3.2"
        query.vm = "web \"1\" ü"
        return [
            .version, .status, .ring, .vms, .events(ControlEventQuery()), .events(query), .inject(.overload),
            .inject(.underload), .inject(.demand(vm: "web1", cpuMillicores: 0)),
            .inject(.demand(vm: "web1", cpuMillicores: nil)), .drain, .undrain, .pause, .resume, .apply(isp: "n1#3.2"),
            .adopt(vm: "web1", fenced: "n2"), .explain(.isp("n1#3.2")), .explain(.vm("web1")),
            .join(ControlSeed(node: "n2", address: "10.0.0.2:7400")),
            .join(ControlSeed(node: "n2", address: "10.0.0.2:7400", site: "paris", rack: "a1")), .leave,
            .cancel(isp: nil), .cancel(isp: "n1#3.2"), .reload,
        ]
    }()

    @Test("comes back from its bytes as it was", arguments: Self.everyRequest)
    func roundTrip(request: ControlRequest) throws {
        let numbered = ControlLine.NumberedRequest(id: 7, request)
        let line = ControlLine.bytes(of: numbered)
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(line.dropLast().contains(UInt8(ascii: "\n")) == false)
        #expect(try ControlLine.request(from: line.dropLast()) == numbered)
    }

    @Test("is tested for every verb")
    func everyVerb() {
        #expect(Set(Self.everyRequest.map(\.verb)) == Set(ControlVerb.allCases))
    }

    @Test("is written as the protocol says")
    func bytes() {
        let line = ControlLine.bytes(of: ControlLine.NumberedRequest(id: .max, .adopt(vm: "a/b", fenced: "n2")))
        let text = #"{"fenced":"n2","id":18446744073709551615,"v":1,"verb":"adopt","vm":"a/b"}"# + "\n"
        #expect(String(decoding: line, as: UTF8.self) == text)
    }

    @Test(
        "takes defaults for what is absent or null",
        arguments: [
            (#"{"v":1,"id":0,"verb":"events"}"#, ControlRequest.events(ControlEventQuery())),
            (#"{"v":1,"id":0,"verb":"events","isp":null,"limit":null,"follow":false}"#, .events(ControlEventQuery())),
            (
                #" { "v" : 1 , "id" : 0 , "verb":"inject","what":"demand","vm":"a","cpu_millicores":null } "# + "\r",
                .inject(.demand(vm: "a", cpuMillicores: nil))
            ),
            (#"{"v":1,"id":0,"verb":"cancel","isp":null}"#, .cancel(isp: nil)),
            (#"{"v":1,"id":0,"verb":"\u0064rain"}"#, .drain),
        ])
    func defaults(line: String, expected: ControlRequest) throws {
        #expect(try ControlLine.request(from: line.utf8) == ControlLine.NumberedRequest(id: 0, expected))
    }

    @Test("may have its keys in any order")
    func anyOrder() throws {
        let line = #"{"isp":"n1#1.1","verb":"apply","id":3,"v":1}"#
        #expect(try ControlLine.request(from: line.utf8).request == .apply(isp: "n1#1.1"))
    }
}

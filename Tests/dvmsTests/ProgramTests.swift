import Basis
import ControlProtocol
import Foundation
import Testing

@Suite("The program dvms")
struct ProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func daemon(_ answer: @escaping @Sendable (ControlLine.NumberedRequest) -> [UInt8]) throws -> FakeDaemon {
        try FakeDaemon(in: self.folder) { line in
            do {
                return answer(try ControlLine.request(from: line))
            } catch {
                return ControlLine.bytes(error: ControlError(.badRequest, "\(error)"), id: nil)
            }
        }
    }

    // MARK: - Done

    @Test("asks, shows the answer and ends with 0, with its options before the verb or after it")
    func done() throws {
        let daemon = try self.daemon { ControlLine.bytes(ok: ControlRing(members: []), id: $0.id) }
        for arguments in [["--socket", daemon.path, "ring"], ["ring", "--socket", daemon.path]] {
            let run = try ProgramRun(arguments)
            #expect(run.output == "NODE  ADDRESS  SITE  RACK  INCARNATION  STATE\n\n0 members clockwise, 0 alive\n")
            #expect(run.errors.isEmpty && run.status == 0, "\(run)")
        }
        for run in [
            try ProgramRun("--socket", daemon.path, "--json", "ring"),
            try ProgramRun("ring", "--json", "--socket", daemon.path),
        ] {
            #expect(run.output == #"{"members":[]}"# + "\n" && run.status == 0, "\(run)")
        }
    }

    @Test("finds the socket through the config file, and sends what was said")
    func request() throws {
        let daemon = try self.daemon { numbered in
            let asked = ControlRequest.adopt(vm: "db 1", fenced: "n2")
            return numbered.request == asked
                ? ControlLine.bytes(ok: ControlDone(), id: numbered.id)
                : ControlLine.bytes(error: ControlError(.refused, "\(numbered.request)"), id: numbered.id)
        }
        _ = daemon
        let config = "\(self.folder.path)/ring.yaml"
        try """
        cluster: test
        ring: {nodes: [{id: n1, address: "127.0.0.1:7401"}, {id: n2, address: "127.0.0.1:7402"}]}
        control_socket: "{node}.sock"
        """.write(toFile: config, atomically: true, encoding: .utf8)
        let run = try ProgramRun("--config", config, "--node", "n1", "adopt", "db 1", "--i-fenced", "n2")
        #expect(run.output == "db 1 runs here\n" && run.status == 0, "\(run)")
        #expect(try ProgramRun("config", "check", config, "--node", "n1").status == 0)
    }

    @Test("writes events as they come, and one JSON object a line")
    func events() throws {
        let daemon = try self.daemon { numbered in
            let events = [
                Samples.event(1, after: 0, "asked", "asks n2 to join"), Samples.event(2, after: 1, "asked", "asks n3"),
            ]
            return events.flatMap { ControlLine.bytes(item: $0, id: numbered.id) }
                + ControlLine.bytes(ok: ControlDone(), id: numbered.id)
        }
        let run = try ProgramRun("--socket", daemon.path, "events")
        let lines = run.output.split(separator: "\n")
        #expect(
            lines.count == 3 && lines[0].hasPrefix("TIME") && lines[2].hasSuffix("n1#3.2          asks n3"), "\(run)")
        let json = try ProgramRun("--socket", daemon.path, "--json", "events", "--limit", "2", "--isp", "n1#3.2")
        #expect(
            json.output.split(separator: "\n").count == 2 && json.output.hasPrefix(#"{"facts":{},"isp":"n1#3.2","#),
            "\(json)")
    }

    // MARK: - Refused

    @Test("ends with 1 and the daemon's words when it is refused")
    func refused() throws {
        let daemon = try self.daemon { ControlLine.bytes(error: ControlError(.refused, "n1 is paused"), id: $0.id) }
        let run = try ProgramRun("--socket", daemon.path, "inject", "overload")
        #expect(run.errors == "dvms: n1 is paused\n" && run.output.isEmpty && run.status == 1, "\(run)")
    }

    @Test(
        "ends with 1 when what comes back is no answer",
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n\r\n", #"{"v":1,"id":1,"ok":{}}"# + "\n", #"{"v":9,"id":1,"ok":{}}"# + "\n",
            #"{"v":1,"id":2,"ok":{"members":[]}}"# + "\n",
            String(repeating: "x", count: ControlLimits.lineBytesMax + 1),
        ])
    func garbage(answer: String) throws {
        let daemon = try FakeDaemon(in: self.folder) { _ in Array(answer.utf8) }
        let run = try ProgramRun("--socket", daemon.path, "ring")
        #expect(run.errors.hasPrefix("dvms: ") && run.output.isEmpty && run.status == 1, "\(run)")
    }

    // MARK: - Bad usage and bad input

    @Test(
        "ends with 2 when the command line is not right",
        arguments: [
            [], ["statsu"], ["status", "--jsn"], ["apply"], ["adopt", "web1"], ["adopt", "web1", "--i-fenced", "n 2"],
            ["inject"], ["inject", "demand", "web1"], ["inject", "demand", "web1", "--cpu", "5", "--clear"],
            ["inject", "demand", "web1", "--cpu", "-1"], ["events", "--limit", "-1"], ["events", "--after", "x"],
            ["join"], ["join", "--seed", "n2"], ["join", "--seed", "=h:1"], ["--node", "n1", "status"],
            ["--socket", "a", "--config", "b", "status"], ["explain"], ["cert", "issue", "--in", "d"], ["config"],
        ])
    func usage(arguments: [String]) throws {
        let run = try ProgramRun(arguments)
        #expect(run.status == 2 && !run.errors.isEmpty && run.output.isEmpty, "\(run)")
    }

    @Test("ends with 2 when the daemon calls the request a bad one, or the config file is one")
    func badInput() throws {
        let daemon = try self.daemon { ControlLine.bytes(error: ControlError(.badRequest, "x is no ISP"), id: $0.id) }
        let run = try ProgramRun("--socket", daemon.path, "apply", "x")
        #expect(run.errors == "dvms: x is no ISP\n" && run.status == 2, "\(run)")
        let config = "\(self.folder.path)/bad.yaml"
        try "cluster: test\nmode: x\n".write(toFile: config, atomically: true, encoding: .utf8)
        let check = try ProgramRun("config", "check", config)
        #expect(check.status == 2 && check.errors.contains("\(config):2: mode: "), "\(check)")
        #expect(try ProgramRun("--config", config, "--node", "n1", "status").status == 2)
    }

    // MARK: - Nobody there

    @Test("ends with 3 when there is no socket, or nobody behind it")
    func unreachable() throws {
        let path = "\(self.folder.path)/n1.sock"
        let missing = try ProgramRun("--socket", path, "status")
        #expect(missing.errors == "dvms: \(path): there is no such socket; is dvmsd running?\n" && missing.status == 3)
        _ = try FakeDaemon(in: self.folder) { $0 }
        let left = try ProgramRun("--socket", path, "status")
        #expect(left.errors == "dvms: \(path): nobody listens there any more; start dvmsd again\n" && left.status == 3)
        let long = try ProgramRun("--socket", "/" + String(repeating: "x", count: 107), "status")
        #expect(long.errors.hasSuffix("the path of a socket has at most 107 bytes\n") && long.status == 3, "\(long)")
    }

    @Test("ends with 3 when the daemon goes away in the middle", arguments: ["", #"{"v":1,"id":1,"o"#])
    func goneAway(answer: String) throws {
        let daemon = try FakeDaemon(in: self.folder) { _ in Array(answer.utf8) }
        let run = try ProgramRun("--socket", daemon.path, "status")
        #expect(run.status == 3 && run.errors.contains("closed the connection before it answered"), "\(run)")
    }

    // MARK: - Without a daemon

    @Test("shows help and its version with 0")
    func help() throws {
        let help = try ProgramRun("--help")
        #expect(help.status == 0 && help.output.contains("adopt") && help.errors.isEmpty)
        #expect(try ProgramRun("events", "--help").output.contains("--follow"))
        #expect(try ProgramRun("--version").output == "dvms \(ControlProduct.version)\n")
    }

    @Test("makes certificates, and replaces none unless it is told to")
    func certificates() throws {
        let directory = "\(self.folder.path)/tls"
        #expect(try ProgramRun("cert", "issue", "n1", "--in", directory).status == 1)
        #expect(try ProgramRun("cert", "init", "--in", directory, "--days", "0").status == 2)
        #expect(try ProgramRun("cert", "init", "--in", directory).status == 0)
        #expect(try ProgramRun("cert", "init", "--in", directory).status == 1)
        #expect(try ProgramRun("cert", "issue", "n1", "n2", "--in", directory).status == 0)
        #expect(try ProgramRun("cert", "issue", "n1", "--in", directory).status == 1)
        #expect(try ProgramRun("cert", "issue", "n1", "--in", directory, "--host", "10.0.0.1", "--renew").status == 0)
        #expect(try ProgramRun("cert", "issue", "n3", "--in", directory, "--host", "not a host").status == 2)
        #expect(try ProgramRun("cert", "issue", "n3", "n4", "--in", directory, "--host", "h").status == 2)
        let files = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        #expect(files == ["ca.key", "ca.pem", "n1.key", "n1.pem", "n2.key", "n2.pem"])
    }
}

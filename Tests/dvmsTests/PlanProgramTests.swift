import Basis
import ControlProtocol
import Foundation
import Placement
import Snapshots
import Testing

@Suite("The program dvms plan")
struct PlanProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = "\(self.folder.path)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Two nodes of four cores; VMs by name, node and cores.
    private static func fleet(
        _ vms: [(id: String, node: String, cores: Int)], constraints: String = "", policy: String = "repair"
    ) -> String {
        let lines = vms.map {
            #"{"id":"\#($0.id)","node":"\#($0.node)","demand":{"cpu_millicores":\#($0.cores * 1_000),"memory_mib":1024}}"#
        }
        return """
            {"format":"dvms-snapshot/1","nodes":[
              {"id":"n1","capacity":{"cpu_millicores":4000,"memory_mib":8192}},
              {"id":"n2","capacity":{"cpu_millicores":4000,"memory_mib":8192}}],
             "vms":[\(lines.joined(separator: ","))],"constraints":[\(constraints)],"policy":{"name":"\(policy)"}}
            """
    }

    private static let overloaded = Self.fleet([("a", "n1", 3), ("b", "n1", 2)])

    @Test("repairs an overload, in a table, as JSON and as a drawing, and the plan holds")
    func repaired() throws {
        let snapshot = try self.file("s.json", Self.overloaded)
        let table = try ProgramRun("plan", "--snapshot", snapshot, "--explain")
        #expect(table.status == 0 && table.errors.isEmpty, "\(table)")
        #expect(
            table.output.hasPrefix(
                """
                optimal: no plan to a viable mapping costs less

                fleet          2 nodes, 2 VMs
                violations     1 before, 0 after
                moves          1 migration in 1 step
                memory         1024 MiB; no plan moves less than 1024, gap 0.0 %
                duration       9.000 s, predicted; 9.000 s at best, 11.000 s on busy links while guests write 200 % of what they did
                """), "\(table.output)")
        #expect(table.output.contains("\n  why n2: with the whole plan done, "), "\(table.output)")
        let json = try ProgramRun(
            "plan", "--snapshot", snapshot, "--steps", "100000", "--format", "json", "--seed", "7")
        #expect(try PlanDocument.read(Array(json.output.utf8), named: "p").status == .optimal && json.status == 0)
        let dot = try ProgramRun("plan", "make", "--snapshot", snapshot, "--format", "dot")
        #expect(dot.output.hasPrefix("digraph plan {\n") && dot.output.contains("\"n1\" -> \"n2\"") && dot.status == 0)
        let plan = try self.file("p.json", json.output)
        let check = try ProgramRun("plan", "check", "--snapshot", snapshot, "--plan", plan)
        #expect(check.output == "\(plan) holds: violations 1 before, 0 after\n" && check.status == 0, "\(check)")
    }

    @Test("a plan costs what --weight says: one big VM is moved instead of two small ones where each migration is dear")
    func weights() throws {
        let fleet = Self.fleet([("a", "n1", 2), ("b", "n1", 1), ("c", "n1", 1), ("d", "n1", 2)])
            .replacingOccurrences(of: "2000,\"memory_mib\":1024", with: "2000,\"memory_mib\":3000")
        let snapshot = try self.file("s.json", fleet)
        let plain = try ProgramRun("plan", "--snapshot", snapshot)
        #expect(plain.output.contains("\nmoves          2 migrations in ") && plain.status == 0, "\(plain)")
        let weighted = try ProgramRun("plan", "--snapshot", snapshot, "--weight", "each_mib=4096")
        #expect(weighted.output.contains("\nmoves          1 migration in 1 step\n"), "\(weighted)")
        let wrong = try ProgramRun("plan", "--snapshot", snapshot, "--weight", "each=1", "--weight", "link_percent=900")
        #expect(wrong.status == 2 && wrong.errors.contains("names no part of the cost: memory_percent"), "\(wrong)")
    }

    @Test("gives the same bytes under steps, and the time it took under a time limit")
    func bounds() throws {
        let snapshot = try self.file("s.json", Self.overloaded)
        let runs = try (0..<2).map { _ in try ProgramRun("plan", "--snapshot", snapshot, "--format", "json") }
        #expect(runs[0].output == runs[1].output && runs[0].output.contains("\"solve_ms\": 0"))
        let limited = try ProgramRun("plan", "--snapshot", snapshot, "--time-limit", "20s", "--format", "json")
        #expect(limited.status == 0 && limited.output.contains("\"status\": \"optimal\""), "\(limited)")
    }

    @Test("says whether the target that a snapshot states is reached")
    func target() throws {
        let text = Self.overloaded.replacingOccurrences(
            of: "\"name\":\"repair\"", with: "\"name\":\"repair\",\"target_percent\":75")
        let run = try ProgramRun("plan", "--snapshot", try self.file("s.json", text))
        #expect(run.output.contains("\ntarget         75 % of each node, reached\n") && run.status == 0, "\(run)")
    }

    @Test("ends with 0 when nothing has to be done")
    func viable() throws {
        let snapshot = try self.file("s.json", Self.fleet([("a", "n1", 3), ("b", "n2", 2)]))
        let run = try ProgramRun("plan", "--snapshot", snapshot)
        #expect(run.output.hasPrefix("viable: nothing has to be moved\n") && run.status == 0, "\(run)")
    }

    @Test("ends with 3 when there is proof that no plan helps, and says what cannot be met together")
    func impossible() throws {
        let snapshot = try self.file("s.json", Self.fleet([("a", "n1", 3), ("b", "n1", 3), ("c", "n2", 3)]))
        let run = try ProgramRun("plan", "--snapshot", snapshot)
        #expect(run.status == 3, "\(run)")
        #expect(run.output.hasPrefix("impossible: "), "\(run.output)")
        #expect(run.output.contains("These cannot be met together\n  what nodes may give of CPU\n"), "\(run.output)")
        #expect(run.output.contains("all VMs want 9000 millicores of CPU, all nodes may give 8000"), "\(run.output)")
    }

    @Test("ends with 4 when it is given too little to find a plan, and still shows what it has")
    func gaveUp() throws {
        let vms = (0..<3).map { (id: "v\($0)", node: "n1", cores: 2) }
        let snapshot = try self.file("s.json", Self.fleet(vms))
        let run = try ProgramRun("plan", "--snapshot", snapshot, "--steps", "1", "--format", "json")
        #expect(run.status == 4, "\(run)")
        #expect(try PlanDocument.read(Array(run.output.utf8), named: "p").status == .gaveUp)
    }

    @Test("ends with 5 when the plan that is checked does not hold, and says why")
    func doesNotHold() throws {
        let snapshot = try self.file("s.json", Self.overloaded)
        let json = try ProgramRun("plan", "--snapshot", snapshot, "--format", "json").output
        let plan = try self.file("p.json", json.replacing("\"to\":\"n2\"", with: "\"to\":\"n9\""))
        let check = try ProgramRun("plan", "check", "--snapshot", snapshot, "--plan", plan)
        #expect(check.status == 5 && check.output.isEmpty, "\(check)")
        #expect(check.errors.hasPrefix("dvms: \(plan) does not hold\nstep 1: node n9 is unknown\n"), "\(check.errors)")
    }

    @Test("ends with 2 and everything that is wrong when a file is not right")
    func badFiles() throws {
        let text = Self.overloaded.replacing("\"n2\"", with: "\"n1\"").replacing("3000", with: "-3")
        let snapshot = try self.file("s.json", text)
        let run = try ProgramRun("plan", "--snapshot", snapshot)
        #expect(run.status == 2 && run.output.isEmpty, "\(run)")
        #expect(
            run.errors.split(separator: "\n").map(String.init) == [
                "dvms: \(snapshot):3:3: $.nodes[1]: node n1 is there twice",
                "\(snapshot):4:58: $.vms[0].demand.cpu_millicores: found -3, expected a whole number from 0 to \(Resources.amountMax)",
            ], "\(run.errors)")
        for arguments in [
            ["--snapshot", "\(self.folder.path)/none.json"], ["--snapshot", self.folder.path],
            ["--snapshot", try self.file("x", "{")], ["--ganeti-text", try self.file("y", "x")],
            ["--bytedance", try self.file("z", "[]")],
            ["--snapshot", try self.file("b.json", Self.fleet([], policy: "drain"))],
        ] {
            let run = try ProgramRun(["plan"] + arguments)
            #expect(run.status == 2 && run.errors.hasPrefix("dvms: ") && run.output.isEmpty, "\(arguments): \(run)")
        }
    }

    @Test(
        "ends with 2 when the command line is not right",
        arguments: [
            [], ["--snapshot", "a", "--bytedance", "b"], ["--snapshot", "a", "--ganeti-util", "b"],
            ["--snapshot", "a", "--steps", "0"], ["--snapshot", "a", "--steps", "9", "--time-limit", "1s"],
            ["--snapshot", "a", "--time-limit", "5"], ["--snapshot", "a", "--time-limit", "-1s"],
            ["--snapshot", "a", "--policy", "best"], ["--snapshot", "a", "--format", "xml"],
            ["--snapshot", "a", "--format", "json", "--explain"], ["--snapshot", "a", "--scale-node", "n1"],
            ["--snapshot", "a", "--scale-cpu", "-1"], ["--snapshot", "a", "--seed", "x"], ["check", "--snapshot", "a"],
            ["--snapshot", "a", "--json"], ["--snapshot", "a", "--socket", "b"], ["--config", "a"],
        ])
    func usage(arguments: [String]) throws {
        let run = try ProgramRun(["plan"] + arguments)
        #expect(run.status == 2 && !run.errors.isEmpty && run.output.isEmpty, "\(run)")
    }

    @Test("converts a foreign fleet, which can then be planned on, made busier")
    func converted() throws {
        let data = try self.file(
            "x.data",
            """
            default|g

            n1|8192|0|0|0|0|4|N|g
            n2|8192|0|0|0|0|4|N|g

            a|1024|0|2|running|Y|n1||rbd
            b|1024|0|2|running|Y|n1||rbd
            c|1024|0|2|ADMIN_down|Y|n1||rbd
            """)
        let run = try ProgramRun("plan", "convert", "--ganeti-text", data)
        #expect(
            run.status == 0 && run.errors == "dvms: instances left out, because they are not running: 1\n", "\(run)")
        let snapshot = try self.file("s.json", run.output)
        #expect(try ProgramRun("plan", "--snapshot", snapshot).output.hasPrefix("viable"))
        let busier = try ProgramRun("plan", "--snapshot", snapshot, "--scale-cpu", "150", "--scale-node", "n1")
        #expect(busier.output.hasPrefix("optimal") && busier.output.contains("1 migration in 1 step"), "\(busier)")
        let unknown = try ProgramRun("plan", "--snapshot", snapshot, "--scale-cpu", "150", "--scale-node", "n3")
        #expect(unknown.status == 2 && unknown.errors == "dvms: --scale-node n3: the fleet has no such node\n")
    }

    @Test("asks the daemons of a ring, and tells whom it did not ask")
    func live() throws {
        let status = """
            {"node":"n1","boot":1,"mode":"auto","paused":false,"draining":false,"leaving":false,"hypervisor":"modelled",\
            "capacity":{"cpu_millicores":4000,"memory_mib":8192,"disk_kib_s":0,"net_kib_s":0},\
            "reserved":{"cpu_millicores":0,"memory_mib":0,"disk_kib_s":0,"net_kib_s":0},\
            "load":{"cpu_millicores":0,"memory_mib":0,"disk_kib_s":0,"net_kib_s":0},"vms":2,"reservation":"free",\
            "flights":0,"triggers":[],"in_doubt":[],"refused_returns":0,"live_members":2,"members":2,\
            "recommendations":[],"transport":{"frames_in":0,"frames_out":0,"bytes_in":0,"bytes_out":0,"connections":0,\
            "timeouts":0,"refusals_sent":0,"refusals_received":0},"uptime_ms":1}
            """
        let guests = ["running", "paused_incoming"].enumerated().map { index, presence in
            ControlVM(
                vm: "v\(index)", presence: presence,
                demand: ControlResources(
                    cpuMillicores: 1_000, memoryMiB: 512, diskKiBPerSecond: 0, networkKiBPerSecond: 0),
                dirtyMiBPerSecond: 7, isMigratable: true, cooldownLeftMilliseconds: index == 0 ? 2_000 : nil)
        }
        let members = ["n1", "n2"].map {
            ControlMember(
                node: $0, address: "h:1", site: "s", rack: "r", state: "alive", incarnation: 1, isSelf: $0 == "n1")
        }
        let daemon = try FakeDaemon(in: self.folder) { line in
            guard let asked = try? ControlLine.request(from: line) else { return [] }
            switch asked.request {
            case .status:
                let answer = try? JSONDecoder().decode(ControlStatus.self, from: Data(status.utf8))
                return answer.map { ControlLine.bytes(ok: $0, id: asked.id) } ?? []
            case .vms: return ControlLine.bytes(ok: ControlVMs(vms: guests), id: asked.id)
            default: return ControlLine.bytes(ok: ControlRing(members: members), id: asked.id)
            }
        }
        let run = try ProgramRun("plan", "convert", "--socket", daemon.path)
        #expect(
            run.errors == """
                dvms: alive and not asked, therefore left out: n2
                dvms: guests left out, because they are copies under way or shut off: 1

                """, "\(run)")
        #expect(try ProgramRun("plan", "convert", "--socket", self.folder.path).output == run.output)
        let snapshot = try Snapshot.read(Array(run.output.utf8), named: "live")
        #expect(snapshot.isPartition && snapshot.nodes.map(\.node.rack) == ["r"] && run.status == 0)
        #expect(snapshot.vms.map(\.vm.migratability) == [.rooted(reason: "cooldown 2.000 s")])
        #expect(try ProgramRun("plan", "--socket", "\(self.folder.path)/none.sock").status == 3)
    }

    @Test("takes the aim from the command line, and refuses one that the solver does not know")
    func policies() throws {
        let snapshot = try self.file("s.json", Self.overloaded)
        #expect(try ProgramRun("plan", "--snapshot", snapshot, "--policy", "repair").status == 0)
        let evacuate = try ProgramRun("plan", "--snapshot", snapshot, "--policy", "evacuate")
        #expect(evacuate.status == 2, "\(evacuate)")
        #expect(evacuate.errors == "dvms: policy evacuate: it does not say which node is to be emptied\n")
    }
}

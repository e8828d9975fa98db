import Basis
import Placement
import Snapshots
import Testing

@Suite("Snapshots that are wrong")
struct SnapshotReadingTests {
    private static let amount = "expected a whole number from 0 to \(Resources.amountMax)"

    @Test("a small snapshot is right")
    func right() throws {
        #expect(SnapshotFixture.problems(SnapshotFixture.text()) == [])
        let snapshot = try Snapshot.read(Array(SnapshotFixture.text().utf8), named: "s")
        #expect(snapshot.nodes.map(\.node) == [node("n1"), node("n2")])
        #expect(snapshot.vms.map(\.vm.id) == ["a", "b"] && snapshot.vms.map(\.node) == ["n1", "n1"])
        #expect(snapshot.policy == SnapshotPolicy() && snapshot.constraints.isEmpty && !snapshot.isPartition)
    }

    @Test(
        "the document itself",
        arguments: [
            ("[]", ["$: found an empty array, expected an object"]),
            ("{}", ["$.format: missing", "$.nodes: missing", "$.vms: missing"]),
            (
                #"{"format":"dvms-snapshot/2","nodes":[],"vms":[]}"#,
                [
                    "$.format: unknown format \"dvms-snapshot/2\", expected one of dvms-snapshot/1; did you mean dvms-snapshot/1?"
                ]
            ),
            (
                #"{"format":"dvms-snapshot/1","nodes":[],"vms":[],"vmz":[],"vms":[]}"#,
                ["$.vmz: unknown key; did you mean vms?", "$.vms: the key is there twice"]
            ),
            (
                #"{"format":"dvms-snapshot/1","nodes":{},"vms":null}"#,
                ["$.nodes: found an object, expected an array", "$.vms: found null, expected an array"]
            ),
        ])
    func document(text: String, problems: [String]) {
        #expect(Set(SnapshotFixture.problems(text)) == Set(problems))
    }

    @Test(
        "a node",
        arguments: [
            (#"{"id":"n1"}"#, ["$.nodes[0].capacity: missing"]),
            (
                #"{"id":"n 1","capacity":{"cpu_millicores":-1,"memory_mib":1.5}}"#,
                [
                    "$.nodes[0].id: found \"n 1\", expected a node name: 1 to 63 of a-z A-Z 0-9 . _ -",
                    "$.nodes[0].capacity.cpu_millicores: found -1, \(Self.amount)",
                    "$.nodes[0].capacity.memory_mib: found 1.5, \(Self.amount)",
                ]
            ),
            (
                #"{"id":"n1","capacity":{"cpu_millicores":1e3,"memory_mib":99999999999999999999}}"#,
                [
                    "$.nodes[0].capacity.cpu_millicores: found 1e3, \(Self.amount)",
                    "$.nodes[0].capacity.memory_mib: found 99999999999999999999, \(Self.amount)",
                ]
            ),
            (
                #"{"id":"n1","capacity":{"cpu_millicores":1,"memory_mib":1},"reserved":{"memory_mib":2},"state":"drainig","link_mbps":0}"#,
                [
                    "$.nodes[0].state: unknown state \"drainig\", expected one of active, draining, offline; did you mean draining?",
                    "$.nodes[0].link_mbps: found 0, expected a whole number from 1 to 10000000",
                    "$.nodes[0]: it keeps back 2 of 1 MiB of memory",
                ]
            ),
            (
                #"{"id":"n1","capacity":{"cpu_millicores":1,"memory_mib":1},"overcommit_percent":{"cpu":150,"cpu_millicores":150,"gpu":1}}"#,
                [
                    "$.nodes[0].overcommit_percent.gpu: unknown key; did you mean cpu?",
                    "$.nodes[0].overcommit_percent: cpu_millicores and cpu are the same resource",
                ]
            ),
            (
                #"{"id":"n1","capacity":{"cpu_millicores":1,"memory_mib":1}},{"id":"n1","capacity":{"cpu_millicores":1,"memory_mib":1}}"#,
                ["$.nodes[1]: node n1 is there twice"]
            ),
            (
                #"{"id":"n1","capacity":{"cpu_millicores":1,"memory_mib":1},"overload_percent":50,"underload_percent":50}"#,
                ["$.nodes[0]: underload at 50 % is not below overload at 50 %"]
            ),
        ])
    func nodes(text: String, problems: [String]) {
        #expect(Set(SnapshotFixture.problems(SnapshotFixture.text(nodes: text, vms: ""))) == Set(problems))
    }

    @Test(
        "a VM",
        arguments: [
            (
                #"{"id":"a/b","node":"n3","demand":{"cpu_millicores":1}}"#,
                [
                    "$.vms[0].id: found \"a/b\", expected a VM name: 1 to 255 bytes without control characters or /",
                    "$.vms[0].node: unknown node \"n3\"; did you mean n1?", "$.vms[0].demand.memory_mib: missing",
                ]
            ),
            (
                #"{"id":"a","node":"n1","demand":{"cpu_millicores":4001,"memory_mib":9000}}"#,
                [
                    "$.vms[0].demand.cpu_millicores: found 4001, more than any node has for VMs: at most 4000 millicores",
                    "$.vms[0].demand.memory_mib: found 9000, more than any node has for VMs: at most 8192 MiB",
                ]
            ),
            (
                #"{"id":"a","node":"n1","demand":{"cpu_millicores":1,"memory_mib":1},"migratable":"no","vcpus":0,"dirty_mib_s":-1}"#,
                [
                    "$.vms[0].migratable: found \"no\", expected true or false",
                    "$.vms[0].vcpus: found 0, expected a whole number from 1 to 65536",
                    "$.vms[0].dirty_mib_s: found -1, \(Self.amount)",
                ]
            ),
            (
                #"{"id":"a","node":"n1","demand":{"cpu_millicores":1,"memory_mib":1}},{"id":"a","node":"n2","demand":{"cpu_millicores":1,"memory_mib":1}}"#,
                ["$.vms[1]: VM \"a\" is there twice"]
            ),
            (
                #"{"id":"a","node":"n1","demand":{"cpu_millicores":1,"memory_mib":1},"rooted_because":"x"}"#,
                ["$.vms[0]: rooted_because goes with \"migratable\": false"]
            ),
        ])
    func vms(text: String, problems: [String]) {
        #expect(Set(SnapshotFixture.problems(SnapshotFixture.text(vms: text))) == Set(problems))
    }

    @Test(
        "a constraint",
        arguments: [
            (#"{"vms":["a"]}"#, ["$.constraints[0]: a constraint without a type"]),
            (
                #"{"type":"spreat","vms":["a","b"]}"#,
                [
                    "$.constraints[0].type: unknown type of constraint \"spreat\", expected one of "
                        + ConstraintFormat.all.map(\.name).joined(separator: ", ") + "; did you mean spread?"
                ]
            ),
            (
                #"{"type":"spread","vms":["a","c","a"],"nodes":["n1"],"wight":3}"#,
                [
                    "$.constraints[0].vms[1]: unknown VM \"c\"; did you mean a?",
                    "$.constraints[0].vms[2]: \"a\" is there twice", "$.constraints[0]: spread has no nodes",
                    "$.constraints[0]: unknown key \"wight\"; did you mean weight?",
                ]
            ),
            (#"{"type":"fence","vms":["a"]}"#, ["$.constraints[0]: fence needs nodes"]),
            (#"{"type":"ban","nodes":["n1"]}"#, ["$.constraints[0]: ban needs vms"]),
            (
                #"{"type":"among","vms":["a"],"groups":["n1",["n2","n9"]]}"#,
                [
                    "$.constraints[0].groups[0]: found \"n1\", expected an array",
                    "$.constraints[0].groups[1][1]: unknown node \"n9\"; did you mean n1?",
                ]
            ),
            (
                #"{"type":"split","groups":[["a"],["b","a"]]}"#,
                ["$.constraints[0].groups[1][1]: \"a\" is there twice"]
            ),
            (
                #"{"type":"splitAmong","vms":["a"],"groups":[["n1"]]}"#,
                ["$.constraints[0].vms[0]: found \"a\", expected an array"]
            ),
            (
                #"{"type":"root","vms":["a"],"continuous":false}"#,
                ["$.constraints[0]: root always binds at every instant here"]
            ),
            (
                #"{"type":"maxOnline","nodes":["n1"],"limit":-1}"#,
                ["$.constraints[0].limit: found -1, expected a whole number from 0 to 16384"]
            ),
            (
                #"{"type":"preserve","vms":["a"],"resource":"gpu","limit":1,"continuous":true}"#,
                [
                    "$.constraints[0].resource: unknown resource \"gpu\", expected one of cpu_millicores, memory_mib, disk_kib_s, net_kib_s; did you mean cpu?"
                ]
            ),
            (
                #"{"type":"overbook","nodes":["n1"],"resource":"cpu","ratio_percent":1000001}"#,
                ["$.constraints[0].ratio_percent: found 1000001, expected a whole number from 0 to 1000000"]
            ),
            (
                #"{"type":"lonely","vms":["a"],"id":"x"},{"type":"lonely","vms":["b"],"id":"x","weight":-1}"#,
                [
                    "$.constraints[1]: the constraint id \"x\" is there twice",
                    "$.constraints[1].weight: found -1, expected a whole number from 0 to 1073741824",
                ]
            ),
        ])
    func constraints(text: String, problems: [String]) {
        #expect(Set(SnapshotFixture.problems(SnapshotFixture.constraint(text))) == Set(problems))
    }

    @Test(
        "a policy",
        arguments: [
            (
                #"{"name":"repiar","overload_percent":0}"#,
                [
                    "$.policy.name: unknown policy \"repiar\", expected one of repair, drain, balance, consolidate, evacuate; did you mean repair?",
                    "$.policy.overload_percent: found 0, expected a whole number from 1 to 1000",
                ]
            ),
            (#"{"name":"drain"}"#, ["$.policy: no node is draining"]),
            (#"{"name":"evacuate"}"#, ["$.policy: evacuate needs node"]),
            (#"{"name":"evacuate","node":"n7"}"#, ["$.policy.node: unknown node \"n7\"; did you mean n1?"]),
            (#"{"name":"repair","moves_max":3}"#, ["$.policy: repair has no moves_max"]),
            (
                #"{"name":"repair","weights":{"dirty_percent":201,"each_mb":1}}"#,
                [
                    "$.policy.weights.dirty_percent: found 201, expected a whole number from 0 to 200",
                    "$.policy.weights.each_mb: unknown key; did you mean each_mib?",
                ]
            ),
            (
                #"{"name":"repair","overload_percent":80,"target_percent":90}"#,
                ["$.policy: a target of 90 % is above the overload at 80 %"]
            ),
        ])
    func policies(text: String, problems: [String]) {
        #expect(Set(SnapshotFixture.problems(SnapshotFixture.text(more: "\"policy\":\(text)"))) == Set(problems))
    }

    @Test("constraints that contradict each other, at the last of them; what one asks in vain is left to the solver")
    func contradictions() throws {
        let fence = #"{"type":"fence","vms":["a"],"nodes":["n1"]}"#
        let soft = #"{"type":"lonely","vms":["a"],"weight":1}"#
        let ban = #"{"type":"ban","vms":["a"],"nodes":["n1"]}"#
        let problems = SnapshotFixture.problems(SnapshotFixture.constraint("\(fence),\(soft),\(ban)"))
        #expect(problems == ["$.constraints[2]: contradiction: fence(a to n1) and ban(a from n1) leave no node for a"])
        let alone = SnapshotFixture.constraint(#"{"type":"fence","vms":["a"],"nodes":[]}"#)
        #expect(SnapshotFixture.problems(alone) == [])
        let problem = try Snapshot.read(Array(alone.utf8), named: "s").problem()
        let outcome = try RepairSolver.solve(problem, budget: .partition, seed: 1).outcome
        #expect(PlanDocument(of: outcome, for: problem, solveMilliseconds: 0).status == .impossible)
    }

    @Test("everything is told at once, in the order of the file, with lines")
    func together() {
        let text = """
            {"format":"dvms-snapshot/1",
             "nodes":[{"id":"n1","capacity":{"cpu_millicores":4000,"memory_mib":8192,"x":1}}],
             "vms":[{"id":"a","node":"n2","demand":{"cpu_millicores":1,"memory_mib":-1}}],
             "constraints":[{"type":"spread","vms":["b"]}]}
            """
        do throws(InvalidInput) {
            _ = try Snapshot.read(Array(text.utf8), named: "s.json")
            Issue.record("it was read")
        } catch {
            #expect(
                "\(error)" == """
                    s.json:2:74: $.nodes[0].capacity.x: unknown key
                    s.json:3:26: $.vms[0].node: unknown node "n2"; did you mean n1?
                    s.json:3:73: $.vms[0].demand.memory_mib: found -1, \(Self.amount)
                    s.json:4:41: $.constraints[0].vms[0]: unknown VM "b"; did you mean a?
                    """)
        }
    }

    @Test("of many problems the first are told, the others counted")
    func many() {
        let vms = (0..<250).map { #"{"id":"v\#($0)","node":"x","demand":{"cpu_millicores":1,"memory_mib":1}}"# }
        let problems = SnapshotFixture.problems(SnapshotFixture.text(vms: vms.joined(separator: ",")))
        #expect(problems.count == InvalidInput.problemsMax + 1 && problems.last == "and 150 more")
    }

    @Test("a partition may name what it does not have")
    func partition() throws {
        let text = SnapshotFixture.text(
            more: """
                "partition":true,"outside":[{"vm":"far","node":"n9"}],
                "constraints":[{"type":"spread","vms":["a","far"]},{"type":"ban","vms":["a"],"nodes":["n8"]}]
                """)
        let problem = try Snapshot.read(Array(text.utf8), named: "s").problem()
        #expect(problem.outside["far"] == "n9" && problem.constraints.count == 2 && problem.defects == [])
        let whole = SnapshotFixture.problems(text.replacing("\"partition\":true,", with: ""))
        #expect(
            whole == [
                "$.outside[0]: only a partition has an outside",
                "$.constraints[0].vms[1]: unknown VM \"far\"",
                "$.constraints[1].nodes[0]: unknown node \"n8\"; did you mean n1?",
            ])
    }

    @Test("nothing at all is a fleet, too")
    func empty() throws {
        let snapshot = try Snapshot.read(Array(SnapshotFixture.text(nodes: "", vms: "").utf8), named: "s")
        #expect(try RepairSolver.solve(snapshot.problem(), budget: .partition, seed: 1).outcome == .alreadyViable)
    }
}

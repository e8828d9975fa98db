import Basis
import Placement
import Snapshots
import Testing

@Suite("Snapshots from foreign formats")
struct ImporterTests {
    // MARK: - Ganeti

    private static let data = """
        default|g-1|preferred||
        far|g-2|preferred||

        n1|131072|2048|100000|4000|4000|32|M|g-1|1||N|0|1|1.0
        n2|131072|2048|100000|4000|4000|32|N|g-1|1||N|0|1|1.0
        n3|65536|1024|60000|4000|4000|16|Y|g-2|1||N|0|1|1.0

        shared|4096|10240|4|running|Y|n1||rbd||1|-|N
        mirrored|2048|10240|2|running|Y|n1|n2|drbd||1|-|N
        local|1024|10240|1|running|Y|n2||plain||1|-|N
        asleep|1024|10240|1|ADMIN_down|Y|n2||rbd||1|-|N
        distant|512|10240|1|running|Y|n3||rbd||1|-|N

        tag

        |4096,2,10240,1,1,1|1,1,1,1,0,1;9,9,9,9,9,9|rbd|64.0|1024.0
        """

    private static func ganeti(_ data: String, _ utilisation: String? = nil) throws(InvalidInput) -> ImportedSnapshot {
        try GanetiImport.read(
            data: (Array(data.utf8), "x.data"), utilisation: utilisation.map { (Array($0.utf8), "x.util") })
    }

    private static func problems(_ data: String, _ utilisation: String? = nil) -> String {
        do throws(InvalidInput) {
            _ = try Self.ganeti(data, utilisation)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("Ganeti's text becomes nodes, VMs, and the constraints that its storage and groups are")
    func ganeti() throws {
        let read = try Self.ganeti(Self.data, "shared 0.08256 0.1 0 0\nmirrored 0.5 0 0 0\nlocal 1.00000 0 0 0\n")
        let problem = try read.snapshot.problem()
        #expect(
            problem.nodes == [
                Node(
                    id: "n1", capacity: Resources(cpuMillicores: 32_000, memoryMiB: 131_072),
                    reserved: Resources(cpuMillicores: 0, memoryMiB: 2_048), site: "default"),
                Node(
                    id: "n2", capacity: Resources(cpuMillicores: 32_000, memoryMiB: 131_072),
                    reserved: Resources(cpuMillicores: 0, memoryMiB: 2_048), site: "default"),
                Node(
                    id: "n3", capacity: Resources(cpuMillicores: 16_000, memoryMiB: 65_536),
                    reserved: Resources(cpuMillicores: 0, memoryMiB: 1_024), state: .offline, site: "far"),
            ])
        // 0.08256 of 32,000 is 2,641.92; n3 measures nothing, so its one virtual CPU counts whole.
        #expect(problem.vms.map(\.demand.cpuMillicores) == [2_642, 16_000, 32_000, 1_000])
        #expect(problem.vms.map(\.demand.memoryMiB) == [4_096, 2_048, 1_024, 512])
        #expect(read.snapshot.vms.map(\.vcpus) == [4, 2, 1, 1])
        #expect(problem.vms.map { $0.migratability == .migratable } == [true, true, false, true])
        #expect(
            problem.constraints.map(\.description) == [
                "fence(local, mirrored, shared to n1, n2)", "fence(distant to n3)", "fence(mirrored to n1, n2)",
            ])
        #expect(
            read.notes == [
                "instances left out, because they are not running: 1",
                "instances without a utilisation, taken at their virtual CPUs: 1",
            ])
        #expect(try Self.ganeti(Self.data).snapshot.vms.first?.vm.demand.cpuMillicores == 4_000)
        #expect(SnapshotFixture.problems(String(decoding: read.snapshot.bytes, as: UTF8.self)) == [])
    }

    @Test(
        "what is wrong with Ganeti's text is told with line and field, all at once",
        arguments: [
            (
                "default|g-1\n\nn 1|x|-1|0|0|0|99999999|Q|g-9|1\nn1|5|9|0|0|0|1|N|g-1\nshort|1\n\n",
                [
                    "x.data:3:1: name: found \"n 1\", expected a node name",
                    "x.data:3:1: total memory: found \"x\", expected a whole number from 0 to 1099511627776",
                    "x.data:3:1: host memory: found \"-1\", expected a whole number from 0 to 1099511627776",
                    "x.data:3:1: physical CPUs: found \"99999999\", expected a whole number from 0 to 65536",
                    "x.data:3:1: offline: found \"Q\", expected N, Y or M",
                    "x.data:3:1: group: unknown group \"g-9\"", "x.data:4:1: host memory: 9 of 5 MiB",
                    "x.data:5:1: 2 fields, a node has at least 9",
                ]
            ),
            (
                "default|g-1\n\nn1|5|1|0|0|0|1|N|g-1\nn1|5|1|0|0|0|1|N|g-1\n\na|1|0|1|running|Y|n2||tape\na/b|1|0|0|running|Y|n1||drbd\n",
                [
                    "x.data:4:1: name: node n1 is there twice", "x.data:6:1: primary node: unknown node \"n2\"",
                    "x.data:6:1: disk template: unknown template \"tape\"",
                    "x.data:7:1: name: found \"a/b\", expected a VM name",
                    "x.data:7:1: virtual CPUs: found \"0\", expected a whole number from 1 to 65536",
                    "x.data:7:1: secondary node: unknown node \"\"",
                ]
            ),
            (
                "nonsense",
                [
                    "x.data:1:1: 1 fields, a group has at least 2",
                    "x.data:1:1: expected groups, nodes and instances, with empty lines between",
                ]
            ),
        ])
    func ganetiProblems(data: String, problems: [String]) {
        #expect(Self.problems(data) == problems.joined(separator: "\n"))
    }

    @Test("what is wrong with a utilisation is told with line and field")
    func utilisationProblems() {
        #expect(
            Self.problems(
                Self.data,
                "shared 0.1\nghost 0.1 0 0 0\nlocal -1 0 0 0\nshared 1e3 0 0 0\nmirrored 0.1 0 0 0\nmirrored 0.1 0 0 0\n"
            )
                == """
                x.util:1:1: 2 fields, a utilisation has at least 5
                x.util:2:1: instance: unknown instance "ghost"
                x.util:3:1: CPU: found "-1", expected a decimal number from 0 to 100
                x.util:4:1: CPU: found "1e3", expected a decimal number from 0 to 100
                x.util:6:1: instance: instance "mirrored" is there twice
                """.replacing("instance \"mirrored\"", with: "instance mirrored"))
        #expect(Self.problems("a\u{0}|b\n\n\n", nil).isEmpty)
    }

    // MARK: - ByteDance

    private static let challenge = """
        {"cluster_list":[
          {"cluster_name":"c1","host_info":[
            {"node_id":"pm_0","status":"ACTIVE","node_cpu":88,"node_mem_mb":368776.0,"numa":[],"rack_id":2},
            {"node_id":"pm_1","status":"BROKEN","node_cpu":88,"node_mem_mb":368776.0,"numa":[],"rack_id":3}],
           "vm_type_info":[],"other_requirement":{"deployment_set":[]},
           "vm_instance":[
            {"instance_id":"vm_0","instance_type":"big","host_id":"pm_0","allow_migration":true,
             "numa":[{"node":0,"cpu":32,"mem_mb":65536.0},{"node":1,"cpu":32,"mem_mb":65536}]},
            {"instance_id":"vm_1","instance_type":"small","host_id":"pm_0","allow_migration":false,
             "numa":[{"node":1,"cpu":8,"mem_mb":16384.0}]}]},
          {"cluster_name":"c2","host_info":[{"node_id":"pm_2","status":"ACTIVE","node_cpu":88,"node_mem_mb":368776.0}],
           "vm_instance":[{"instance_id":"vm_2","instance_type":"small","host_id":"pm_2",
             "numa":[{"node":1,"cpu":8,"mem_mb":16384.0}]}]}],
         "vm_type_list":[{"vm_type":"big"},{"vm_type":"small"}],"general_requirement":{"maximum_time":600}}
        """

    @Test("ByteDance's servers and machines become nodes and VMs, their NUMA nodes taken together")
    func byteDance() throws {
        let read = try ByteDanceImport.read(Array(Self.challenge.utf8), named: "b")
        let problem = try read.snapshot.problem()
        let capacity = Resources(cpuMillicores: 88_000, memoryMiB: 368_776)
        #expect(
            problem.nodes == [
                Node(id: "pm_0", capacity: capacity, site: "c1", rack: "2"),
                Node(id: "pm_1", capacity: capacity, state: .offline, site: "c1", rack: "3"),
                Node(id: "pm_2", capacity: capacity, site: "c2"),
            ])
        #expect(problem.vms.map(\.demand.cpuMillicores) == [64_000, 8_000, 8_000])
        #expect(problem.vms.map(\.demand.memoryMiB) == [131_072, 16_384, 16_384])
        #expect(problem.vms.map { $0.migratability == .migratable } == [true, false, true])
        #expect(problem.constraints.map(\.description) == ["fence(vm_0, vm_1 to pm_0, pm_1)", "fence(vm_2 to pm_2)"])
        #expect(read.notes == ["servers taken as offline, because they are not ACTIVE: 1"])
    }

    @Test(
        "what is wrong with ByteDance's file is told with its path",
        arguments: [
            (
                #""host_id":"pm_2""#, #""host_id":"pm_9""#,
                "$.cluster_list[1].vm_instance[0].host_id: unknown server \"pm_9\"; did you mean pm_0?"
            ),
            (
                #""node_mem_mb":368776.0,"numa":[],"rack_id":2"#, #""node_mem_mb":368776.5"#,
                "$.cluster_list[0].host_info[0].node_mem_mb: found 368776.5, expected a whole number from 0 to 1099511627776"
            ),
            (
                #""instance_id":"vm_2""#, #""instance_id":"vm_0""#,
                "$.cluster_list[1].vm_instance[0]: vm_0 is there twice"
            ),
            (
                #""instance_type":"big""#, #""instance_type":"bigg""#,
                "$.cluster_list[0].vm_instance[0].instance_type: unknown flavour \"bigg\"; did you mean big?"
            ),
            (
                #""deployment_set":[]"#, #""deployment_set":[1]"#,
                "$.cluster_list[0].other_requirement.deployment_set: deployment sets are not understood"
            ),
            (#""cluster_list""#, #""clusters""#, "$: cluster_list is missing"),
            (#""cpu":8,"#, "", "$.cluster_list[0].vm_instance[1].numa[0]: cpu and mem_mb are needed"),
        ])
    func byteDanceProblems(text: String, wrong: String, problem: String) throws {
        let problems = SnapshotFixture.problems(Array(Self.challenge.replacing(text, with: wrong).utf8)) {
            bytes throws(InvalidInput) in _ = try ByteDanceImport.read(bytes, named: "b")
        }
        #expect(problems.contains(problem), "\(problems)")
    }
}

import Basis
import Placement
import Testing

@Suite("Mappings and VM names")
struct MappingTests {
    @Test("lists VMs in the order of their ids, whatever order they came in")
    func order() {
        let mapping: Mapping = ["c": "n1", "a": "n2", "b": "n1"]
        #expect(mapping.assignments.map(\.vm) == ["a", "b", "c"])
        #expect(mapping.vms(on: "n1") == ["b", "c"] && mapping.vms(on: "n9") == [])
        #expect(mapping.count == 3 && mapping["a"] == "n2" && mapping["z"] == nil)
    }

    @Test(
        "takes 1 to 255 bytes without control characters and slashes",
        arguments: [
            ("x", true), ("", false), ("web 1 é", true), ("a/b", false), ("a\n", false), ("a\u{7F}", false),
            (String(repeating: "x", count: 255), true), (String(repeating: "x", count: 256), false),
        ])
    func names(name: String, isAllowed: Bool) {
        #expect((VMID(name) != nil) == isAllowed)
    }

    @Test("a plan leads where its migrations lead, in the order of its steps")
    func afterPlan() {
        let plan = ReconfigurationPlan(
            steps: [
                [Migration(vm: "a", from: "n1", to: "n2", reason: .stepsAside("n1"))],
                [Migration(vm: "a", from: "n2", to: "n3", reason: .movesOn("n2"))],
            ], cost: MigrationCost(weight: 2, migrations: 2), memoryMiB: 2,
            risk: PlacementRisk(expectedExcessMicrocores: 0))
        #expect(plan.mapping(after: ["a": "n1", "b": "n1"]) == ["a": "n3", "b": "n1"])
        #expect(plan.nodes == ["n1", "n2", "n3"])
    }
}

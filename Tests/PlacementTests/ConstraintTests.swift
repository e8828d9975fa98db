import Basis
import Placement
import Testing

@Suite("Constraints")
struct ConstraintTests {
    private static let first: Mapping = ["a": "n1", "b": "n1", "c": "n2", "d": "n3"]

    private static var placed: PlacementProblem {
        PlacementProblem(
            nodes: [node("n1"), node("n2"), node("n3")], vms: Self.first.assignments.map { vm($0.vm) },
            mapping: Self.first)
    }

    @Test(
        "counts what is broken",
        arguments: [
            (Spread(["c", "d"]), 0), (Spread(["a", "b", "c"]), 1), (Spread(["a"]), 0), (Spread(["a", "elsewhere"]), 0),
            (Gather(["a", "b"]), 0), (Gather(["a", "c"]), 1), (Gather(["a", "b", "c", "d"]), 2), (Gather([]), 0),
            (Fence(["a", "c"], to: ["n1", "n2"]), 0), (Fence(["a", "c"], to: ["n1"]), 1),
            (Fence(["a", "c"], to: []), 2),
            (Ban(["a", "b", "c"], from: ["n3"]), 0), (Ban(["a", "b", "c"], from: ["n1"]), 2),
            (Root(["a", "d"]), 0), (Quarantine(["n1", "n2", "n3"]), 0),
            (Among(["a", "c"], groups: [["n1", "n2"], ["n3"]]), 0),
            (Among(["a", "c", "d"], groups: [["n1", "n2"], ["n3"]]), 1),
            (Among(["a", "b", "d"], groups: [["n2"], ["n3"]]), 2), (Among(["a", "d"], groups: []), 2),
            (Split(groups: [["a", "b"], ["c", "d"]]), 0), (Split(groups: [["a"], ["b"], ["c"]]), 1),
            (Split(groups: [["a"], ["elsewhere"]]), 0),
            (SplitAmong(vmGroups: [["a", "b"], ["c", "d"]], nodeGroups: [["n1"], ["n2", "n3"]]), 0),
            (SplitAmong(vmGroups: [["a", "c"], ["d"]], nodeGroups: [["n1"], ["n2", "n3"]]), 2),
            (SplitAmong(vmGroups: [["a"], ["d"]], nodeGroups: [["n2"], ["n3"]]), 1),
            (Lonely(["a", "b"]), 0), (Lonely(["a", "c"]), 1), (Lonely(["a", "b", "c", "d"]), 0),
            (MaxOnline(["n1", "n2", "n3"], limit: 3), 0), (MaxOnline(["n1", "n2", "n3"], limit: 1), 2),
            (RunningCapacity(["n1", "n2"], limit: 3), 0), (RunningCapacity(["n1", "n2"], limit: 1), 2),
            (Preserve(["a", "b"], resource: .cpu, amount: 2_000), 0),
            (Preserve(["a", "b", "c"], resource: .cpu, amount: 2_001), 1),
            (Overbook(["n1", "n2"], resource: .cpu, ratioPercent: 50), 0),
            (Overbook(["n1", "n2", "n3"], resource: .cpu, ratioPercent: 49), 1),
            (Overbook(["n1"], resource: .network, ratioPercent: 0), 0),
        ] as [(any PlacementConstraint, Int)])
    func breaches(constraint: any PlacementConstraint, count: Int) {
        #expect(constraint.breaches(in: Self.first, of: Self.placed).count == count)
    }

    @Test("a rooted VM that has moved breaks its constraint")
    func root() {
        var moved = Self.first
        moved["a"] = "n2"
        let breaches = Root(["a", "b"]).breaches(in: moved, of: Self.placed)
        #expect(breaches == [ConstraintBreach(constraint: "root(a, b)", vms: ["a"])])
    }

    @Test("a VM that has entered or left breaks a quarantine, one that moves elsewhere does not")
    func quarantine() {
        var moved = Self.first
        moved["a"] = "n3"
        moved["c"] = "n1"
        #expect(Quarantine(["n1"]).breaches(in: moved, of: Self.placed).map(\.vms) == [["a"], ["c"]])
        #expect(Quarantine(["n2"]).breaches(in: moved, of: Self.placed).map(\.vms) == [["c"]])
    }

    @Test("says its name, and when it binds where that is not as usual")
    func described() {
        #expect(Spread(["a", "b"], isContinuous: true).description == "spread(a, b) at every instant")
        #expect(Fence(["a"], to: ["n1"], isContinuous: false).description == "fence(a to n1) at the end")
        #expect(Split(groups: [["b", "a"], ["c"]]).description == "split({a, b} {c})")
        #expect(Overbook(["n1"], resource: .cpu, ratioPercent: 80).description == "overbook(CPU of n1 at 80 %)")
        #expect(MaxOnline(["n1"], limit: 1).typeName == "maxOnline")
    }

    @Test("repeated and unordered names make the same constraint")
    func normalised() {
        #expect(Spread(["b", "a", "b"]) == Spread(["a", "b"]))
        #expect(Fence(["b", "a"], to: ["n2", "n1", "n2"]) == Fence(["a", "b"], to: ["n1", "n2"]))
    }

    @Test(
        "is mended by moving what breaks it",
        arguments: [
            (Spread(["a", "b"]), 1), (Gather(["a", "c"]), 1), (Gather(["a", "b", "c"]), 1),
            (Fence(["a", "b"], to: ["n2", "n3"]), 2), (Ban(["d"], from: ["n3"]), 1),
            (Among(["a", "b", "c"], groups: [["n1"], ["n2", "n3"]]), 1), (Split(groups: [["a"], ["b", "c"]]), 1),
            (SplitAmong(vmGroups: [["a", "c"], ["d"]], nodeGroups: [["n1", "n2"], ["n3"]]), 0),
            (SplitAmong(vmGroups: [["a"], ["b"]], nodeGroups: [["n1", "n2"], ["n3"]]), 1),
            (Lonely(["a", "c"]), 1), (MaxOnline(["n1", "n2", "n3"], limit: 2), 1),
            (RunningCapacity(["n1"], limit: 0), 2),
        ] as [(any PlacementConstraint, Int)])
    func mended(constraint: any PlacementConstraint, migrations: Int) throws {
        let broken = problem(
            [(node("n1"), [vm("a"), vm("b")]), (node("n2"), [vm("c")]), (node("n3"), [vm("d")])],
            constraints: [constraint])
        if migrations == 0 {
            #expect(try solve(broken) == .alreadyViable)
            return
        }
        guard case .plan(let plan, .proven) = try solve(broken) else {
            Issue.record("\(constraint) is not mended: \(try solve(broken))")
            return
        }
        #expect(plan.cost.migrations == migrations)
        #expect(PlanChecker(broken).defects(of: plan, claim: .viable) == [])
        for migration in plan.migrations {
            #expect([.mends(constraint: constraint.description)].contains(migration.reason))
        }
    }

    @Test("VMs that belong together leave an overloaded node together")
    func followers() throws {
        let crowded = problem(
            [
                (
                    node("n1"),
                    [
                        vm("a", cpu: 1_500, memory: 512), vm("b", cpu: 1_000, memory: 512),
                        vm("c", cpu: 2_000, memory: 4_096),
                    ]
                ),
                (node("n2"), []),
            ], constraints: [Gather(["a", "b"])])
        guard case .plan(let plan, .proven) = try solve(crowded) else {
            Issue.record("not solved: \(try solve(crowded))")
            return
        }
        #expect(Set(plan.migrations.map(\.vm)) == ["a", "b"])
        #expect(PlanChecker(crowded).defects(of: plan, claim: .viable) == [])
    }

    @Test("names a few of many VMs and nodes in words")
    func shortDescriptions() {
        let vms = (1...9).map { VMID(stringLiteral: "vm\($0)") }
        let nodes = (1...300).map { NodeID(stringLiteral: "n\($0)") }
        let fence = Fence(vms, to: nodes).description
        #expect(fence.hasPrefix("fence(vm1, vm2, vm3, vm4, vm5, vm6, vm7, vm8, vm9 to n1, "), "\(fence)")
        #expect(fence.hasSuffix(" and 292 more)"), "\(fence)")
    }
}

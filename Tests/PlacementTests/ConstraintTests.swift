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
            (Root(["a", "d"]), 0),
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
        ] as [(any PlacementConstraint, Int)])
    func mended(constraint: any PlacementConstraint, migrations: Int) throws {
        let broken = problem(
            [(node("n1"), [vm("a"), vm("b")]), (node("n2"), [vm("c")]), (node("n3"), [vm("d")])],
            constraints: [constraint])
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
}

import Basis
import Placement
import Snapshots
import Testing

@Suite("A target below the overload")
struct FillTargetTests {
    private static let target = FillTarget(percent: 80)

    /// Nodes of 10,000 m and 20 GiB with VMs of so many hundred m, 1 GiB each, overloaded above 90 %.
    private func fleet(_ demands: [(NodeID, [Int])]) -> PlacementProblem {
        problem(
            demands.map { id, demands in
                (
                    node(id, cpu: 10_000, memory: 20_480),
                    demands.enumerated().map { vm(VMID("\(id)-\($0)")!, cpu: $1 * 100, memory: 1_024) }
                )
            }, overloadPercent: 90)
    }

    private func solved(_ fleet: PlacementProblem) throws -> (outcome: SolverOutcome, isReached: Bool?) {
        let outcome = FillTarget.outcome(try solve(Self.target.narrowed(fleet)), plain: try solve(fleet))
        return (outcome, outcome.plan.map { Self.target.isReached(by: $0, for: fleet) })
    }

    @Test("an overloaded node is relieved to it, and the price is told as a gap")
    func relieves() throws {
        // Of 93 hundred one VM less is viable; it takes two to get down to 80.
        let (outcome, isReached) = try self.solved(
            self.fleet([("n1", [10, 10, 10, 10, 10, 10, 10, 10, 10, 3]), ("n2", [])]))
        guard case .plan(let plan, .feasible(let bound)) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(plan.migrations.count == 2 && bound.migrations == 1 && bound.weight * 2 == plan.cost.weight)
        #expect(isReached == true)
    }

    @Test("no node is filled beyond it")
    func fills() throws {
        let fleet = self.fleet([("n1", [50, 45]), ("n2", [40]), ("n3", [30])])
        let (outcome, isReached) = try self.solved(fleet)
        // 45 on n2 make 85: viable, and beyond the target; on n3 they make 75.
        #expect(outcome.plan?.migrations.map(\.to) == ["n3"] && isReached == true, "\(outcome)")
    }

    @Test("nodes between target and limit are left alone, and a fleet without overload is")
    func leaves() throws {
        let (outcome, _) = try self.solved(self.fleet([("n1", [85]), ("n2", [])]))
        #expect(outcome == .alreadyViable)
        let (repaired, isReached) = try self.solved(self.fleet([("n0", [50, 45]), ("n1", [85]), ("n2", [])]))
        #expect(repaired.plan?.migrations.map(\.from) == ["n0"] && isReached == true, "\(repaired)")
    }

    @Test("where it cannot be reached the limit is")
    func fallsBack() throws {
        let (outcome, isReached) = try self.solved(self.fleet([("n1", [50, 45]), ("n2", [40])]))
        guard case .plan(_, .proven) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(isReached == false)
    }
}

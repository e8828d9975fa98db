import Basis
import Placement

/// Judges plans by looking at every instant that their steps may come to: each migration of a step not begun, under
/// way, or done.
struct PlanOracle {
    private let oracle: PlacesOracle

    init(_ problem: PlacementProblem) {
        self.oracle = PlacesOracle(problem)
    }

    private struct Move {
        var vm: Int
        var from: Int
        var to: Int
    }

    /// Whether `plan` may be executed and ends in a viable mapping, as long as what it states of itself is right.
    func isSound(_ plan: ReconfigurationPlan) -> Bool {
        var hosts = self.oracle.origin
        for step in plan.steps {
            let moves = step.compactMap { migration -> Move? in
                guard let vm = self.oracle.problem.vms.firstIndex(where: { $0.id == migration.vm }),
                    let from = self.oracle.nodes.firstIndex(of: migration.from),
                    let to = self.oracle.nodes.firstIndex(of: migration.to),
                    hosts[vm] == from, self.oracle.mayBeSent(vm, from: from, to: to)
                else { return nil }
                return Move(vm: vm, from: from, to: to)
            }
            guard moves.count == step.count, !moves.isEmpty, Set(moves.map(\.vm)).count == moves.count,
                self.keepsCaps(moves), self.isBearable(moves, hosts)
            else { return false }
            for move in moves { hosts[move.vm] = move.to }
        }
        return self.oracle.isViable(self.oracle.places(hosts))
    }

    /// What breaches of soft constraints cost where `plan` leads; nil when it leads nowhere that is known.
    func softCost(after plan: ReconfigurationPlan) -> Int? {
        var hosts = self.oracle.origin
        for migration in plan.migrations {
            guard let vm = self.oracle.problem.vms.firstIndex(where: { $0.id == migration.vm }),
                let to = self.oracle.nodes.firstIndex(of: migration.to)
            else { return nil }
            hosts[vm] = to
        }
        return self.oracle.softCost(self.oracle.places(hosts))
    }

    private func keepsCaps(_ moves: [Move]) -> Bool {
        let caps = self.oracle.problem.flightCaps
        return self.oracle.problem.nodes.indices.allSatisfy { node in
            moves.count { $0.to == node } <= caps.perNodeIn && moves.count { $0.from == node } <= caps.perNodeOut
        }
    }

    private func isBearable(_ moves: [Move], _ hosts: [Int]) -> Bool {
        let before = self.oracle.places(hosts)
        let instants = moves.reduce(1) { count, _ in count * 3 }
        return (0..<instants).allSatisfy { instant in
            var (during, rest) = (before, instant)
            for move in moves {
                let stage = rest % 3
                rest /= 3
                if stage > 0 { during[move.to] |= 1 << UInt32(move.vm) }
                if stage > 1 { during[move.from] &= ~(1 << UInt32(move.vm)) }
            }
            return self.oracle.isBearable(during, before: before)
        }
    }
}

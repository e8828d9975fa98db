import Basis
import Placement

extension ProblemGenerator {
    /// At most 4 nodes and 7 VMs, some VMs outside, and constraints of every kind: hard and soft, discrete and
    /// continuous.
    mutating func mixed() -> PlacementProblem {
        var problem = self.chance(25) ? self.crowded() : self.small(vmsMax: 7)
        if case .evacuate = problem.policy { problem.policy = self.chance(50) ? .repair : problem.policy }
        for index in problem.nodes.indices where self.chance(20) {
            problem.nodes[index].overcommitPercent[self.pick(Resource.allCases)] = self.pick([90, 150, 200])
        }
        for index in 0..<self.pick([0, 0, 0, 1, 2, 3]) {
            let node = self.chance(60) ? Self.nodeID(90 + index % 2) : self.pick(problem.nodes).id
            problem.outside[Self.vmID(900 + index)] = node
        }
        problem.constraints = []
        while self.chance(55) { problem.constraints.append(self.constraint(of: problem)) }
        while self.chance(55) {
            problem.softConstraints.append(
                SoftConstraint(self.constraint(of: problem), weight: self.pick([0, 100, 600, 1_500, 5_000])))
        }
        return problem
    }

    /// How many kinds of constraints are drawn.
    static let constraintKinds = 14

    /// A constraint of a kind drawn at random.
    mutating func constraint(of problem: PlacementProblem) -> any PlacementConstraint {
        self.constraint(Int.random(in: 0..<Self.constraintKinds, using: &self.random), of: problem)
    }

    mutating func constraint(_ kind: Int, of problem: PlacementProblem) -> any PlacementConstraint {
        let all = problem.vms.map(\.id) + problem.outside.assignments.map(\.vm)
        let nodes = problem.nodes.map(\.id) + (self.chance(30) ? [Self.nodeID(90)] : [])
        let isContinuous = self.chance(50)
        switch kind {
        case 0: return Spread(self.some(all, 3), isContinuous: isContinuous)
        case 1: return Gather(self.some(all, 2), isContinuous: isContinuous)
        case 2: return Fence(self.some(all, 2), to: self.some(nodes, 3), isContinuous: isContinuous)
        case 3: return Ban(self.some(all, 2), from: self.some(nodes, 1), isContinuous: isContinuous)
        case 4: return Among(self.some(all, 3), groups: self.parts(nodes, 2), isContinuous: isContinuous)
        case 5: return Split(groups: self.parts(all, self.pick([2, 2, 3])), isContinuous: isContinuous)
        case 6:
            return SplitAmong(
                vmGroups: self.parts(self.some(all, 4), 2), nodeGroups: self.parts(nodes, 2),
                isContinuous: isContinuous)
        case 7: return Lonely(self.some(all, 2), isContinuous: isContinuous)
        case 8: return Quarantine(self.some(nodes, 1))
        case 9: return Root(self.some(all, 1))
        case 10:
            return MaxOnline(
                self.some(nodes, 3), limit: Int.random(in: 1...2, using: &self.random), isContinuous: isContinuous)
        case 11:
            return RunningCapacity(
                self.some(nodes, 2), limit: Int.random(in: 1...5, using: &self.random), isContinuous: isContinuous)
        case 12:
            let resource = self.pick([Resource.cpu, .memory, .disk])
            let amount = resource == .cpu ? self.pick([500, 1_500, 2_500]) : self.pick([768, 1_536, 2_560])
            return Preserve(self.some(all, 2), resource: resource, amount: amount)
        default:
            return Overbook(
                self.some(nodes, 2), resource: self.pick([.cpu, .memory, .disk]),
                ratioPercent: self.pick([60, 80, 100, 130]))
        }
    }

    /// `count` of them at most, at least one.
    private mutating func some<T>(_ all: [T], _ count: Int) -> [T] {
        Array(all.shuffled(using: &self.random).prefix(Int.random(in: 1...max(count, 1), using: &self.random)))
    }

    /// Disjoint groups of nearly all of them.
    private mutating func parts<T>(_ all: [T], _ count: Int) -> [[T]] {
        var groups = Array(repeating: [T](), count: count)
        for element in all where self.chance(90) {
            groups[Int.random(in: 0..<count, using: &self.random)].append(element)
        }
        return groups
    }
}

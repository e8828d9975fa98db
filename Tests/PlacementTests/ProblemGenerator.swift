import Basis
import Placement

/// Draws placement problems from a seed.
struct ProblemGenerator {
    var random: SplitMix64
    /// What a plan costs is drawn apart from what it is about.
    private var randomOfWeights: SplitMix64

    init(seed: UInt64) {
        self.random = SplitMix64(seed: seed)
        self.randomOfWeights = SplitMix64(seed: ~seed)
    }

    static func nodeID(_ index: Int) -> NodeID {
        // Safe because digits are allowed.
        NodeID("n\(index / 100)\(index / 10 % 10)\(index % 10)")!
    }

    static func vmID(_ index: Int) -> VMID {
        // Safe because digits are allowed.
        VMID("v\(index / 1_000)\(index / 100 % 10)\(index / 10 % 10)\(index % 10)")!
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self.random) < percent }

    mutating func pick<T>(_ choices: [T]) -> T {
        // Safe because callers list some.
        choices.randomElement(using: &self.random)!
    }

    /// At most 4 nodes and, unless told otherwise, 6 VMs, tight in CPU or in memory, with constraints, states, links and dirty rates.
    mutating func small(vmsMax: Int = 6) -> PlacementProblem {
        let nodeCount = Int.random(in: 2...4, using: &self.random)
        let vmCount = Int.random(in: 2...vmsMax, using: &self.random)
        let tightMemory = self.chance(50)
        let variedLinks = self.chance(30)
        var nodes: [Node] = []
        for index in 0..<nodeCount {
            let capacity = Resources(
                cpuMillicores: self.pick([3_000, 4_000, 6_000]),
                memoryMiB: tightMemory ? self.pick([4_096, 5_120, 6_144]) : 16_384,
                diskKiBPerSecond: self.chance(20) ? 5_000 : 0)
            nodes.append(
                Node(
                    id: Self.nodeID(index), capacity: capacity,
                    reserved: Resources(cpuMillicores: self.pick([0, 200]), memoryMiB: self.pick([0, 512])),
                    state: self.chance(10) ? .draining : self.chance(3) ? .offline : .active,
                    linkMbps: variedLinks ? self.pick([100, 1_000, 10_000]) : 1_000))
        }
        var vms: [VirtualMachine] = []
        var mapping = Mapping()
        var free = nodes.map { $0.capacity.memoryMiB - $0.reserved.memoryMiB }
        for index in 0..<vmCount {
            let memory = self.pick([512, 1_024, 2_048, 3_072])
            let roomy = free.indices.filter { free[$0] >= memory }
            guard let host = roomy.randomElement(using: &self.random) else { continue }
            free[host] -= memory
            vms.append(
                VirtualMachine(
                    id: Self.vmID(index),
                    demand: Resources(
                        cpuMillicores: Int.random(in: 3...24, using: &self.random) * 100, memoryMiB: memory,
                        diskKiBPerSecond: self.chance(20) ? 2_000 : 0),
                    cpuDemandVariance: self.pick([0, 10_000, 90_000]), dirtyMiBPerSecond: self.pick([0, 0, 20, 100]),
                    migratability: self.chance(10) ? .rooted(reason: "drawn so") : .migratable))
            mapping[Self.vmID(index)] = Self.nodeID(host)
        }
        return PlacementProblem(
            nodes: nodes, vms: vms, mapping: mapping, constraints: self.constraints(nodeCount, vmCount),
            policy: self.chance(12) ? .evacuate(Self.nodeID(0)) : .repair,
            thresholds: LoadThresholds(overloadPercent: self.pick([80, 100, 100, 120])),
            flightCaps: FlightCaps(perNodeIn: self.pick([1, 2]), perNodeOut: self.pick([1, 2])),
            costWeights: self.costWeights())
    }

    private mutating func costWeights() -> CostWeights {
        guard Int.random(in: 0..<4, using: &self.randomOfWeights) == 0 else { return .transferTime }
        let percents = [0, 10, 100, 200]
        // Safe because there are some.
        func drawn(_ amounts: [Int]) -> Int { amounts.randomElement(using: &self.randomOfWeights)! }
        return CostWeights(
            memoryPercent: drawn(percents), dirtyPercent: drawn(percents), linkPercent: drawn(percents),
            eachMiB: drawn([0, 1_000]))
    }

    /// Nodes whose memory is full but for one that has hardly any CPU: VMs must change places, and can only do so by
    /// stepping aside there.
    mutating func crowded() -> PlacementProblem {
        var nodes = [node(Self.nodeID(0), cpu: 300, memory: self.pick([2_048, 3_072, 4_096]))]
        for index in 1...2 {
            nodes.append(
                node(
                    Self.nodeID(index), cpu: self.pick([2_000, 3_000, 4_000]), memory: 4_096,
                    link: self.pick([1_000, 1_000, 10_000])))
        }
        var vms: [VirtualMachine] = []
        var mapping = Mapping()
        for host in 1...2 {
            var free = 4_096
            while free > 0 {
                let memory = min(free, self.pick([1_024, 2_048, 2_048, 3_072]))
                free -= memory
                if free > 0, free < 1_024 || vms.count == 5 { break }
                let id = Self.vmID(vms.count)
                vms.append(vm(id, cpu: Int.random(in: 4...20, using: &self.random) * 100, memory: memory))
                mapping[id] = nodes[host].id
            }
        }
        return PlacementProblem(nodes: nodes, vms: vms, mapping: mapping)
    }

    private mutating func constraints(_ nodeCount: Int, _ vmCount: Int) -> [any PlacementConstraint] {
        var constraints: [any PlacementConstraint] = []
        while self.chance(40) {
            let vms = (0..<vmCount).map(Self.vmID).filter { _ in self.chance(45) }
            let nodes = (0..<nodeCount).map(Self.nodeID).filter { _ in self.chance(50) }
            switch Int.random(in: 0..<5, using: &self.random) {
            case 0: constraints.append(Spread(vms))
            case 1: constraints.append(Gather(vms.prefix(2)))
            case 2: constraints.append(Fence(vms.prefix(2), to: nodes))
            case 3: constraints.append(Ban(vms.prefix(2), from: nodes.prefix(1)))
            default: constraints.append(Root(vms.prefix(1)))
            }
        }
        return constraints
    }

    /// A partition of 32-core nodes, its VMs spread unevenly, at `cpuPercent` of mean CPU demand; memory always fits.
    mutating func partition(nodes nodeCount: Int, vms vmCount: Int, cpuPercent: Int) -> PlacementProblem {
        let capacity = Resources(cpuMillicores: 32_000, memoryMiB: 131_072)
        let nodes = (0..<nodeCount).map {
            Node(id: Self.nodeID($0), capacity: capacity, reserved: Resources(cpuMillicores: 0, memoryMiB: 2_048))
        }
        var free = nodes.map { $0.capacity.memoryMiB - $0.reserved.memoryMiB }
        var wants: [(cpu: Int, memory: Int)] = []
        var mapping = Mapping()
        for index in 0..<vmCount {
            let cores = self.pick([1, 2, 2, 4, 4, 8])
            let memory = self.pick([1_024, 2_048, 4_096, 4_096, 8_192])
            wants.append((cores * Int.random(in: 100...1_000, using: &self.random), memory))
            var host = 0
            repeat {
                // Of two nodes the lower one: so the low ones get more.
                host = min(
                    Int.random(in: 0..<nodeCount, using: &self.random),
                    self.chance(30) ? Int.random(in: 0..<nodeCount, using: &self.random) : nodeCount)
            } while free[host] < memory
            free[host] -= memory
            mapping[Self.vmID(index)] = Self.nodeID(host)
        }
        let total = wants.reduce(0) { $0 + $1.cpu }
        let target = nodeCount * capacity.cpuMillicores * cpuPercent / 100
        let vms = wants.enumerated().map { index, want in
            VirtualMachine(
                id: Self.vmID(index),
                demand: Resources(cpuMillicores: min(want.cpu * target / total, 28_000), memoryMiB: want.memory))
        }
        return PlacementProblem(nodes: nodes, vms: vms, mapping: mapping)
    }

    /// A partition as above with little memory to spare, drawn constraints and some rooted VMs.
    mutating func hardPartition(nodes nodeCount: Int, vms vmCount: Int, cpuPercent: Int) -> PlacementProblem {
        var problem = self.partition(nodes: nodeCount, vms: vmCount, cpuPercent: cpuPercent)
        for index in problem.nodes.indices {
            let held = problem.mapping.vms(on: problem.nodes[index].id).reduce(0) { sum, id in
                sum + (problem.vms.first { $0.id == id }?.demand.memoryMiB ?? 0)
            }
            problem.nodes[index].capacity.memoryMiB = 2_048 + max(held + 2_048, 36_864)
        }
        for index in problem.vms.indices where self.chance(10) {
            problem.vms[index].migratability = .rooted(reason: "drawn so")
        }
        for _ in 0..<vmCount / 20 {
            let vms = problem.vms.map(\.id).shuffled(using: &self.random)
            problem.constraints.append(Spread(vms.prefix(4)))
            problem.constraints.append(Ban(vms.suffix(2), from: [Self.nodeID(self.pick(Array(0..<nodeCount)))]))
        }
        return problem
    }

    /// The same problem with nodes and VMs listed in another order.
    mutating func shuffled(_ problem: PlacementProblem) -> PlacementProblem {
        var shuffled = problem
        shuffled.nodes.shuffle(using: &self.random)
        shuffled.vms.shuffle(using: &self.random)
        return shuffled
    }
}

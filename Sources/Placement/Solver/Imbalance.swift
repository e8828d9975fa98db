/// How unevenly nodes are used: the weighted sum, over its terms, of the standard deviation of the nodes' shares.
///
/// The measure by which Ganeti's hbal ranks placements, for the terms that concern running VMs on shared storage. Kept
/// as sums, so that the effect of a move is known without looking at other nodes. Of arithmetic only what IEEE 754
/// rounds alike everywhere, so every machine decides alike.
struct Imbalance {
    /// CPU, memory, virtual CPUs; the fourth place is not used.
    typealias Shares = SIMD4<Double>

    private let weights: Shares
    private let count: Double
    private let perUnit: [Shares]
    private(set) var shares: [Shares]
    private var sum = Shares.zero
    private var squares = Shares.zero

    /// - Parameter nodes: those that are to be even among themselves.
    init(_ model: SearchModel, hosts: [Int], nodes: [Int], weights: BalanceWeights) {
        self.weights = Shares(Double(weights.cpu), Double(weights.memory), Double(weights.vcpus), 0)
        self.count = Double(nodes.count)
        self.perUnit = model.nodes.indices.map { node in
            let usable = model.usable[node]
            let cpu = 1 / Double(max(usable[Resource.cpu.rawValue], 1))
            return Shares(
                cpu, 1 / Double(max(usable[Resource.memory.rawValue], 1)),
                1_000 / Double(max(model.nodes[node].capacity.cpuMillicores, 1)), 0)
        }
        self.shares = Array(repeating: .zero, count: model.nodes.count)
        for vm in hosts.indices { self.shares[hosts[vm]] += self.amounts(of: vm, model) * self.perUnit[hosts[vm]] }
        for node in nodes {
            self.sum += self.shares[node]
            self.squares += self.shares[node] * self.shares[node]
        }
    }

    private func amounts(of vm: Int, _ model: SearchModel) -> Shares {
        let demand = model.demand[vm]
        return Shares(
            Double(demand[Resource.cpu.rawValue]), Double(demand[Resource.memory.rawValue]),
            Double(model.vms[vm].vcpus), 0)
    }

    var value: Double { self.value(self.sum, self.squares) }

    /// What it would be with `vm` on `to` instead of `from`.
    func value(moving vm: Int, from: Int, to: Int, _ model: SearchModel) -> Double {
        self.value(shifting: self.amounts(of: vm, model), from: from, to: to)
    }

    /// What it would be with `left`, which is on `from`, and `right`, which is on `to`, in each other's places.
    func value(swapping left: Int, on from: Int, with right: Int, on to: Int, _ model: SearchModel) -> Double {
        self.value(shifting: self.amounts(of: left, model) - self.amounts(of: right, model), from: from, to: to)
    }

    private func value(shifting amounts: Shares, from: Int, to: Int) -> Double {
        let (left, entered) = (amounts * self.perUnit[from], amounts * self.perUnit[to])
        let (before, after) = (self.shares[from], self.shares[to])
        let (lower, higher) = (before - left, after + entered)
        return self.value(
            self.sum - left + entered,
            self.squares - before * before + lower * lower - after * after + higher * higher)
    }

    mutating func move(_ vm: Int, from: Int, to: Int, _ model: SearchModel) {
        let amounts = self.amounts(of: vm, model)
        let (left, entered) = (amounts * self.perUnit[from], amounts * self.perUnit[to])
        for (node, change) in [(from, -left), (to, entered)] {
            let (old, new) = (self.shares[node], self.shares[node] + change)
            self.shares[node] = new
            self.sum += change
            self.squares += new * new - old * old
        }
    }

    private func value(_ sum: Shares, _ squares: Shares) -> Double {
        let mean = sum / self.count
        var variance = squares / self.count - mean * mean
        variance.replace(with: Shares.zero, where: variance .< Shares.zero)
        return (self.weights * variance.squareRoot()).sum()
    }
}

import Basis
import Placement
import Testing

@Suite("Cost and risk")
struct CostAndRiskTests {
    @Test(
        "a hop weighs its memory, more when the VM writes fast and when the slower link is slow",
        arguments: [
            (memory: 1_024, dirty: 0, from: 1_000, to: 1_000, weight: 1_024_000),
            (memory: 1_024, dirty: 0, from: 10_000, to: 10_000, weight: 102_400),
            (memory: 1_024, dirty: 0, from: 10_000, to: 1_000, weight: 1_024_000),
            (memory: 1_024, dirty: 0, from: 100, to: 1_000, weight: 10_240_000),
            (memory: 1_024, dirty: 0, from: 1, to: 1_000, weight: 102_400_000),
            (memory: 1_000, dirty: 60, from: 1_000, to: 1_000, weight: 2_012_000),
            (memory: 1_000, dirty: 89, from: 1_000, to: 1_000, weight: 3_937_000),
            (memory: 1_000, dirty: 90, from: 1_000, to: 1_000, weight: 4_000_000),
            (memory: 1_000, dirty: 100_000, from: 1_000, to: 1_000, weight: 4_000_000),
            (memory: 0, dirty: 10, from: 1_000, to: 1_000, weight: 0),
        ])
    func weight(memory: Int, dirty: Int, from: Int, to: Int, weight: Int) {
        let cost = MigrationCost(
            of: vm("x", memory: memory, dirty: dirty), from: node("a", link: from), to: node("b", link: to),
            .transferTime)
        #expect(cost == MigrationCost(weight: weight, migrations: 1))
    }

    @Test(
        "of memory, dirtying, link and the migration as such each counts as much as it is weighted",
        arguments: [
            // 1,000 MiB that are sent twice, over a link that is ten times slower.
            (weights: CostWeights(), dirty: 6, weight: 20_000_000),
            (weights: CostWeights(dirtyPercent: 0), dirty: 6, weight: 10_000_000),
            (weights: CostWeights(memoryPercent: 0), dirty: 6, weight: 10_000_000),
            (weights: CostWeights(linkPercent: 0), dirty: 6, weight: 2_000_000),
            (weights: CostWeights(linkPercent: 200), dirty: 0, weight: 19_000_000),
            (weights: CostWeights(eachMiB: 500), dirty: 0, weight: 10_500_000),
            (weights: CostWeights(memoryPercent: 0, eachMiB: 7), dirty: 0, weight: 7_000),
            (weights: CostWeights(memoryPercent: 0), dirty: 0, weight: 0),
        ])
    func weights(weights: CostWeights, dirty: Int, weight: Int) {
        let cost = MigrationCost(
            of: vm("x", memory: 1_000, dirty: dirty), from: node("a", link: 100), to: node("b", link: 100), weights)
        #expect(cost == MigrationCost(weight: weight, migrations: 1))
    }

    @Test("what one hop weighs never grows with the speed of the link, whatever the weights")
    func fasterIsNeverDearer() {
        let links = [10, 100, 999, 1_000, 1_001, 3_000, 10_000, 40_000, 100_000, 10_000_000]
        for percent in [0, 1, 50, 100, 199, 200] {
            let weights = CostWeights(linkPercent: percent)
            let costs = links.map { MigrationCost(of: vm("x", memory: 777, dirty: 40), linkMbps: $0, weights) }
            #expect(zip(costs, costs.dropFirst()).allSatisfy { $0 >= $1 }, "link \(percent) %: \(costs)")
        }
    }

    @Test("weights choose between one big VM and two small ones")
    func choosesByWeights() throws {
        var choice = problem([
            (
                node("n1", memory: 65_536),
                [
                    vm("big", cpu: 1_000, memory: 8_192), vm("one", cpu: 500), vm("two", cpu: 500),
                    vm("rest", cpu: 3_000, memory: 16_384, rooted: "the test"),
                ]
            ),
            (node("n2", memory: 65_536), []),
        ])
        func movers(_ weights: CostWeights) throws -> [String]? {
            choice.costWeights = weights
            let report = try RepairSolver.solve(choice, budget: .partition, seed: 1)
            guard case .plan(let plan, .proven) = report.outcome else { return nil }
            return plan.migrations.map(\.vm.name).sorted()
        }
        #expect(try movers(.transferTime) == ["one", "two"])
        #expect(try movers(CostWeights(eachMiB: 16_384)) == ["big"])
        #expect(try movers(CostWeights(memoryPercent: 0)) == ["big"])
    }

    @Test("weight decides, then the number of migrations")
    func order() {
        let light = MigrationCost(weight: 1, migrations: 9)
        #expect(light < MigrationCost(weight: 2, migrations: 1))
        #expect(MigrationCost(weight: 1, migrations: 8) < light)
    }

    @Test(
        "expects what Scarf's bound says: half the deviation at the limit, the excess itself far above it",
        arguments: [
            (capacity: 1_000, mean: 1_000, variance: 10_000.0, microcores: 50_000),
            (capacity: 1_000, mean: 1_500, variance: 0.0, microcores: 500_000),
            (capacity: 1_500, mean: 1_000, variance: 0.0, microcores: 0),
            (capacity: 1_400, mean: 1_000, variance: 90_000.0, microcores: 50_000),
            (capacity: 1_000, mean: 1_400, variance: 90_000.0, microcores: 450_000),
        ])
    func scarf(capacity: Int, mean: Int, variance: Double, microcores: Int) {
        #expect(
            PlacementRisk.expectedExcessMicrocores(capacity: capacity, mean: mean, variance: variance) == microcores)
    }

    @Test("a VM of unknown variance is taken to vary by a quarter of its demand")
    func unknownVariance() {
        #expect(PlacementRisk.variance(of: vm("x", cpu: 1_000)) == 62_500)
        #expect(PlacementRisk.variance(of: vm("x", cpu: 1_000, variance: 9)) == 9)
    }
}

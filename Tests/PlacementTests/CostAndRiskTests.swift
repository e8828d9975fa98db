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
            of: vm("x", memory: memory, dirty: dirty), from: node("a", link: from), to: node("b", link: to))
        #expect(cost == MigrationCost(weight: weight, migrations: 1))
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

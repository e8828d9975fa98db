import Basis
import Placement
import Testing

@Suite("Constraints told in words, in bits and in counters")
struct PlacesOracleTests {
    @Test("every kind, judged by names and in bits, has the same breaches, VMs in flight included", arguments: 0..<14)
    func breaches(kind: Int) {
        var (broken, whole) = (0, 0)
        for seed in UInt64(1)...150 {
            var generator = ProblemGenerator(seed: seed)
            var problem = generator.mixed()
            problem.constraints = []
            problem.softConstraints = [SoftConstraint(generator.constraint(kind, of: problem), weight: 1)]
            let oracle = PlacesOracle(problem)
            for _ in 0..<4 {
                let hosts = problem.vms.map { _ in Int.random(in: 0..<problem.nodes.count, using: &generator.random) }
                let mapping = Mapping(hosts.indices.map { (vm: problem.vms[$0].id, node: problem.nodes[hosts[$0]].id) })
                var occupancy = Occupancy(mapping, of: problem)
                var places = oracle.places(hosts)
                for vm in hosts.indices where generator.chance(25) {
                    let node = Int.random(in: 0..<problem.nodes.count, using: &generator.random)
                    occupancy.enter(problem.vms[vm].id, problem.nodes[node].id)
                    places[node] |= 1 << UInt32(vm)
                }
                let constraint = problem.softConstraints[0].constraint
                let count = constraint.ownBreaches(in: occupancy, of: problem).count
                #expect(count == oracle.soft[0].rule.count(places), "seed \(seed): \(constraint)")
                if count > 0 { broken += 1 } else { whole += 1 }
            }
        }
        #expect(broken > 10 && whole > 10)
    }

    @Test("a VM that has settled stands where it went only, whatever it passed")
    func occupancy() {
        let problem = problem([(node("a"), [vm("x"), vm("y")]), (node("b"), []), (node("c"), [])])
        var occupancy = Occupancy(problem.mapping, of: problem)
        occupancy.enter("x", "b")
        #expect(occupancy.nodes(of: "x") == ["a", "b"] && occupancy.vms(on: "a") == ["x", "y"])
        occupancy.settle("x", on: "b")
        #expect(occupancy.nodes(of: "x") == ["b"] && occupancy.vms(on: "a") == ["y"])
        #expect(occupancy.newPlaces.map(\.to) == ["b"])
        occupancy.settle("x", on: "a")
        #expect(occupancy.newPlaces.isEmpty && occupancy.vms(on: "b") == [])
    }
}

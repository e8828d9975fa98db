import Basis
import Deployer
import Settings
import Testing

@Suite("The distribution of guests")
struct DistributionTests {
    private static func rooms(_ memory: [Int], cpus: Int = 16) throws -> [HostRoom] {
        var fleet = try DeploymentFixture.fleet()
        fleet.reservedMemoryMiB = 0
        return memory.enumerated().map { index, memory in
            HostRoom(id: NodeID("h\(index + 1)")!, memoryMiB: memory, cpus: cpus, fleet: fleet)
        }
    }

    private static func guests(_ memory: [Int], vcpus: Int = 1) -> [GuestNeed] {
        memory.enumerated().map { GuestNeed(name: "g\($0 + 1)", vcpus: vcpus, memoryMiB: $1) }
    }

    @Test(
        "puts each where its strategy says",
        arguments: [
            (DistributionStrategy.roundRobin, ["h1", "h2", "h3", "h1", "h2"]),
            (.concentrated, ["h1", "h1", "h2", "h2", "h3"]),
            (.byHosts, ["h1", "h2", "h3", "h1", "h2"]),
        ])
    func strategies(strategy: DistributionStrategy, hosts: [String]) throws {
        let distribution = Distribution(
            of: Self.guests([1, 1, 1, 1, 1]), over: try Self.rooms([2, 2, 2]), by: strategy, seed: 1)
        #expect((1...5).map { distribution.places["g\($0)"]?.name } == hosts)
        #expect(distribution.shortage == nil)
    }

    @Test("steps over a host without room in turn, and not when each is to have as many")
    func fullHost() throws {
        let rooms = try Self.rooms([4, 1, 4])
        let turn = Distribution(of: Self.guests([2, 2, 2]), over: rooms, by: .roundRobin, seed: 1)
        #expect((1...3).map { turn.places["g\($0)"]?.name } == ["h1", "h3", "h1"])
        let even = Distribution(of: Self.guests([2, 2, 2]), over: rooms, by: .byHosts, seed: 1)
        #expect(even.shortage?.guests == 2)
    }

    @Test("draws the same hosts for a seed, others for another, and never one without room")
    func random() throws {
        let rooms = try Self.rooms(Array(repeating: 8, count: 8))
        let guests = Self.guests(Array(repeating: 1, count: 64))
        let first = Distribution(of: guests, over: rooms, by: .random, seed: 1)
        #expect(first == Distribution(of: guests, over: rooms, by: .random, seed: 1))
        #expect(first.places != Distribution(of: guests, over: rooms, by: .random, seed: 2).places)
        #expect(first.shortage == nil && first.rooms.allSatisfy { $0.guests == 8 })
    }

    @Test("never gives away memory twice, and CPU as far as it is overcommitted", arguments: [100, 200, 350])
    func limits(overcommit: Int) throws {
        var fleet = try DeploymentFixture.fleet()
        fleet.cpuOvercommitPercent = overcommit
        fleet.reservedMemoryMiB = 24
        let room = HostRoom(id: "h1", memoryMiB: 1_024, cpus: 2, fleet: fleet)
        let small = Distribution(
            of: Self.guests(Array(repeating: 1, count: 10)), over: [room], by: .roundRobin, seed: 1)
        #expect(small.places.count == 2 * overcommit / 100)
        let large = Distribution(of: Self.guests([1_000, 1]), over: [room], by: .concentrated, seed: 1)
        #expect(large.places.count == 1 && large.shortage?.freeMemoryMiB == 0)
    }

    @Test("says what is missing and drops no guest silently", arguments: DistributionStrategy.allCases)
    func shortage(strategy: DistributionStrategy) throws {
        let distribution = Distribution(
            of: Self.guests([4, 4, 4, 4, 4]), over: try Self.rooms([9, 9]), by: strategy, seed: 1)
        let shortage = try #require(distribution.shortage)
        #expect(distribution.places.count == 4)
        #expect(shortage.guests == 1 && shortage.firstGuest == "g5")
        #expect(shortage.neededMemoryMiB == 4 && shortage.freeMemoryMiB == 2)
    }
}

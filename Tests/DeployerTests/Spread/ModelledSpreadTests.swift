import Basis
import Deployer
import Settings
import Simulation
import Synchronization
import Testing

@Suite("An image among modelled hosts")
struct ModelledSpreadTests {
    private static let image = SpreadFile.image(ImageReference(name: "img", file: "img", sha256: nil))

    private struct Outcome: Sendable {
        var seconds: Double
        var whole: Set<NodeID>
        var arrivals: [NodeID: FileArrival]
        var failed: Set<NodeID>
    }

    /// Has all hosts get the image at the same time.
    private func spread(
        _ count: Int, arity: Int?, faults: [NodeID: [ModelledFault]] = [:], seed: UInt64 = 1
    ) async throws -> Outcome {
        let inventory = try (1...count).map {
            FleetHost(id: try #require(NodeID("h\($0)")), address: "198.51.100.\($0)")
        }
        return try await World.run(seed: seed) { world in
            let hosts = ModelledHosts(inventory, faults: faults, seed: seed, time: world.time)
            var plan = SpreadPlan(arity: arity)
            let began = world.time.now
            var outcome = Outcome(seconds: 0, whole: [], arrivals: [:], failed: [])
            await withTaskGroup(of: (NodeID, FileArrival?).self) { group in
                for host in inventory {
                    let sources = plan.join(host.id, site: "s").compactMap { hosts.hosts[$0] }
                    let port = hosts.port(of: host, for: "t")
                    group.addTask {
                        (host.id, try? await port.ensure(Self.image, from: sources, within: .seconds(3_600)))
                    }
                }
                for await (id, arrival) in group {
                    if let arrival { outcome.arrivals[id] = arrival } else { outcome.failed.insert(id) }
                }
            }
            outcome.seconds = (world.time.now - began).inSeconds
            for (id, host) in hosts.hosts where await host.contents.files[.image] == Self.image {
                outcome.whole.insert(id)
            }
            return outcome
        }.value
    }

    @Test("takes as long as copies need on one interface, and in a chain hardly longer than one copy")
    func curve() async throws {
        let one = try await self.spread(1, arity: nil).seconds
        for count in [2, 4, 8, 32] {
            let copies = try await self.spread(count, arity: nil).seconds
            let chain = try await self.spread(count, arity: 1).seconds
            let tree = try await self.spread(count, arity: 2).seconds
            #expect(abs(copies / one - Double(count)) < 0.2 * Double(count), "\(count) copies: \(copies) s of \(one) s")
            let link = Double(count) / Double(ModelledNetwork.imageChunks)
            #expect(chain < one * (1.3 + 1.2 * link), "a chain of \(count): \(chain) s of \(one) s")
            #expect(tree < one * 2.6, "a tree of \(count): \(tree) s of \(one) s")
        }
    }

    @Test("is whole on every host that lives, whichever die or send what is damaged, in chains and trees")
    func anyDeaths() async throws {
        for seed in Seeds.chosen(1...40) {
            var random = SplitMix64(seed: seed)
            let count = Int.random(in: 2...16, using: &random)
            var faults: [NodeID: [ModelledFault]] = [:]
            for number in 1...count {
                let id = try #require(NodeID("h\(number)"))
                switch Int.random(in: 0..<6, using: &random) {
                case 0: faults[id] = [.dies(at: .image)]
                case 1:
                    let chunks = Int.random(in: 1...ModelledNetwork.imageChunks, using: &random)
                    faults[id] = [.diesWithChunks(chunks)]
                case 2:
                    let chunk = Int.random(in: 0..<ModelledNetwork.imageChunks, using: &random)
                    faults[id] = [.servesDamaged(from: chunk)]
                default: break
                }
            }
            let dying = Set(faults.filter { if case .servesDamaged = $0.value[0] { false } else { true } }.keys)
            let outcome = try await self.spread(
                count, arity: Int.random(in: 1...3, using: &random), faults: faults, seed: seed)
            #expect(outcome.failed == dying, "seed \(seed)")
            #expect(outcome.whole.count == count - dying.count && outcome.whole.isDisjoint(with: dying), "seed \(seed)")
            for arrival in outcome.arrivals.values {
                let sum = arrival.fromHere + arrival.fromHosts.values.reduce(0, +)
                #expect(sum == ModelledNetwork.imageChunks, "seed \(seed): \(arrival)")
            }
        }
    }

    @Test("a spare that takes a place late gets the file from hosts that have it, without waiting for any")
    func lateSpare() async throws {
        let fleet = try DeploymentFixture.fleet(hosts: 6, spares: 1)
        try await DeploymentFixture.inWorld(fleet, faults: ["h3": [.dies(at: .boot)]]) { fixture, hosts, world in
            let events = EventLog()
            let report = try await fixture.run(on: hosts, time: world.time) { events.take($0) }.apply()
            await hosts.expectWhole(fleet, report)
            #expect(report.hosts.first { $0.host.id == "h7" }?.role == .worker)
            #expect(events.passedOver(by: "h7").isEmpty)
        }
    }

    @Test("loses one host in the middle of a deployment, says who was passed over, and leaves no key")
    func deployment() async throws {
        let fleet = try DeploymentFixture.fleet(hosts: 6, spares: 1)
        let faults: [NodeID: [ModelledFault]] = ["h3": [.diesWithChunks(20)], "h5": [.servesDamaged(from: 50)]]
        try await DeploymentFixture.inWorld(fleet, faults: faults) { fixture, hosts, world in
            let events = EventLog()
            let report = try await fixture.run(on: hosts, time: world.time) { events.take($0) }.apply()
            await hosts.expectWhole(fleet, report)
            #expect(report.hosts.filter { $0.state == .setAside }.map(\.host.id) == ["h3"])
            #expect(events.passedOver.contains("h3") || events.passedOver.contains("h5"), "\(events.passedOver)")
            for (id, host) in hosts.hosts where id != "h3" { #expect(await host.contents.readers.isEmpty, "\(id)") }
            await hosts.hosts["h3"]?.heal()
            _ = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(await hosts.used().isEmpty)
        }
    }
}

/// Which sources were passed over in a run, and by whom.
private final class EventLog: Sendable {
    private let sources = Mutex<[NodeID: Set<String>]>([:])

    var passedOver: Set<String> { self.sources.withLock { $0.values.reduce(into: []) { $0.formUnion($1) } } }

    func passedOver(by host: NodeID) -> Set<String> { self.sources.withLock { $0[host] ?? [] } }

    func take(_ event: DeploymentEvent) {
        guard case .sourcePassedOver(let host, .image, let source, _, _) = event else { return }
        _ = self.sources.withLock { $0[host, default: []].insert(source) }
    }
}

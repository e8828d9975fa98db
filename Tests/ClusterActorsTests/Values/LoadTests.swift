import Basis
import ClusterActors
import Hypervisor
import Placement
import Testing

@Suite("What a node knows of its guests")
struct LoadTests {
    @Test("a demand beyond every number that a peer told of a guest does not trap when it turns out otherwise")
    func absurdDemand() {
        var monitor = LoadMonitor(settings: TriggerSettings())
        let capacity = Resources(cpuMillicores: 8_000, memoryMiB: 8_192)
        monitor.observe(HostSample(takenAt: .zero, domains: []), capacity: capacity, reserved: .zero)
        monitor.expect("a", demand: Resources(cpuMillicores: Resources.amountMax, memoryMiB: 1))
        for second in 1..<3 {
            let sample = HostSample(
                takenAt: .zero + .seconds(second),
                domains: [
                    DomainSample(vm: "a", presence: .running, demand: Resources(cpuMillicores: 1_000, memoryMiB: 1))
                ])
            monitor.observe(sample, capacity: capacity, reserved: .zero)
        }
        #expect(monitor.cpuVariance(of: "a") == Resources.amountMax)
    }

    @Test("the past of a guest that went without a migration is forgotten when it matters no more")
    func forgottenMoves() {
        var settings = MigrationSettings()
        settings.cooldown = .seconds(1)
        settings.cooldownMax = .seconds(60)
        settings.pingPongWindow = .seconds(60)
        var history = MoveHistory(settings: settings)
        let isp = ISPID(node: "n1", boot: 1, sequence: 1)
        history.arrived("a", from: "n2", by: isp, earlier: [], at: .zero)
        #expect(history.wasMoved("a", by: isp))
        history.arrived("b", from: "n2", by: isp, earlier: [], at: .zero + .seconds(61))
        #expect(!history.wasMoved("a", by: isp))
        #expect(history.wasMoved("b", by: isp))
        #expect(history.all(at: .zero + .seconds(61)).map(\.vm) == ["b"])
    }
}

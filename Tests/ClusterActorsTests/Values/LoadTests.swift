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

    @Test("an overload counts after as many samples as it has to hold for, and after fewer when guests go short")
    func holds() {
        var settings = TriggerSettings()
        settings.thresholds = LoadThresholds(overloadPercent: 90, underloadPercent: 0)
        (settings.hold, settings.holdExceeded) = (4, 2)
        settings.sampleInterval = .seconds(1)
        settings.halfLife = .zero
        var monitor = LoadMonitor(settings: settings)
        let capacity = Resources(cpuMillicores: 1_000, memoryMiB: 8_192)
        var second = 0
        func afterSamples(of demands: [Int]) -> [Bool] {
            demands.map { cpu in
                second += 1
                let demand = Resources(cpuMillicores: cpu, memoryMiB: 1)
                let domain = DomainSample(vm: "a", presence: .running, demand: demand)
                monitor.observe(
                    HostSample(takenAt: .zero + .seconds(second), domains: [domain]), capacity: capacity,
                    reserved: .zero)
                return monitor.overloadHolds
            }
        }
        #expect(afterSamples(of: [950, 1_000, 950, 950, 950, 900]) == [false, false, false, true, true, false])
        #expect(afterSamples(of: [1_001, 950, 1_001, 900]) == [false, false, false, false])
        #expect(afterSamples(of: [950, 1_001, 1_001, 950]) == [false, false, true, true])
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

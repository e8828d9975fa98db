import Basis
import Simulation
import Testing

/// Goal: each kind of load changes when and how it says. Method: its first changes, looked at.
@Suite("Kinds of load")
struct LoadProfileTests {
    private func changes(_ profile: LoadProfile, vms: Int, _ count: Int) -> [LoadChange] {
        var load = profile.load(vms: vms, seed: 5)
        return (0..<count).compactMap { _ in load.next() }
    }

    @Test("a redrawn load changes for everybody at the same instants")
    func redrawn() {
        var settings = RedrawnLoad.Settings()
        settings.interval = .seconds(60)
        let changes = self.changes(.redrawn(settings), vms: 1_000, 3_000)
        #expect(changes.map(\.at) == (0..<3_000).map { .seconds(60) * ($0 / 1_000) })
        #expect(changes.map(\.vm) == (0..<3_000).map { $0 % 1_000 })
        let mean = Double(changes.map(\.percent).reduce(0, +)) / 3_000
        #expect(abs(mean - 59.86) < 5.5 * 19.84 / 3_000.0.squareRoot())
        #expect(changes[..<1_000].map(\.percent) != changes[1_000..<2_000].map(\.percent))
    }

    @Test("a wave goes from its mean down to its low and up again")
    func wave() {
        var settings = SteppedLoad.Settings()
        settings.wave = SteppedLoad.Wave(lowPercent: 20, period: .seconds(1_000))
        let changes = self.changes(.stepped(settings), vms: 3_000, 10_000)
        func mean(_ from: Int64, _ to: Int64) -> Double {
            let percents = changes.filter { (.seconds(from)..<(.seconds(to))).contains($0.at) }.map(\.percent)
            return Double(percents.reduce(0, +)) / Double(percents.count)
        }
        #expect(abs(mean(0, 50) - 60) < 3)
        #expect(abs(mean(450, 550) - 20) < 4)
        #expect(abs(mean(950, 1_000) - 60) < 3)
    }

    @Test("a trace is replayed sample by sample, spread over each interval, again and again")
    func trace() throws {
        let trace = try CPUTrace(csv: "1,2,3\n10,20,30\n", file: "t", interval: .seconds(10))
        let changes = self.changes(.trace(trace), vms: 2, 8)
        #expect(changes.map(\.at) == [0, 5, 10, 15, 20, 25, 30, 35].map { .seconds($0) })
        #expect(changes.map(\.percent) == [1, 10, 2, 20, 3, 30, 1, 10])
        // The third VM has the first row as well, at another time of it.
        #expect(self.changes(.trace(trace), vms: 3, 3).map(\.percent) == [1, 10, 2])
    }

    @Test("a trace that cannot be read is told line by line")
    func badTrace() {
        let problems = { (csv: String) in
            #expect(throws: CPUTrace.Unreadable.self) { try CPUTrace(csv: csv, file: "t.csv") }?.problems ?? []
        }
        #expect(
            problems("1,2\n3,101,x\n\n4,5,\n-1,0") == [
                #"t.csv:2: column 2: expected a whole number of percent, 0 to 100, got "101""#,
                #"t.csv:2: column 3: expected a whole number of percent, 0 to 100, got "x""#,
                "t.csv:2: expected 2 samples as before, got 3",
                #"t.csv:5: column 1: expected a whole number of percent, 0 to 100, got "-1""#,
            ])
        #expect(problems("\n\n") == ["t.csv: expected a line of percents for each VM, got nothing"])
        #expect(problems(String(repeating: "no\n", count: 1_000)).count == 20)
    }

    @Test("what guests want besides CPU changes with it or by itself, and changes nothing of what was drawn before")
    func shares() {
        var settings = SteppedLoad.Settings()
        let plain = self.changes(.stepped(settings), vms: 50, 2_000)
        var disk = LoadShare(.disk, mostMiBPerSecond: 100)
        disk.meanPercent = 20
        disk.deviationPercent = 5
        var dirty = LoadShare(.dirty, mostMiBPerSecond: 10)
        dirty.period = .seconds(60)
        settings.shares = [disk, dirty]
        let changes = self.changes(.stepped(settings), vms: 50, 14_000)
        let of = { (kind: LoadKind) in changes.filter { $0.kind == kind } }
        let (cpu, disks, writes) = (of(.cpu), of(.disk), of(.dirty))
        #expect(Array(cpu.prefix(1_900)) == Array(plain.prefix(1_900)))
        #expect(disks.map(\.at) == cpu.prefix(disks.count).map(\.at))
        #expect(disks.map(\.vm) == cpu.prefix(disks.count).map(\.vm))
        #expect(abs(Double(disks.map(\.percent).reduce(0, +)) / Double(disks.count) - 20) < 2)
        // Five times as often as the CPU's, each by itself.
        #expect((4.5...5.5).contains(Double(writes.count) / Double(cpu.count)))
        #expect(Set(writes.map(\.at)).isDisjoint(with: cpu.map(\.at)))
        #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(of(.network) == [])
        settings.shares = [dirty]
        let alone = self.changes(.stepped(settings), vms: 50, 2_000).filter { $0.kind == .dirty }
        #expect(alone == Array(writes.prefix(alone.count)))
    }
}

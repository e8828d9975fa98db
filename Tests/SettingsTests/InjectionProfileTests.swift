import Basis
import Settings
import Testing

/// Goal: a profile says what it means, and everything that is wrong with one is told at once.
@Suite("The profile of a load")
struct InjectionProfileTests {
    private static func problems(_ text: String) -> [String] {
        do {
            _ = try InjectionProfile.read(file: "etc/load.yaml") { _ in text }
            return []
        } catch {
            return error.problems.map { "\($0.line): \($0.key): \($0.text)" }
        }
    }

    @Test("that comes with DVMS is read without a problem, and shows the defaults")
    func example() throws {
        let profile = try InjectionProfile.read(
            file: "\(SettingsFixture.configs)/load.yaml", contentsOf: SettingsFixture.fileText)
        #expect(profile.seed == 1 && profile.duration == .seconds(1_800) && profile.phases.count == 3)
        let first = profile.phases[0]
        #expect(first.templates == ["small"] && first.vms.isEmpty && first.cpu == .random(InjectionProfile.Random()))
        #expect(first.from == .zero && first.until == profile.duration)
        let second = profile.phases[1]
        #expect(second.vms == ["web-[1-4]"] && second.cpu == .steady(percent: 100))
        #expect(second.from == .seconds(600) && second.until == .seconds(720))
        #expect(second.memory == InjectedMemory(sizeMiB: 64, mibPerSecond: 20))
        #expect(profile.phases[2].diskMiBPerSecond == 5 && profile.phases[2].network?.to == "db-2")
        #expect(profile.phases[2].network?.mibPerSecond == 2)
    }

    @Test("finds a trace beside itself")
    func trace() throws {
        func cpu(_ file: String) throws -> InjectionProfile.CPU? {
            try InjectionProfile.read(file: "etc/load.yaml") { _ in
                "duration: 1h\nphases:\n  - trace: {file: \(file), interval: 10s}\n"
            }.phases[0].cpu
        }
        #expect(try cpu("a.csv") == .trace(file: "etc/a.csv", interval: .seconds(10)))
        #expect(try cpu("/a.csv") == .trace(file: "/a.csv", interval: .seconds(10)))
    }

    @Test(
        "is refused with line, key and what was expected",
        arguments: [
            ("phases:\n  - cpu: 1%", "1: duration: missing"),
            ("duration: 1min", "1: phases: missing"),
            ("duration: 1min\nphases: []", "2: phases: expected at least one phase"),
            (
                "duration: 1min\nphases:\n  - vms: [a]",
                "3: phases[0]: expected some of cpu, random, trace, memory, disk, network, got none"
            ),
            (
                "duration: 1min\nphases:\n  - {cpu: 5%, random: {}}",
                "3: phases[0]: expected one of cpu, random, trace, got cpu and random"
            ),
            ("duration: 1min\nphases:\n  - cpu: 101%", "3: phases[0].cpu: expected 0% to 100%, got 101%"),
            (
                "duration: 1min\nphases:\n  - {cpu: 1%, from: 30s, until: 30s}",
                "3: phases[0]: expected until after from, got 30s to 30s"
            ),
            ("duration: 1min\nphases:\n  - {cpu: 1%, until: 61s}", "3: phases[0].until: expected 0s to 1min, got 61s"),
            ("duration: 1min\nphases:\n  - memory: {size: 3MiB}", "3: phases[0].memory.rate: missing"),
            (
                "duration: 1min\nphases:\n  - disk: unlimited",
                "3: phases[0].disk: expected 1MiB/s to 4096MiB/s, got 0MiB/s"
            ),
            (
                "duration: 1min\nphases:\n  - random: {step: 30%}",
                "3: phases[0].random.step: expected a percentage that divides 100, such as 5% or 10%, got \"30%\""
            ),
            ("duration: 1min\nphases:\n  - trace: {interval: 1s}", "3: phases[0].trace.file: missing"),
        ])
    func refused(text: String, expected: String) {
        #expect(Self.problems(text) == [expected])
    }

    @Test("tells all problems at once")
    func allProblems() {
        let found = Self.problems("duration: 5\nphases:\n  - {cpu: x, network: {}}\n  - {disc: 1MiB/s}")
        #expect(found.count == 6, "\(found)")
    }
}

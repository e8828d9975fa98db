import Basis
import Deployer
import Testing

@Suite("The probe of a host")
struct ProbeReadingTests {
    private static let lines = [
        "cpus=8", "flags=vmx sse2 ", "kvm=1", "memoryKiB=16384000", "freeKiB=1048575", "kernel=6.1.0",
        "installed=qemu a ",
    ]

    private func facts(_ lines: [String]) throws -> HostFacts {
        try ProbeReading.facts(in: lines.joined(separator: "\n") + "\n", clockAheadMilliseconds: -3)
    }

    @Test("gives what the host printed")
    func reads() throws {
        #expect(
            try self.facts(Self.lines)
                == HostFacts(
                    cpus: 8, cpuFlags: ["sse2", "vmx"], hasKVM: true, memoryMiB: 16_000, freeDiskMiB: 1_023,
                    kernel: "6.1.0", clockAheadMilliseconds: -3, installed: ["a", "qemu"]))
    }

    @Test("refuses a line that is missing, doubled, foreign or no number, and names it", arguments: 0..<7)
    func refuses(index: Int) {
        let name = String(Self.lines[index].prefix { $0 != "=" })
        var missing = Self.lines
        missing.remove(at: index)
        #expect(throws: HostFailure.refused(step: "the probe", words: "\(name) is missing")) { try self.facts(missing) }
        let doubled = Self.lines + [Self.lines[index]]
        #expect(throws: HostFailure.refused(step: "the probe", words: "\(name) is told twice")) {
            try self.facts(doubled)
        }
        guard ["cpus", "kvm", "memoryKiB", "freeKiB"].contains(name) else { return }
        for value in ["", "-1", "x", "99999999999999999999"] {
            var bad = Self.lines
            bad[index] = "\(name)=\(value)"
            #expect(throws: HostFailure.self) { try self.facts(bad) }
        }
    }

    @Test("refuses a clock that tells no time", arguments: ["x", "-1", "\(Int.min)", "\(Int.max)"])
    func clock(told: String) async throws {
        let host = ShellHost(id: "h1", shell: CannedShell("\(told)\n"), deployment: "t", machine: GuestMachine())
        await #expect(throws: HostFailure.refused(step: "the probe", words: "'\(told)' is no time")) {
            try await host.probe(within: .seconds(1))
        }
    }

    @Test("gives facts or a refusal for any text")
    func total() {
        var random = SplitMix64(seed: 8)
        let pieces = Self.lines + ["=", "\n", "cpus", "\u{0}", "é=1"]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...9, using: &random)).compactMap { _ in
                pieces.randomElement(using: &random)
            }
            _ = try? self.facts(text)
        }
    }
}

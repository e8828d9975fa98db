import Basis
import Deployer

/// A Kadeploy that understands what the deployer says to it, behind the port of the frontend.
actor ScriptedKadeploy: HostShell {
    nonisolated let time: any TimeSource
    /// The hosts of each call.
    private(set) var calls: [[String]] = []
    /// The words of the last call's client.
    private(set) var client: [String] = []
    /// How often each host got its system.
    private(set) var installs: [String: Int] = [:]
    /// How often somebody wanted to know that no client works.
    private(set) var settles = 0
    /// The end of the last client, which works on when nobody waits for it any more.
    private var worksUntil = MonotonicInstant.zero
    /// How often each host fails from here on.
    private var faults: [String: Int]
    /// What the next calls meet with instead of an answer, the first one first.
    private var failures: [HostShellFailure] = []
    private var refuses = false
    /// Hosts that it does not take when it is asked for nothing else.
    private let unavailable: Set<String>

    private static let callTakes = Duration.seconds(300)

    init(faults: [String: Int] = [:], unavailable: Set<String> = [], time: any TimeSource) {
        self.unavailable = unavailable
        self.faults = faults
        self.time = time
    }

    func fail(with failures: [HostShellFailure]) { self.failures = failures }

    func refuse(_ refuses: Bool) { self.refuses = refuses }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        guard case .bytes(let bytes) = command.input else { return try await self.settle() }
        let hosts = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        self.calls.append(hosts)
        self.client = Array(command.arguments.dropFirst(2))
        if !self.failures.isEmpty { throw self.failures.removeFirst() }
        if self.refuses || self.unavailable.isSuperset(of: hosts) {
            return CommandResult(ending: .exited(1), errors: Array("no such environment\n".utf8))
        }
        self.worksUntil = self.time.now + Self.callTakes
        guard (try? await self.time.sleep(for: Self.callTakes)) != nil else { throw .cancelled }
        var (output, errors) = ("", "")
        for host in hosts {
            if let left = self.faults[host], left > 0 {
                self.faults[host] = left - 1
                output += "ko \(host)\n"
                errors += "\(host) (it did not come back)\n"
            } else {
                self.installs[host, default: 0] += 1
                output += "ok \(host)\n"
            }
        }
        return CommandResult(ending: .exited(0), output: Array(output.utf8), errors: Array(errors.utf8))
    }

    private func settle() async throws(HostShellFailure) -> CommandResult {
        self.settles += 1
        if !self.failures.isEmpty { throw self.failures.removeFirst() }
        let left = max(.zero, self.worksUntil - self.time.now)
        guard (try? await self.time.sleep(for: left)) != nil else { throw .cancelled }
        return CommandResult(ending: .exited(0))
    }
}

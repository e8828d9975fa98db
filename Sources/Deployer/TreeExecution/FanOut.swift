/// Runs one command on many hosts, so many at once.
package struct FanOut: Sendable {
    /// Connections at once, unless the caller says otherwise. A client of ssh takes 30 to 130 ms of CPU to connect, and
    /// 5 MiB of memory.
    package static let windowByDefault = 64
    package static let windowMax = 1_024

    private let window: Int
    private let shell: @Sendable (String) async throws(HostShellFailure) -> any HostShell

    /// - Parameters:
    ///   - window: 1...``windowMax``.
    ///   - shell: gives the shell of a host, when its turn has come.
    package init(
        window: Int = Self.windowByDefault,
        shell: @escaping @Sendable (String) async throws(HostShellFailure) -> any HostShell
    ) {
        precondition((1...Self.windowMax).contains(window), "a window of connections is of 1 to \(Self.windowMax)")
        self.window = window
        self.shell = shell
    }

    /// Calls `told` once for each host, as their commands end, one call after the other. Only the reports of a window
    /// are in memory at once.
    ///
    /// A host that fails says so in its report. When the calling task is cancelled, the reports of those that did not
    /// run say that.
    package func run(_ command: HostCommand, on hosts: [String], told: (HostReport) async -> Void) async {
        await withTaskGroup(of: HostReport.self) { group in
            var waiting = hosts.makeIterator()
            func addNext() -> Bool {
                guard let host = waiting.next() else { return false }
                group.addTask { await self.report(of: command, on: host) }
                return true
            }
            var running = 0
            while running < self.window, addNext() { running += 1 }
            while let report = await group.next() {
                _ = addNext()
                await told(report)
            }
        }
    }

    private func report(of command: HostCommand, on host: String) async -> HostReport {
        do throws(HostShellFailure) {
            guard !Task.isCancelled else { throw .cancelled }
            return HostReport(host: host, outcome: .ended(try await self.shell(host).run(command)))
        } catch {
            return HostReport(host: host, outcome: .failed(error))
        }
    }
}

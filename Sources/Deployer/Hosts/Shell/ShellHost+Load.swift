import Basis
import Foundation
package import Settings

/// Guests are reached through QEMU's guest agent in them: that needs no network and no key, and goes wherever they migrate.
extension ShellHost: LoadableHost {
    /// A guest's agent is the guest's: what it says is not kept beyond this, in bytes.
    private static let wordsBytesMax = 4_096

    package func inject(
        _ task: GuestTask, into guest: String, within limit: Duration
    ) async throws(HostFailure) -> InjectionAnswer {
        let step = "loading the guest"
        guard HostNames.isSafe(guest) else {
            throw .refused(step: step, words: "'\(ShellQuote.shown(guest))' is no name for a file")
        }
        let (script, arguments) = GuestLoadScripts.command(of: task)
        let order = GuestExecution(script: script, arguments: arguments)
        guard let json = try? JSONEncoder().encode(order) else {
            throw .refused(step: step, words: "the order cannot be written")
        }
        let told = try await self.run(
            step, GuestAgentScripts.execute, [guest, self.deployment, String(decoding: json, as: UTF8.self)],
            within: limit)
        return Self.answer(told)
    }

    /// - Parameter told: what ``GuestAgentScripts/execute`` printed.
    static func answer(_ told: String) -> InjectionAnswer {
        let words = told.split(maxSplits: 1, whereSeparator: \.isWhitespace).map(String.init)
        let rest = words.count > 1 ? words[1] : ""
        switch words.first {
        case "elsewhere": return .notHere
        case "ended":
            let parts = rest.split(whereSeparator: \.isWhitespace)
            if parts.first == "0" { return .done }
            let encoded = parts.count > 1 ? String(parts[1].prefix(Self.wordsBytesMax)) : ""
            let said = Data(base64Encoded: encoded).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return .refused(words: said.isEmpty ? "exit status \(parts.first ?? "")" : ShellQuote.shown(said))
        default: return .silent(words: ShellQuote.shown(rest))
        }
    }

    package func processorTimes(within limit: Duration) async throws(HostFailure) -> ProcessorTimes {
        let step = "reading processor times"
        let told = try await self.run(step, GuestAgentScripts.processorTimes, ["", self.deployment], within: limit)
        let lines = told.split(separator: "\n").map { $0.split(separator: " ") }
        guard let first = lines.first, first.count == 1, let hundredths = Int64(first[0].filter { $0 != "." }),
            hundredths >= 0
        else {
            throw .refused(step: step, words: "'\(ShellQuote.shown(told))' are no times")
        }
        let guests = lines.dropFirst().compactMap { words -> ProcessorTimes.Guest? in
            guard words.count == 3, let vcpus = Int(words[1]), vcpus > 0, let nanoseconds = Int64(words[2]),
                nanoseconds >= 0
            else { return nil }
            return ProcessorTimes.Guest(name: String(words[0]), vcpus: vcpus, nanoseconds: nanoseconds)
        }
        let (nanoseconds, overflow) = hundredths.multipliedReportingOverflow(by: 10_000_000)
        guard !overflow else { throw .refused(step: step, words: "'\(ShellQuote.shown(told))' are no times") }
        return ProcessorTimes(takenAtNanoseconds: nanoseconds, guests: guests)
    }

    package func believedDemands(within limit: Duration) async -> [String: Int] {
        let told = try? await self.run(
            "asking dvmsd", AgentScripts.ask, [self.agentFolder, self.id.name, AgentBeliefs.request], within: limit)
        return told.map { AgentBeliefs.demands(in: $0.utf8) } ?? [:]
    }
}

/// `guest-exec` as QEMU's guest agent reads it (QEMU Guest Agent Protocol Reference).
private struct GuestExecution: Encodable {
    private let execute = "guest-exec"
    private let arguments: Arguments

    private struct Arguments: Encodable {
        let path = "/bin/sh"
        let arg: [String]
        let captureOutput = true

        private enum CodingKeys: String, CodingKey {
            case path, arg
            case captureOutput = "capture-output"
        }
    }

    init(script: String, arguments: [String]) {
        self.arguments = Arguments(arg: ["-c", script, "dvms-load-order"] + arguments)
    }
}

extension SSHHosts: LoadableHosts {
    package func loadable(_ host: FleetHost, of deployment: String) -> any LoadableHost {
        self.shellHost(host, for: deployment)
    }
}

import Basis
import Foundation
import Hypervisor
import Placement
import Testing

/// One `modelled-host` process.
private final class HostProcess: Sendable {
    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()

    /// Starts it; its arguments as on the command line.
    init(_ arguments: [String]) throws {
        self.process.executableURL = Self.executable
        self.process.arguments = arguments
        self.process.standardOutput = self.output
        self.process.standardError = self.errors
        try self.process.run()
    }

    deinit {
        if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
    }

    /// The line that says that it is up; empty when it ended without.
    func ready() -> String {
        var line = Data()
        while let byte = try? self.output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty,
            byte != Data("\n".utf8)
        {
            line += byte
        }
        return String(decoding: line, as: UTF8.self)
    }

    func signal(_ signal: Int32) { kill(self.process.processIdentifier, signal) }

    /// Everything it prints until it ends, by line.
    func lines() -> [String] {
        let output = self.output.fileHandleForReading.readDataToEndOfFile()
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// What it wrote as errors, and its exit status, once it has ended.
    func end() -> (status: Int32, errors: String) {
        let errors = self.errors.fileHandleForReading.readDataToEndOfFile()
        self.process.waitUntilExit()
        return (self.process.terminationStatus, String(decoding: errors, as: UTF8.self))
    }

    /// Anonymous memory that it holds, in KiB (`RssAnon` of /proc/<pid>/status).
    func anonymousKiB() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(self.process.processIdentifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
        return try #require(line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) })
    }

    /// Beside the test bundle.
    private static let executable: URL = {
        let arguments = CommandLine.arguments.first ?? ""
        return URL(fileURLWithPath: arguments).deletingLastPathComponent().appendingPathComponent("modelled-host")
    }()
}

/// Two processes with a link so slow that every migration is in the middle when looked at.
private struct ProcessPair {
    let folder: SocketFolder
    let paths: [String]
    let hosts: [HostProcess]
    let source: ModelledSocketDriver
    let destination: ModelledSocketDriver

    init() throws {
        self.folder = try SocketFolder()
        self.paths = [self.folder.socket("h1"), self.folder.socket("h2")]
        self.hosts = try zip(["h1", "h2"], self.paths).map { node, path in
            try HostProcess(
                ["--socket", path, "--node", node, "--cpu", "4000", "--memory", "8192", "--link-mbps", "1"]
                    + (node == "h1" ? ["--vm", "a:cpu=500,memory=512,dirty=10"] : []))
        }
        for (host, (node, path)) in zip(self.hosts, zip(["h1", "h2"], self.paths)) {
            try #require(host.ready() == "ready \(node) \(path)")
        }
        self.source = ModelledSocketDriver(path: self.paths[0], time: SystemTimeSource())
        self.destination = ModelledSocketDriver(path: self.paths[1], time: SystemTimeSource())
    }

    /// Migrates `a` and does `meanwhile` when its memory flows; returns how it ended.
    func migrate(meanwhile: (MigrationProgress) async throws -> Void) async throws -> HypervisorError? {
        try await self.destination.openIncoming(ticket("a"))
        let log = ProgressLog()
        async let ended = failure { () async throws(HypervisorError) in
            try await self.source.migrate(order("a", at: self.paths[1]), onProgress: log.note)
        }
        // Not the report at the start: bytes have flowed and most have not.
        try #require(await log.first { $0.elapsed > .zero })
        let progress = try #require(log.all.last)
        try #require(progress.remainingMiB > 400)
        try await meanwhile(progress)
        return await ended
    }

    func close() async {
        await self.source.close()
        await self.destination.close()
    }
}

@Suite("A modelled-host process")
struct ModelledHostProcessTests {
    @Test("that is killed while a guest flows in leaves the guest running where it was")
    func killTheDestination() async throws {
        let pair = try ProcessPair()
        let error = try await pair.migrate { _ in pair.hosts[1].signal(SIGKILL) }
        #expect(isLike(error, .failed("")))
        #expect(try await pair.source.presence(of: "a") == .running)
        #expect(try await pair.source.sample().domains.map(\.job) == [nil])
        let asked = await failure { () async throws(HypervisorError) in
            _ = try await pair.source.presence(of: "a", at: MigrationEndpoint(uri: pair.paths[1]))
        }
        #expect(isLike(asked, .unreachable("")))
        await pair.close()
    }

    @Test("that is killed while a guest flows out takes the guest with it, and no half of it stays")
    func killTheSource() async throws {
        let pair = try ProcessPair()
        let events = pair.destination.events()
        let error = try await pair.migrate { _ in pair.hosts[0].signal(SIGKILL) }
        #expect(isLike(error, .unreachable("")))
        while try await pair.destination.presence(of: "a") != .absent {
            #expect(await HypervisorTests.await(.changed("a"), in: events))
        }
        await pair.close()
    }

    @Test("that stands still while a guest flows in and is aborted meanwhile has nothing of it when it goes on")
    func stopTheDestination() async throws {
        let pair = try ProcessPair()
        let events = pair.destination.events()
        let error = try await pair.migrate { _ in
            pair.hosts[1].signal(SIGSTOP)
            try await pair.source.abortMigration(of: "a")
        }
        #expect(isLike(error, .aborted("")))
        #expect(try await pair.source.presence(of: "a") == .running)
        pair.hosts[1].signal(SIGCONT)
        while try await pair.destination.presence(of: "a") != .absent {
            #expect(await HypervisorTests.await(.changed("a"), in: events))
        }
        await pair.close()
    }

    @Test("stays small: less than 8 MiB of its own memory")
    func staysSmall() async throws {
        let pair = try ProcessPair()
        _ = try await pair.source.sample()
        #expect(try pair.hosts[0].anonymousKiB() < 8 * 1_024)
        await pair.close()
    }

    @Test("tells its operator which guests it has, and lets him change what they want")
    func operatorCommands() async throws {
        let pair = try ProcessPair()
        let demand = try HostProcess(["demand", "--socket", pair.paths[0], "a:cpu=5000,dirty=3"]).end()
        #expect(demand.status == 0, "\(demand.errors)")
        #expect(try await pair.source.sample().domains.map(\.demand?.cpuMillicores) == [5_000])
        #expect(
            try HostProcess(["guests", "--socket", pair.paths[0]]).lines() == [
                "vm\tpresence\twants_millicores\tgets_millicores\tmemory_mib\tdirty_mib_s",
                "a\trunning\t5000\t4000\t512\t3",
            ])
        await pair.close()
    }

    @Test(
        "refuses an operator's command with the reason",
        arguments: [
            (["b:cpu=1"], "no b on this host"), (["a:cpu=-1"], "between 0"), (["a:dirty=1"], "cpu is needed"),
            (["a:cpu=1,memory=1"], "memory"), ([], "Missing"),
        ])
    func badOperatorCommand(arguments: [String], names: String) async throws {
        let pair = try ProcessPair()
        let end = try HostProcess(["demand", "--socket", pair.paths[0]] + arguments).end()
        #expect(end.status != 0)
        #expect(end.errors.contains(names), "\(end.errors)")
        await pair.close()
    }

    @Test("that is not there is an operator's error")
    func operatorWithoutHost() throws {
        let folder = try SocketFolder()
        let end = try HostProcess(["guests", "--socket", folder.socket("nobody")]).end()
        #expect(end.status == 1)
        #expect(end.errors.contains("nobody"), "\(end.errors)")
    }

    @Test(
        "says what is wrong with its command line, and ends",
        arguments: [
            (["--node", "a b"], "node name"), (["--cpu", "0"], "--cpu"), (["--link-mbps", "0"], "--link-mbps"),
            (["--vm", "a"], "name of a VM"), (["--vm", "a:cpu=1"], "memory"),
            (["--vm", "a:cpu=1,memory=x"], "whole number"),
            (["--vm", "a:cpu=1,memory=1,speed=2"], "speed"), (["--vm", "a:cpu=1,cpu=2,memory=1"], "twice"),
            (["--vm", "a:cpu=1,memory=0"], "MiB"),
            (["--vm", "a:cpu=1,memory=1", "--vm", "a:cpu=1,memory=1"], "exists"),
        ])
    func badCommandLine(arguments: [String], names: String) throws {
        let folder = try SocketFolder()
        var line = ["--socket", folder.socket("h"), "--node", "h", "--cpu", "1000", "--memory", "1024"]
        for pair in stride(from: 0, to: arguments.count, by: 2) {
            if let place = line.firstIndex(of: arguments[pair]) {
                line[place + 1] = arguments[pair + 1]
            } else {
                line += arguments[pair...pair + 1]
            }
        }
        if arguments.count == 4 { line += arguments[2...3] }
        let end = try HostProcess(line).end()
        #expect(end.status != 0)
        #expect(end.errors.contains(names), "\(end.errors)")
    }

    @Test("does not take the socket of a live one")
    func socketInUse() async throws {
        let pair = try ProcessPair()
        let end = try HostProcess(
            ["--socket", pair.paths[0], "--node", "h1", "--cpu", "1", "--memory", "1"]).end()
        #expect(end.status != 0)
        #expect(end.errors.contains("in use"), "\(end.errors)")
        #expect(try await pair.source.presence(of: "a") == .running)
        await pair.close()
    }
}

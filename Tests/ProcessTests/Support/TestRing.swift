import Basis
import Foundation
import Glibc
import Hypervisor
import Placement
import Synchronization
import Testing

/// A folder that is gone with its owner. Its path is short, because sockets stand in it.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        self.path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("dvms-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(self.path)/\(name)", atomically: true, encoding: .utf8)
    }

    func folder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(self.path)/\(name)", withIntermediateDirectories: true)
    }
}

/// TCP ports of the loopback address, each given once.
enum FreePorts {
    private static let next = Mutex(20_000 + Int(getpid()) % 5_000)

    /// One that nobody has at this moment. Below those that the kernel gives to outgoing connections, which daemons
    /// that are up make all the time.
    static func take() -> Int {
        self.next.withLock { next in
            repeat { next += 1 } while !Self.isFree(next)
            return next
        }
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Nodes `n1`, `n2` … as processes: for each a modelled host of 4 cores and a daemon, which read one config file.
final class TestRing: Sendable {
    let names: [String]
    let ports: [Int]
    let folder: TestFolder

    /// - Parameters:
    ///   - count: How many nodes.
    ///   - firstPort: Of the first node, instead of a free one.
    ///   - further: Lines of the config file besides those that every ring has.
    init(_ count: Int, firstPort: Int? = nil, further: String = "") throws {
        self.names = (1...count).map { "n\($0)" }
        self.ports = [firstPort ?? FreePorts.take()] + self.names.dropFirst().map { _ in FreePorts.take() }
        self.folder = try TestFolder()
        try self.configure(further: further)
    }

    /// Writes the config file anew.
    func configure(further: String) throws {
        let nodes = zip(self.names, self.ports).map { "    - {id: \($0), address: \"127.0.0.1:\($1)\"}" }
        try self.folder.write(
            """
            cluster: test
            ring:
              nodes:
            \(nodes.joined(separator: "\n"))
            control_socket: "{node}.sock"
            state_dir: "state/{node}"
            hypervisor:
              modelled: {socket: "{node}.host"}
            reserve: {cpu: 0, memory: 0MiB}
            sampling: {interval: 200ms, half_life: 0s}
            \(further)
            """, to: "ring.yaml")
    }

    var config: String { "\(self.folder.path)/ring.yaml" }
    func controlSocket(_ node: String) -> String { "\(self.folder.path)/\(node).sock" }
    func hostSocket(_ node: String) -> String { "\(self.folder.path)/\(node).host" }

    /// Starts a host; returns when it can be asked.
    func startHost(_ node: String, _ guests: [String] = [], linkMbps: Int = 10_000) async throws -> ProgramProcess {
        let host = try ProgramProcess(
            .modelledHost,
            ["--socket", self.hostSocket(node), "--node", node, "--cpu", "4000", "--memory", "8192"]
                + ["--link-mbps", "\(linkMbps)"] + guests.flatMap { ["--vm", $0] },
            in: self.folder)
        _ = try await host.ready()
        return host
    }

    /// Begins to start a daemon.
    func launchDaemon(_ node: String, limits: String? = nil) throws -> ProgramProcess {
        try ProgramProcess(.daemon, ["--config", self.config, "--node", node], in: self.folder, limits: limits)
    }

    /// Starts a daemon; returns when other agents and operators can reach it.
    func startDaemon(_ node: String) async throws -> ProgramProcess {
        let daemon = try self.launchDaemon(node)
        _ = try await daemon.ready()
        return daemon
    }

    func control(_ node: String) async throws -> ControlClient {
        try await ControlClient(path: self.controlSocket(node))
    }

    /// All events of a node's daemon, those to come included.
    func events(_ node: String) async throws -> ControlClient.Events {
        try await self.control(node).events()
    }

    /// A driver of a node's host: what its operator and its hypervisor would be asked.
    func driver(_ node: String) -> ModelledSocketDriver {
        ModelledSocketDriver(path: self.hostSocket(node), time: SystemTimeSource())
    }

    /// Where a guest is, by the word of the hosts: `n1:running`, one entry for each copy.
    func places(of vm: String, on nodes: [String]) async throws -> [String] {
        var found: [String] = []
        for node in nodes {
            let driver = self.driver(node)
            for guest in try await driver.listDomains() where guest.vm.name == vm {
                found.append("\(node):\(guest.presence)")
            }
            await driver.close()
        }
        return found
    }
}

/// A ring whose hosts and daemons are up.
struct RunningRing {
    let ring: TestRing
    private(set) var hosts: [String: ProgramProcess] = [:]
    private(set) var daemons: [String: ProgramProcess] = [:]

    /// - Parameter guests: Of each node, as `modelled-host` takes them.
    init(_ ring: TestRing, guests: [String: [String]], linkMbps: Int = 10_000) async throws {
        self.ring = ring
        for node in ring.names {
            self.hosts[node] = try await ring.startHost(node, guests[node] ?? [], linkMbps: linkMbps)
        }
        let launched = try ring.names.map { ($0, try ring.launchDaemon($0)) }
        for (node, daemon) in launched {
            _ = try await daemon.ready()
            self.daemons[node] = daemon
        }
        // A node that has not yet asked its hypervisor refuses to be reserved.
        for node in ring.names { try await ring.events(node).first("recovered") }
    }

    func daemon(_ node: String) throws -> ProgramProcess { try #require(self.daemons[node]) }
    func host(_ node: String) throws -> ProgramProcess { try #require(self.hosts[node]) }

    mutating func replaceDaemon(_ node: String) async throws {
        self.daemons[node] = try await self.ring.startDaemon(node)
    }

    mutating func replaceHost(_ node: String, _ guests: [String]) async throws {
        self.hosts[node] = try await self.ring.startHost(node, guests)
    }

    /// Ends all daemons as a service manager would, and checks that each ends well.
    func stop() async {
        for daemon in self.daemons.values { daemon.signal(SIGTERM) }
        for (node, daemon) in self.daemons {
            let end = await daemon.end()
            #expect(end.status == 0, "\(node): \(end.errors)")
        }
    }
}

import Foundation
import Testing

/// Each file of `configs/` is used as its first lines say.
@Suite("The config files that come with DVMS, with processes", .timeLimit(.minutes(2)))
struct ConfigFileRunTests {
    private static let configs = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("configs").path

    /// A folder that looks like a checkout to a config file, whose ports are replaced by free ones.
    private struct Checkout {
        let folder: TestFolder
        let config: String
        let run: String

        /// `run` is where the file puts its sockets and state.
        init(_ name: String, run: String) throws {
            self.folder = try TestFolder()
            try self.folder.folder("configs")
            try self.folder.folder(run)
            self.config = "\(self.folder.path)/configs/\(name)"
            self.run = "\(self.folder.path)/\(run)"
            let text = try String(contentsOfFile: "\(ConfigFileRunTests.configs)/\(name)", encoding: .utf8)
            try self.folder.write(
                text.replacing(#/127\.0\.0\.1:\d+/#) { _ in "127.0.0.1:\(FreePorts.take())" }, to: "configs/\(name)")
        }

        func start(_ nodes: [String], guests: [String: [String]] = [:]) async throws -> [ProgramProcess] {
            var hosts: [ProgramProcess] = []
            for node in nodes {
                let host = try ProgramProcess(
                    .modelledHost,
                    ["--socket", "\(self.run)/\(node).host.sock", "--node", node, "--cpu", "4000", "--memory", "8192"]
                        + ["--link-mbps", "10000"] + (guests[node] ?? []).flatMap { ["--vm", $0] },
                    in: self.folder)
                _ = try await host.ready()
                hosts.append(host)
            }
            let daemons = try nodes.map {
                try ProgramProcess(.daemon, ["--config", self.config, "--node", $0], in: self.folder)
            }
            for (node, daemon) in zip(nodes, daemons) {
                let line = try await daemon.ready()
                #expect(line.hasPrefix("ready \(node) 127.0.0.1:"), "\(line)")
                #expect(line.hasSuffix("\(node).sock"), "\(line)")
            }
            return hosts + daemons
        }

        func control(_ node: String) async throws -> ControlClient {
            try await ControlClient(path: "\(self.run)/\(node).sock")
        }
    }

    @Test("ring-3: three nodes repair an overload that their hypervisors show")
    func ring3() async throws {
        let checkout = try Checkout("ring-3.yaml", run: ".run/ring-3")
        let nodes = ["n1", "n2", "n3"]
        let guests = ["a", "b", "c", "d"].map { "\($0):cpu=700,memory=512" }
        let processes = try await checkout.start(nodes, guests: ["n1": guests])
        let events = try await checkout.control("n1").events()
        try await events.first("recovered")
        let demand = try await ProgramProcess.run(
            .modelledHost, ["demand", "--socket", "\(checkout.run)/n1.host.sock", "a:cpu=1500"])
        #expect(demand.status == 0, "\(demand.errors)")
        let ended = try await events.first("isp_ended")
        #expect(ended["facts"]["outcome"] == "solved", "\(ended)")
        for process in processes.suffix(3) { process.signal(SIGTERM) }
        for process in processes.suffix(3) {
            let end = await process.end()
            #expect(end.status == 0, "\(end.errors)")
        }
    }

    @Test("ring-8-tls: eight nodes with certificates of `dvms cert` see each other")
    func ring8TLS() async throws {
        let checkout = try Checkout("ring-8-tls.yaml", run: ".run/ring-8-tls")
        let nodes = (1...8).map { "n\($0)" }
        let folder = "\(checkout.run)/tls"
        var commands = [["cert", "init", "--in", folder]]
        commands += nodes.map { ["cert", "issue", $0, "--in", folder] }
        for command in commands {
            let end = try await ProgramProcess.run(.operatorTool, command)
            #expect(end.status == 0, "\(command): \(end.errors)")
        }
        let processes = try await checkout.start(nodes)
        for node in nodes {
            // Whoever was probed before it listened is suspected until it says that it lives.
            let control = try await checkout.control(node)
            let ring = try await control.ask("ring")
            #expect(ring["members"].elements.compactMap { $0["node"].text }.count == 8)
            // Nodes that did not reach one another would ask on until the time limit of the suite.
            while try await control.ask("status")["transport"]["connections"] == 0 {}
        }
        for process in processes.suffix(8) { process.signal(SIGTERM) }
        for process in processes.suffix(8) {
            let end = await process.end()
            #expect(end.status == 0, "\(end.errors)")
        }
    }

    @Test(
        "are found good by `dvms config check`, each",
        arguments: ["node.example.yaml", "lab.yaml", "ring-3.yaml", "ring-8-tls.yaml"])
    func configCheck(name: String) async throws {
        let end = try await ProgramProcess.run(.operatorTool, ["config", "check", "\(Self.configs)/\(name)"])
        #expect(end.status == 0, "\(end.output)\(end.errors)")
    }
}

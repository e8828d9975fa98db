import Basis
import Deployer
import Testing

@Suite("One command through a tree of hosts")
struct TreeRunTests {
    private func branches(_ sites: String, childrenMax: Int) -> [String] {
        let hosts = sites.enumerated().map { (name: "\($0.element)\($0.offset)", site: String($0.element)) }
        return ExecutionTree(of: hosts, childrenMax: childrenMax).branches.map {
            ([$0.head] + $0.children).joined(separator: " ")
        }
    }

    @Test("has branches of one site each, as few and as even as can be")
    func plans() {
        #expect(self.branches("", childrenMax: 3) == [])
        #expect(self.branches("a", childrenMax: 3) == ["a0"])
        #expect(self.branches("aaaa", childrenMax: 3) == ["a0 a1 a2 a3"])
        #expect(self.branches("aaaaa", childrenMax: 3) == ["a0 a1", "a2 a3 a4"])
        #expect(self.branches("abab", childrenMax: 3) == ["a0 a2", "b1 b3"])
        #expect(self.branches("aab", childrenMax: 1) == ["a0 a1", "b2"])
    }

    @Test("names every host once, in no branch larger than is allowed, for any hosts")
    func plansAny() {
        var random = SplitMix64(seed: 31)
        for _ in 0..<200 {
            let hosts = (0..<Int.random(in: 0...300, using: &random)).map { index in
                (name: "n\(index)", site: "s\(Int.random(in: 0...4, using: &random))")
            }
            let childrenMax = Int.random(in: 1...64, using: &random)
            let tree = ExecutionTree(of: hosts, childrenMax: childrenMax)
            let sites = Dictionary(uniqueKeysWithValues: hosts.map { ($0.name, $0.site) })
            #expect(tree.branches.flatMap { [$0.head] + $0.children }.sorted() == hosts.map(\.name).sorted())
            for branch in tree.branches {
                #expect(branch.children.count <= childrenMax)
                #expect(branch.children.allSatisfy { sites[$0] == sites[branch.head] })
            }
        }
    }

    @Test("reads of a head's answer what is whole, whatever is in it and wherever it ends")
    func answers() {
        let bytes = Array("host 0 1 2 1\nabxhost 7 0 900 0\n".utf8) + [0, 10, 255]
        let whole = RelayAnswer(bytes, keptBytes: 3)
        #expect(whole.records.keys.sorted() == [0, 7])
        #expect(whole.records[0]?.output.bytes == Array("ab".utf8) && whole.records[0]?.output.dropped == 0)
        #expect(whole.records[7]?.output.bytes == [0, 10, 255] && whole.records[7]?.output.dropped == 897)
        for count in 0..<bytes.count {
            let cut = RelayAnswer(Array(bytes.prefix(count)), keptBytes: 3)
            #expect(cut.records[7] == nil && (cut.records[0] == nil) == (count < 16))
        }
        let most = Int.max
        for text in [
            "host 0 0 -1 0\n", "host 0 0 1\n", "guest 0 0 0 0\n", "host 0 0 9999999999999999999 0\n", "\n",
            "host 0 \(most) 0 0\n", "host 0 0 \(most) \(most)\nabcdef",
        ] {
            #expect(RelayAnswer(Array(text.utf8), keptBytes: 3).records.isEmpty)
        }
    }
}

@Suite("One command through a tree of real sshd")
struct TreeOverSSHTests {
    private let server: LoopbackSSHD

    init() throws {
        self.server = try LoopbackSSHD()
    }

    /// All hosts are the same sshd, but for those of `broken`, where nobody listens.
    private func reports(
        of command: HostCommand, on hosts: [String], broken: Set<String> = [], innerKey: String = "user-key",
        childrenMax: Int = 4
    ) async throws -> [String: HostReport] {
        let there = try self.server.target()
        var targets: [String: SSHTarget] = [:]
        for host in hosts {
            // Port 1 of loopback: tcpmux, which nobody serves.
            targets[host] = broken.contains(host) ? try SSHTarget(host: "127.0.0.1", user: "u", port: 1) : there
        }
        let known = targets
        let options = try OpenSSHOptions(
            identityFile: "\(self.server.folder.path)/user-key",
            knownHostsFile: "\(self.server.folder.path)/known_hosts", connectLimit: LoopbackSSHD.connectLimit)
        let inner = try OpenSSHOptions(
            identityFile: "\(self.server.folder.path)/\(innerKey)",
            knownHostsFile: "\(self.server.folder.path)/known_hosts", connectLimit: LoopbackSSHD.connectLimit)
        let tree = ExecutionTree(of: hosts.map { (name: $0, site: "s") }, childrenMax: childrenMax)
        let run = TreeRun(tree, targets: targets, innerOptions: inner) { host throws(HostShellFailure) in
            guard let target = known[host] else { throw .cancelled }
            return OpenSSHShell(to: target, options: options, sharing: .alone, time: SystemTimeSource())
        }
        var reports: [String: HostReport] = [:]
        await run.run(command) { report in
            #expect(reports.updateValue(report, forKey: report.host) == nil)
        }
        #expect(Set(reports.keys) == Set(hosts))
        return reports
    }

    @Test("runs it on every host with its own end, input and bytes, over one connection from here for each branch")
    func runs() async throws {
        let script = #"cat; printf '\0host 1 2\n\377' >&2; echo "$SSH_CONNECTION" >"$1/$$"; exit 7"#
        let folder = try ScratchFolder()
        let command = HostCommand(
            script: script, arguments: [folder.path], input: .bytes([0, 30, 255]), limit: .seconds(60))
        let reports = try await self.reports(of: command, on: (0..<10).map { "n\($0)" })
        #expect(folder.names.count == 10 && self.server.accepted == 10)
        for report in reports.values {
            guard case .ended(let result) = report.outcome else {
                Issue.record("\(report)")
                continue
            }
            #expect(result.ending == .exited(7) && result.output == [0, 30, 255])
            #expect(result.errors == Array("\0host 1 2\n".utf8) + [255])
        }
    }

    @Test("loses a head alone, whose children are reached directly, and a child that nobody reaches")
    func brokenHosts() async throws {
        let hosts = (0..<10).map { "n\($0)" }
        let reports = try await self.reports(
            of: HostCommand(script: "echo hi", limit: .seconds(60)), on: hosts, broken: ["n0", "n7"])
        for host in hosts {
            #expect(reports[host]?.isSuccess == !["n0", "n7"].contains(host))
            guard host == "n0" || host == "n7" else { continue }
            guard case .failed(.unreachable) = reports[host]?.outcome else {
                Issue.record("\(String(describing: reports[host]))")
                continue
            }
        }
    }

    @Test("reaches directly those that a head has no key for")
    func noInnerKey() async throws {
        let reports = try await self.reports(
            of: HostCommand(script: "echo hi", limit: .seconds(60)), on: ["a", "b", "c"], innerKey: "no-such-key")
        #expect(
            reports.values.allSatisfy { $0.isSuccess && $0.shownText == "hi" },
            "\(reports.values.map(\.shownText))")
        // The head, its two children in vain, and both again from here.
        #expect(self.server.accepted == 5)
    }

    @Test("keeps so much of each stream, counts the rest, and ends what takes too long")
    func limits() async throws {
        let large = HostCommand(script: "head -c 100000 /dev/zero", limit: .seconds(60), outputBytesMax: 1_000)
        for report in try await self.reports(of: large, on: ["a", "b"]).values {
            guard case .ended(let result) = report.outcome else {
                Issue.record("\(report)")
                continue
            }
            #expect(result.output.count == 1_000 && result.outputBytesDropped == 99_000)
        }
        let slow = HostCommand(script: "sleep 30", limit: .seconds(1))
        for report in try await self.reports(of: slow, on: ["a", "b"]).values {
            #expect(report.outcome == .failed(.timedOut(limit: .seconds(1), mayStillRun: false)))
        }
    }
}

import Basis
import Testing
import dvms

@Suite("dvms config check, and which socket a command is for")
struct ConfigCheckTests {
    private static let ring = """
        cluster: test
        ring:
          nodes:
            - {id: n1, address: "127.0.0.1:7401"}
            - {id: n2, address: "127.0.0.1:7402"}
        control_socket: run/{node}.sock
        hypervisor:
          modelled: {socket: "/run/{node}.host.sock"}

        """

    private struct NoFile: Error, CustomStringConvertible {
        var description: String { "there is no such file" }
    }

    private static func reader(_ text: String) -> (String) throws -> String {
        { path in
            guard path == "dir/ring.yaml" else { throw NoFile() }
            return text
        }
    }

    private func check(_ text: String, file: String = "dir/ring.yaml", node: NodeID? = nil) throws(OperatorFailure)
        -> String
    {
        try ConfigCheck(file: file, contentsOf: Self.reader(text)).report(for: node)
    }

    private func failure(_ body: () throws(OperatorFailure) -> some Any) -> OperatorFailure? {
        do throws(OperatorFailure) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("says what it read, for every node that the file serves")
    func inOrder() throws {
        #expect(
            try self.check(Self.ring) == """
                dir/ring.yaml: in order, cluster test, ring of 2 nodes

                NODE  LISTENS AT      MODE       AGENTS TALK    HYPERVISOR                   CONTROL SOCKET
                n1    127.0.0.1:7401  recommend  in plain text  modelled, /run/n1.host.sock  dir/run/n1.sock
                n2    127.0.0.1:7402  recommend  in plain text  modelled, /run/n2.host.sock  dir/run/n2.sock
                """)
        #expect(try self.check(Self.ring, node: "n2").contains("n1") == false)
        #expect(try self.check(Self.ring + "node: n1\n").contains("n2") == false)
    }

    @Test("says every problem once, with its line, whatever the node")
    func problems() {
        let text = Self.ring + "mode: automatic\nclustr: x\n"
        let found = self.failure { () throws(OperatorFailure) in try self.check(text) }
        #expect(found?.status == .badInput)
        let lines = found?.text.split(separator: "\n").map(String.init) ?? []
        #expect(lines.count == 3, "\(lines)")
        #expect(lines.first == "dir/ring.yaml cannot be used")
        #expect(lines.dropFirst().first?.hasPrefix("dir/ring.yaml:9: mode: expected ") == true, "\(lines)")
        #expect(lines.last == "dir/ring.yaml:10: clustr: unknown key; did you mean cluster?")
    }

    @Test("says every problem of a file without a ring, and does not ask for a node")
    func noRing() {
        let found = self.failure { () throws(OperatorFailure) in try self.check("cluster: test\nmode: x\n") }
        let lines = found?.text.split(separator: "\n").map(String.init) ?? []
        #expect(lines.count == 3, "\(lines)")
        #expect(lines.dropFirst().first?.contains("ring") == true && lines.last?.contains(":2: mode: ") == true)
    }

    @Test("says what is wrong with a file that is none, and with a node that is not there")
    func noFile() {
        let missing = self.failure { () throws(OperatorFailure) in try self.check("", file: "other.yaml") }
        #expect(
            missing
                == OperatorFailure(
                    .badInput, "other.yaml cannot be used\nother.yaml:1: cannot be read: there is no such file"))
        let stranger = self.failure { () throws(OperatorFailure) in try self.check(Self.ring, node: "n3") }
        #expect(stranger?.text.contains("n3 is not in the ring; did you mean n1?") == true)
    }

    @Test(
        "the socket is the one that is said, that of the config, or the only one there is",
        arguments: [
            (SocketChoice.path("/x.sock"), [], "/x.sock"),
            (.config(file: "dir/ring.yaml", node: "n2"), [], "dir/run/n2.sock"),
            (.onlyOne, ["n1.sock", "n1.pid"], "/run/dvms/n1.sock"),
        ])
    func socket(choice: SocketChoice, names: [String], path: String) throws {
        #expect(try choice.path(names: { _ in names }, contentsOf: Self.reader(Self.ring)) == path)
    }

    @Test(
        "the socket is asked for when it is not clear",
        arguments: [
            (
                SocketChoice.onlyOne, nil, OperatorFailure.Status.unreachable,
                "/run/dvms cannot be read; is dvmsd running? Say --socket PATH, or --config FILE and --node ID"
            ),
            (
                .onlyOne, ["n1.pid"], .unreachable,
                "no socket in /run/dvms; is dvmsd running? Say --socket PATH, or --config FILE and --node ID"
            ),
            (
                .onlyOne, ["n2.sock", "n1.sock"], .badInput,
                "several sockets in /run/dvms: n1.sock, n2.sock; choose one with --socket /run/dvms/n1.sock"
            ),
            (
                .config(file: "dir/ring.yaml", node: nil), nil, .badInput,
                "dir/ring.yaml:1: node: missing: say here or with --node which node of the ring this is"
            ),
        ] as [(SocketChoice, [String]?, OperatorFailure.Status, String)])
    func unclear(choice: SocketChoice, names: [String]?, status: OperatorFailure.Status, text: String) {
        let found = self.failure { () throws(OperatorFailure) in
            try choice.path(names: { _ in names }, contentsOf: Self.reader(Self.ring))
        }
        #expect(found == OperatorFailure(status, text))
    }
}

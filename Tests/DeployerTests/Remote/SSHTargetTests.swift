import Deployer
import Testing

@Suite("Where ssh connects to")
struct SSHTargetTests {
    @Test(
        "takes names and addresses, and nothing that ssh or a shell reads as something else",
        arguments: [
            ("paravance-1.rennes", true), ("10.0.0.1", true), ("fe80::1%eth0", true), ("n_1", true),
            ("-oProxyCommand=x", false), ("", false), ("a b", false), ("a;b", false), ("a/b", false), ("é", false),
            ("$(x)", false), ("u@h", false), ("[::1]", false), (String(repeating: "a", count: 254), false),
        ])
    func hosts(host: String, isValid: Bool) {
        let target = try? SSHTarget(host: host, user: "root")
        #expect((target != nil) == isValid)
    }

    @Test("takes users and ports in their range")
    func usersAndPorts() throws {
        #expect(throws: InvalidSSHTarget.user("-l")) { try SSHTarget(host: "h", user: "-l") }
        #expect(throws: InvalidSSHTarget.user("a b")) { try SSHTarget(host: "h", user: "a b") }
        #expect(throws: InvalidSSHTarget.port(0)) { try SSHTarget(host: "h", user: "root", port: 0) }
        #expect(throws: InvalidSSHTarget.port(65_536)) { try SSHTarget(host: "h", user: "root", port: 65_536) }
        #expect(try SSHTarget(host: "h", user: "root", port: 65_535).description == "root@h:65535")
    }

    @Test("gives ssh paths that it takes as they are, or none")
    func paths() throws {
        let options = try OpenSSHOptions(knownHostsFile: "/tmp/known hosts 5%")
        let arguments = options.arguments(for: try SSHTarget(host: "h", user: "root", port: 22))
        #expect(arguments.contains(#"UserKnownHostsFile="/tmp/known hosts 5%%""#))
        #expect(arguments.contains("StrictHostKeyChecking=yes") && arguments.contains("ForwardAgent=no"))
        for path in ["", "/a\"b", "/a$b", "/a\\b", "/a\nb"] {
            #expect(throws: HostShellFailure.self) { try OpenSSHOptions(knownHostsFile: path) }
        }
    }

    @Test("reads ssh's complaints", arguments: complaints)
    func reads(words: String, expected: HostShellFailure) throws {
        let options = try OpenSSHOptions(knownHostsFile: "/kh")
        let target = try SSHTarget(host: "h", user: "u", port: 22)
        #expect(SSHComplaint.failure(in: words, of: target, options: options) == expected)
    }
}

/// What ssh says, and what is read in it.
private let complaints: [(String, HostShellFailure)] = [
    (
        "ssh: connect to host h port 22: Connection refused\r\n",
        .unreachable(host: "h", words: "ssh: connect to host h port 22: Connection refused")
    ),
    (
        "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
        .hostKeyUnknown(host: "h", port: 22, knownHosts: "/kh")
    ),
    (
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /kh:12\r\n"
            + "Host key verification failed.",
        .hostKeyChanged(host: "h", port: 22, knownHosts: "/kh", line: 12)
    ),
    (
        "Welcome.\nu@h: Permission denied (publickey).",
        .authenticationRefused(user: "u", host: "h", words: "u@h: Permission denied (publickey).")
    ),
    (
        "Connection to h closed by remote host.",
        .connectionLost(host: "h", words: "Connection to h closed by remote host.")
    ),
    ("", .connectionLost(host: "h", words: "no reason given")),
]

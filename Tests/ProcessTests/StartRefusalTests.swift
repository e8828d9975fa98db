import Certificates
import Foundation
import Testing

@Suite("dvmsd refuses to start", .timeLimit(.minutes(1)))
struct StartRefusalTests {
    @Test(
        "with a config that is wrong, and names the place",
        arguments: [
            ("mod: auto", "mod: unknown key; did you mean mode?"),
            ("mode: auto\nmode: off", "mode: stands twice, first on line"),
            ("link: 10", "link: expected a link speed"),
            ("reserve: {cpu: 1}", "reserve: stands twice"),
            ("thresholds: {overload: 0.8}", "thresholds.overload: expected"),
            ("reservation: {renew_interval: 4s}", "renew_interval"),
            ("reservation: {margin: 1ms}", "margin"),
            ("reservation: {action_poll: 500ms}", "action_poll"),
            ("reservation: {resweep_delay: 1s}", "resweep_delay"),
            ("listen: 0.0.0.0:7400", "not a loopback address"),
            ("constraints: [{rot: [vm1]}]", "constraints"),
        ])
    func badConfig(further: String, words: String) async throws {
        let ring = try TestRing(2, further: further)
        let end = try await ring.launchDaemon("n1").end()
        #expect(end.status == 2)
        #expect(end.errors.contains("\(ring.config):"), "\(end.errors)")
        #expect(end.errors.contains(words), "\(end.errors)")
    }

    @Test("and tells everything that is wrong with a config at once")
    func allProblems() async throws {
        let ring = try TestRing(2, further: "mod: auto\nlink: 10\nreservation: {renew_interval: 4s, leese: 1s}")
        let end = try await ring.launchDaemon("n1").end()
        #expect(end.status == 2)
        for words in ["mod: unknown key", "link: expected", "leese: unknown key", "renew_interval"] {
            #expect(end.errors.contains(words), "\(end.errors)")
        }
    }

    @Test("as a ring of one")
    func ringOfOne() async throws {
        let ring = try TestRing(1)
        let end = try await ring.launchDaemon("n1").end()
        #expect(end.status == 2)
        #expect(end.errors.contains("\(ring.config):"), "\(end.errors)")
        #expect(end.errors.contains("a ring of one has nobody to borrow from"), "\(end.errors)")
    }

    @Test("as a node that its ring does not list", arguments: ["n9", "no/node"])
    func unknownNode(node: String) async throws {
        let end = try await TestRing(2).launchDaemon(node).end()
        #expect(end.status != 0)
        #expect(end.errors.contains(node), "\(end.errors)")
    }

    @Test("without a config that can be read, and says why in words", arguments: ["missing", "a folder", "no text"])
    func unreadableConfig(kind: String) async throws {
        let ring = try TestRing(2)
        try FileManager.default.removeItem(atPath: ring.config)
        let words: String
        switch kind {
        case "missing":
            words = "there is no such file"
        case "a folder":
            try FileManager.default.createDirectory(atPath: ring.config, withIntermediateDirectories: false)
            words = "it is a folder"
        default:
            try Data([0xFF, 0xFE, 0x00]).write(to: URL(fileURLWithPath: ring.config))
            words = "it is no UTF-8 text"
        }
        let end = try await ring.launchDaemon("n1").end()
        #expect(end.status == 2)
        #expect(end.errors.contains("\(ring.config):1: cannot be read: \(words)"), "\(end.errors)")
    }

    @Test("where another process listens, and names the address")
    func addressInUse() async throws {
        let other = try TestRing(2)
        let holder = try await other.startDaemon("n1")
        let ring = try TestRing(2, firstPort: other.ports[0])
        let end = try await ring.launchDaemon("n1").end()
        #expect(end.status == 1)
        #expect(end.errors.contains("127.0.0.1:\(ring.ports[0]) is in use"), "\(end.errors)")
        holder.signal(SIGTERM)
        #expect(await holder.end().status == 0)
        // Nothing of the failed start stands in the way of the next.
        let daemon = try await ring.startDaemon("n1")
        daemon.signal(SIGTERM)
        #expect(await daemon.end().status == 0)
    }

    @Test("beside a daemon of the same state folder, which lives on")
    func sameStateFolder() async throws {
        let ring = try TestRing(2)
        let first = try await ring.startDaemon("n1")
        let second = try await ring.launchDaemon("n1").end()
        #expect(second.status == 1)
        #expect(second.errors.contains("state/n1"), "\(second.errors)")
        #expect(second.errors.contains("in use by another daemon"), "\(second.errors)")
        #expect(try await ring.control("n1").ask("status")["node"] == "n1")
        first.signal(SIGTERM)
        #expect(await first.end().status == 0)
    }

    @Test("beside a daemon of the same control socket, which lives on")
    func sameControlSocket() async throws {
        let ring = try TestRing(2)
        let first = try await ring.startDaemon("n1")
        // Another ring's node with the same socket.
        let other = try TestRing(2)
        let text = try String(contentsOfFile: other.config, encoding: .utf8)
        try other.folder.write(
            text.replacing("\"{node}.sock\"", with: ring.controlSocket("n1")), to: "ring.yaml")
        let second = try await other.launchDaemon("n1").end()
        #expect(second.status == 1)
        #expect(second.errors.contains(ring.controlSocket("n1")), "\(second.errors)")
        #expect(second.errors.contains("another daemon serves it"), "\(second.errors)")
        #expect(try await ring.control("n1").ask("version")["cluster"] == "test")
        first.signal(SIGTERM)
        #expect(await first.end().status == 0)
    }

    enum Spoiling: CaseIterable {
        case missing, expired, keyOfAnother, ofAnotherNode, noPEM
    }

    @Test("with a certificate that every peer would refuse, and names the file", arguments: Spoiling.allCases)
    func badCertificate(spoiling: Spoiling) async throws {
        let ring = try TestRing(2, further: TestCertificates.setting)
        let lastWeek = Date() - 7 * 86_400
        let authority = try TestCertificates.authority(of: ring, now: lastWeek)
        let certificate = "\(ring.folder.path)/tls/n1.pem"
        let words: String
        switch spoiling {
        case .missing:
            words = "\(certificate): there is no such file"
        case .expired:
            try authority.issue(node: "n1", days: 1, now: lastWeek).write(to: "\(ring.folder.path)/tls")
            words = "\(certificate) expired"
        case .keyOfAnother:
            try authority.issue(node: "n1").write(to: "\(ring.folder.path)/tls")
            try authority.issue(node: "n2").keyPEM.write(
                toFile: "\(ring.folder.path)/tls/n1.key", atomically: true, encoding: .utf8)
            words = "is not the private key of \(certificate)"
        case .ofAnotherNode:
            let other = try authority.issue(node: "n2")
            try other.certificatePEM.write(toFile: certificate, atomically: true, encoding: .utf8)
            try other.keyPEM.write(toFile: "\(ring.folder.path)/tls/n1.key", atomically: true, encoding: .utf8)
            words = "is for n2, not for n1"
        case .noPEM:
            try "n1".write(toFile: certificate, atomically: true, encoding: .utf8)
            words = "\(certificate) holds no PEM certificate"
        }
        let end = try await ring.launchDaemon("n1").end()
        #expect(end.status == 1)
        #expect(end.errors.contains(words), "\(end.errors)")
    }
}

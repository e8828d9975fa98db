import Basis
import Certificates
import Foundation
import NIOCore
import NIOSSL
import Testing
import Transport

/// A directory with a CA and certificates, gone with the test.
final class CertificateDirectory {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("transport-\(UUID().uuidString)").path
    let authority: CertificateAuthority

    init(nodes: [String] = [], now: Date = Date()) throws {
        self.authority = try CertificateAuthority.create(in: self.path, cluster: "test", days: 30, now: now)
        for node in nodes { try self.issue(node, now: now) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    func issue(_ node: String, now: Date = Date(), overwrite: Bool = false) throws {
        try self.authority.issue(node: node, days: 1, now: now).write(to: self.path, overwrite: overwrite)
    }

    func files(_ node: String) -> CertificateFiles {
        CertificateFiles(
            authority: "\(self.path)/ca.pem", certificate: "\(self.path)/\(node).pem", key: "\(self.path)/\(node).key")
    }
}

@Suite("Transports with mutual TLS", .timeLimit(.minutes(1)))
struct TLSTests {
    private let network = TestNetwork()
    private var time: MachineTime { MachineTime(wallClockMilliseconds: Self.milliseconds(Date())) }

    private static func milliseconds(_ date: Date) -> UInt64 { UInt64(date.timeIntervalSince1970 * 1_000) }

    private func start(
        _ node: NodeID, _ directory: CertificateDirectory, as name: String? = nil, time: (any TimeSource)? = nil
    ) async throws -> TCPTransport {
        let transport = try await self.network.start(
            node, certificates: directory.files(name ?? node.name), time: time ?? self.time)
        await transport.register(EchoHandler(), for: .agents)
        return transport
    }

    @Test("answer each other when one CA issued both certificates, also under a name that no host could have")
    func good() async throws {
        let directory = try CertificateDirectory(nodes: ["10.0.0.1", "node_B"])
        let (a, b) = (try await self.start("10.0.0.1", directory), try await self.start("node_B", directory))
        #expect(try await a.ask("hi", of: "node_B") == "10.0.0.1:hi")
        #expect(try await b.ask("ho", of: "10.0.0.1") == "node_B:ho")
        await a.shutdown()
        await b.shutdown()
    }

    @Test("refuse a peer whose certificate another CA issued, and one in the clear")
    func foreignAuthority() async throws {
        let (ours, theirs) = (try CertificateDirectory(nodes: ["a"]), try CertificateDirectory(nodes: ["b"]))
        let (a, b) = (try await self.start("a", ours), try await self.start("b", theirs))
        let foreign = try await transportError { () throws(TransportError) in try await a.ask("?", of: "b") }
        #expect(reason(foreign).contains("our CA did not issue it"), "\(foreign)")
        let plain = try await self.network.start("p")
        let clear = try await transportError { () throws(TransportError) in try await plain.ask("?", of: "b") }
        #expect(reason(clear).contains("\(await b.address.port)"))
        for transport in [a, b, plain] { await transport.shutdown() }
    }

    @Test("refuse a peer whose certificate has expired, even if its own clock says otherwise")
    func expiredPeer() async throws {
        let lastWeek = Date() - 7 * 86_400
        // One CA, and a certificate of it that ended days ago.
        let directory = try CertificateDirectory(now: lastWeek)
        try directory.issue("b", now: lastWeek)
        try directory.issue("a")
        let a = try await self.start("a", directory)
        let b = try await self.start(
            "b", directory, time: MachineTime(wallClockMilliseconds: Self.milliseconds(lastWeek)))
        let error = try await transportError { () throws(TransportError) in try await a.ask("?", of: "b") }
        #expect(reason(error).contains("expired"), "\(error)")
        await a.shutdown()
        await b.shutdown()
    }

    @Test("refuse a peer that says another name than its certificate")
    func wrongName() async throws {
        let directory = try CertificateDirectory(nodes: ["b", "mallory"])
        let b = try await self.start("b", directory)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(directory.files("b").authority))
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(directory.files("mallory").certificate)
            .map { .certificate($0) }
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(file: directory.files("mallory").key, format: .pem))
        let link = try await RawLink.dial(await b.address, tls: try NIOSSLContext(configuration: configuration))
        try await link.sendHello("a")
        let refusal = await link.next(ignoring: [FrameKind.hello.rawValue])
        #expect(
            refusal.flatMap { HelloRefusal.reason(decoding: $0.body) }
                == "it says it is a, but its certificate is for mallory")
        #expect(await link.next() == nil)
        await b.shutdown()
    }

    @Test("use new certificates after a reload, for new connections and without a restart")
    func reload() async throws {
        let (ours, theirs) = (try CertificateDirectory(nodes: ["a", "b"]), try CertificateDirectory(nodes: ["b"]))
        let time = ManualTime(wallClockMilliseconds: Self.milliseconds(Date()))
        let a = try await self.start("a", ours, time: time)
        let b = try await self.start("b", theirs)
        _ = try await transportError { () throws(TransportError) in try await a.ask("?", of: "b", time: time) }
        for (from, to) in [("ca.pem", "ca.pem"), ("b.pem", "b.pem"), ("b.key", "b.key")] {
            try FileManager.default.removeItem(atPath: "\(theirs.path)/\(to)")
            try FileManager.default.copyItem(atPath: "\(ours.path)/\(from)", toPath: "\(theirs.path)/\(to)")
        }
        await b.use(try await b.loadCertificates())
        time.advance(by: .seconds(5))
        #expect(try await a.ask("now?", of: "b", time: time) == "a:now?")
        // Files that cannot be used leave the old ones in use.
        try FileManager.default.removeItem(atPath: "\(theirs.path)/b.key")
        await #expect(throws: CertificateError.missing(path: "\(theirs.path)/b.key")) {
            _ = try await b.loadCertificates()
        }
        #expect(try await a.ask("still?", of: "b", time: time) == "a:still?")
        await a.shutdown()
        await b.shutdown()
    }

    @Test("do not start with certificates that cannot be used, and say which file and why")
    func badFiles() async throws {
        let directory = try CertificateDirectory(nodes: ["a", "b"])
        let good = directory.files("a")
        func error(_ change: (inout CertificateFiles) -> Void, time: MachineTime? = nil) async throws
            -> CertificateError?
        {
            var files = good
            change(&files)
            do {
                let transport = try await self.network.start("a", certificates: files, time: time ?? self.time)
                await transport.shutdown()
                return nil
            } catch TransportStartError.certificate(let error) {
                return error
            }
        }
        let nowhere = "\(directory.path)/nowhere.pem"
        #expect(try await error { $0.authority = nowhere } == .missing(path: nowhere))
        #expect(try await error { $0.certificate = nowhere } == .missing(path: nowhere))
        #expect(try await error { $0.key = nowhere } == .missing(path: nowhere))
        #expect(try await error { $0.certificate = good.key } == .malformed(path: good.key))
        #expect(try await error { $0.key = good.certificate } == .malformed(path: good.certificate))
        let otherKey = directory.files("b").key
        #expect(
            try await error { $0.key = otherKey } == .keyMismatch(certificate: good.certificate, key: otherKey))
        let other = directory.files("b").certificate
        #expect(
            try await error { $0.certificate = other }
                == .certificateOfAnother(path: other, node: "a", names: ["b"]))
        let later = MachineTime(wallClockMilliseconds: Self.milliseconds(Date() + 2 * 86_400))
        guard case .expired(good.certificate, let seconds)? = try await error({ _ in }, time: later) else {
            Issue.record("an expired certificate was accepted")
            return
        }
        #expect((86_000...87_000).contains(seconds))
        let earlier = MachineTime(wallClockMilliseconds: Self.milliseconds(Date() - 86_400))
        guard case .notYetValid? = try await error({ _ in }, time: earlier) else {
            Issue.record("a certificate of the future was accepted")
            return
        }
    }
}

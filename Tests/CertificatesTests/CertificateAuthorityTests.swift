import Certificates
import Foundation
import Testing

@Suite("The certificate authority")
struct CertificateAuthorityTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func inDirectory<Value>(_ body: (String) throws -> Value) rethrows -> Value {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("ca-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("writes a CA that can be loaded and keeps its key to its owner")
    func create() throws {
        try self.inDirectory { directory in
            let made = try CertificateAuthority.create(in: directory, cluster: "prod", days: 10, now: Self.now)
            #expect(try self.mode("\(directory)/ca.key") == 0o600)
            #expect(try self.mode("\(directory)/ca.pem") == 0o644)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["ca.key", "ca.pem"])
            let loaded = try CertificateAuthority.load(from: directory)
            #expect(try loaded.certificatePEM() == made.certificatePEM())
            let summary = try #require(CertificateSummary(pem: try loaded.certificatePEM()))
            #expect(summary.isAuthority)
            #expect(summary.subject == "CN=prod DVMS CA")
            #expect(summary.notAfter == Self.now + 10 * 86_400)
        }
    }

    @Test("issues certificates that name the node and its other names, for both ends of a connection")
    func issue() throws {
        let authority = try CertificateAuthority.make(cluster: "prod", now: Self.now)
        let issued = try authority.issue(
            node: "n1", alsoFor: ["host-1.example", "10.0.0.1", "fe80::1", "n1"], days: 5, now: Self.now)
        let summary = try #require(CertificateSummary(pem: issued.certificatePEM))
        #expect(summary.names == ["n1", "host-1.example", "10.0.0.1", "fe80::1"])
        #expect(summary.notAfter == Self.now + 5 * 86_400)
        #expect(!summary.isAuthority)
        #expect(summary.isValid(at: Self.now) && !summary.isValid(at: Self.now + 6 * 86_400))
        #expect(summary.isForServers && summary.isForClients)
        #expect(authority.didIssue(pem: issued.certificatePEM))
        let namesake = try CertificateAuthority.make(cluster: "prod", now: Self.now)
        #expect(!namesake.didIssue(pem: issued.certificatePEM))
        #expect(!authority.didIssue(pem: "no certificate"))
    }

    @Test("keeps a node's certificate until it ends soon or lacks a name")
    func kept() throws {
        try self.inDirectory { directory in
            let authority = try CertificateAuthority.create(in: directory, cluster: "prod", now: Self.now)
            func kept(_ names: [String], afterDays days: Int = 0) throws -> String {
                try authority.kept(
                    node: "n1", alsoFor: names, in: directory, now: Self.now + TimeInterval(days) * 86_400
                ).certificatePEM
            }
            let first = try kept(["fe80:0::1"])
            #expect(try kept(["fe80::1"]) == first && kept([], afterDays: 300) == first)
            let moved = try kept(["10.0.0.2"])
            #expect(moved != first)
            #expect(try kept(["10.0.0.2"], afterDays: 340) != moved)
        }
    }

    @Test("gives every certificate its own serial number and key")
    func unique() throws {
        let authority = try CertificateAuthority.make(cluster: "prod", now: Self.now)
        let issued = try (0..<20).map { _ in try authority.issue(node: "n1", now: Self.now) }
        let summaries = issued.compactMap { CertificateSummary(pem: $0.certificatePEM) }
        #expect(Set(summaries.map(\.serialNumber)).count == 20)
        #expect(Set(issued.map(\.keyPEM)).count == 20)
    }

    @Test("overwrites nothing unless told, neither half of a pair")
    func overwrite() throws {
        try self.inDirectory { directory in
            let authority = try CertificateAuthority.create(in: directory, cluster: "prod", now: Self.now)
            #expect(throws: CertificateAuthorityError.exists(path: "\(directory)/ca.key")) {
                try CertificateAuthority.create(in: directory, cluster: "prod", now: Self.now)
            }
            #expect(try CertificateAuthority.load(from: directory).certificatePEM() == authority.certificatePEM())
            let first = try authority.issue(node: "n1", now: Self.now)
            try first.write(to: directory)
            try FileManager.default.removeItem(atPath: "\(directory)/n1.key")
            let second = try authority.issue(node: "n1", now: Self.now)
            #expect(throws: CertificateAuthorityError.exists(path: "\(directory)/n1.pem")) {
                try second.write(to: directory)
            }
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/n1.key"))
            try second.write(to: directory, overwrite: true)
            #expect(try String(contentsOfFile: "\(directory)/n1.pem", encoding: .utf8) == second.certificatePEM)
            #expect(try self.mode("\(directory)/n1.key") == 0o600)
        }
    }

    @Test("refuses what would make a certificate that nobody can use")
    func refusals() throws {
        let authority = try CertificateAuthority.make(cluster: "prod", days: 10, now: Self.now)
        for name in ["", "a b", "ü", String(repeating: "a", count: 64), "a/b"] {
            #expect(throws: CertificateAuthorityError.notANodeName(name)) { try authority.issue(node: name) }
        }
        #expect(throws: CertificateAuthorityError.notAHostName("a b")) {
            try authority.issue(node: "n1", alsoFor: ["a b"], days: 1, now: Self.now)
        }
        #expect(throws: CertificateAuthorityError.validityOutOfRange(days: 0)) {
            try authority.issue(node: "n1", days: 0, now: Self.now)
        }
        #expect(throws: CertificateAuthorityError.validityOutOfRange(days: Int.max)) {
            try authority.issue(node: "n1", days: Int.max, now: Self.now)
        }
        let (end, authorityEnd) = (Self.now + 11 * 86_400, Self.now + 10 * 86_400)
        #expect(throws: CertificateAuthorityError.outlivesAuthority(end: end, authorityEnd: authorityEnd)) {
            try authority.issue(node: "n1", days: 11, now: Self.now)
        }
    }

    @Test("says which file of a CA is missing, broken or of another")
    func load() throws {
        try self.inDirectory { directory in
            #expect(throws: CertificateAuthorityError.missing(path: "\(directory)/ca.pem")) {
                try CertificateAuthority.load(from: directory)
            }
            let authority = try CertificateAuthority.create(in: directory, cluster: "prod", now: Self.now)
            let (pem, key) = ("\(directory)/ca.pem", "\(directory)/ca.key")
            let good = try String(contentsOfFile: key, encoding: .utf8)
            try "nonsense".write(toFile: key, atomically: true, encoding: .utf8)
            #expect(throws: CertificateAuthorityError.malformed(path: key)) {
                try CertificateAuthority.load(from: directory)
            }
            let issued = try authority.issue(node: "n1", now: Self.now)
            try issued.keyPEM.write(toFile: key, atomically: true, encoding: .utf8)
            #expect(throws: CertificateAuthorityError.keyMismatch(certificate: pem, key: key)) {
                try CertificateAuthority.load(from: directory)
            }
            try issued.certificatePEM.write(toFile: pem, atomically: true, encoding: .utf8)
            #expect(throws: CertificateAuthorityError.notAnAuthority(path: pem)) {
                try CertificateAuthority.load(from: directory)
            }
            try good.write(toFile: key, atomically: true, encoding: .utf8)
            try "nonsense".write(toFile: pem, atomically: true, encoding: .utf8)
            #expect(throws: CertificateAuthorityError.malformed(path: pem)) {
                try CertificateAuthority.load(from: directory)
            }
        }
    }
}

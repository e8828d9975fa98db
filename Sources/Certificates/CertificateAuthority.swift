import Crypto
package import Foundation
import SwiftASN1
import X509

/// The certificate authority of one cluster: a P-256 key and a self-signed certificate that every node trusts.
///
/// Whoever has its key can name himself any node of the cluster; it belongs on an operator's machine, not on nodes.
package struct CertificateAuthority: Sendable {
    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    /// The files of a CA in its directory.
    package static let certificateFile = "ca.pem"
    package static let keyFile = "ca.key"

    /// How long before `notBefore` of its purpose a certificate becomes valid, in seconds: clocks of nodes differ.
    static let clockSkewSeconds: TimeInterval = 300

    // MARK: Making and loading

    /// Makes a new CA in memory.
    ///
    /// - Parameters:
    ///   - cluster: the cluster's name, for people: the CA's common name.
    ///   - days: for how long it is valid, 1 to 36,500.
    package static func make(
        cluster: String, days: Int = 3_650, now: Date = Date()
    ) throws(CertificateAuthorityError) -> CertificateAuthority {
        try Self.check(days: days)
        let key = P256.Signing.PrivateKey()
        do {
            let name = try DistinguishedName { CommonName("\(cluster) DVMS CA") }
            let publicKey = Certificate.PublicKey(key.publicKey)
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
                notValidBefore: now - Self.clockSkewSeconds, notValidAfter: now + Self.seconds(days),
                issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: publicKey)
                },
                issuerPrivateKey: Certificate.PrivateKey(key))
            return CertificateAuthority(certificate: certificate, key: key)
        } catch {
            throw .notIssued(reason: "\(error)")
        }
    }

    /// Makes a new CA and writes `ca.pem` and `ca.key` (mode 0600) into `directory`, which is created if missing.
    ///
    /// - Throws: ``CertificateAuthorityError/exists(path:)`` when there is one and `overwrite` is false: certificates
    ///   that it issued would be worth nothing with a new one.
    package static func create(
        in directory: String, cluster: String, days: Int = 3_650, now: Date = Date(), overwrite: Bool = false
    ) throws(CertificateAuthorityError) -> CertificateAuthority {
        let authority = try Self.make(cluster: cluster, days: days, now: now)
        try PrivateFiles.write(
            [
                (Self.keyFile, authority.key.pemRepresentation + "\n", isSecret: true),
                (Self.certificateFile, try authority.certificatePEM(), isSecret: false),
            ], in: directory, overwrite: overwrite)
        return authority
    }

    /// Reads the CA that ``create(in:cluster:days:now:overwrite:)`` wrote.
    package static func load(from directory: String) throws(CertificateAuthorityError) -> CertificateAuthority {
        let (certificatePath, keyPath) = ("\(directory)/\(Self.certificateFile)", "\(directory)/\(Self.keyFile)")
        let certificateText = try PrivateFiles.read(certificatePath)
        let keyText = try PrivateFiles.read(keyPath)
        guard let certificate = try? Certificate(pemEncoded: certificateText) else {
            throw .malformed(path: certificatePath)
        }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: keyText) else {
            throw .malformed(path: keyPath)
        }
        guard certificate.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw .keyMismatch(certificate: certificatePath, key: keyPath)
        }
        guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else {
            throw .notAnAuthority(path: certificatePath)
        }
        return CertificateAuthority(certificate: certificate, key: key)
    }

    // MARK: Issuing

    /// Issues a certificate with a new key for one node.
    ///
    /// - Parameters:
    ///   - node: the node's id: the DNS name by which peers know it, 1 to 63 of `a-z A-Z 0-9 . _ -`.
    ///   - names: further DNS names and IP addresses, such as the host name under which libvirt migrates to it.
    ///   - days: for how long it is valid from `now`, no longer than the CA itself.
    package func issue(
        node: String, alsoFor names: [String] = [], days: Int = 365, now: Date = Date()
    ) throws(CertificateAuthorityError) -> NodeCertificate {
        try Self.check(days: days)
        guard Self.isNodeName(node) else { throw .notANodeName(node) }
        let end = now + Self.seconds(days)
        guard end <= self.certificate.notValidAfter else {
            throw .outlivesAuthority(end: end, authorityEnd: self.certificate.notValidAfter)
        }
        var alternativeNames = [GeneralName.dnsName(node)]
        for name in names where name != node {
            guard let general = Self.generalName(name) else { throw .notAHostName(name) }
            alternativeNames.append(general)
        }
        let key = P256.Signing.PrivateKey()
        do {
            let publicKey = Certificate.PublicKey(key.publicKey)
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
                notValidBefore: now - Self.clockSkewSeconds, notValidAfter: end,
                issuer: self.certificate.subject, subject: try DistinguishedName { CommonName(node) },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    // Not critical: libvirt and QEMU would refuse a critical one without the encipherment of keys, which
                    // there is none of with elliptic curves.
                    KeyUsage(digitalSignature: true)
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                    SubjectAlternativeNames(alternativeNames)
                    SubjectKeyIdentifier(hash: publicKey)
                    AuthorityKeyIdentifier(
                        keyIdentifier: SubjectKeyIdentifier(hash: self.certificate.publicKey).keyIdentifier)
                },
                issuerPrivateKey: Certificate.PrivateKey(self.key))
            return NodeCertificate(
                node: node, certificatePEM: try certificate.serializeAsPEM().pemString + "\n",
                keyPEM: key.pemRepresentation + "\n")
        } catch {
            throw .notIssued(reason: "\(error)")
        }
    }

    /// The certificate of one node in `directory`: that which lies there, or a new one where there is none of this CA's,
    /// it ends soon, or it lacks one of the names.
    ///
    /// - Parameters:
    ///   - renewalDays: how long before its end a certificate is made anew.
    package func kept(
        node: String, alsoFor names: [String] = [], in directory: String, renewalDays: Int = 30, now: Date = Date()
    ) throws(CertificateAuthorityError) -> NodeCertificate {
        if let certificate = try? PrivateFiles.read("\(directory)/\(node).pem"),
            let key = try? PrivateFiles.read("\(directory)/\(node).key"), self.didIssue(pem: certificate),
            let summary = CertificateSummary(pem: certificate), summary.notAfter > now + Self.seconds(renewalDays),
            Set(summary.names).isSuperset(of: names.map(Self.asCertified))
        {
            return NodeCertificate(node: node, certificatePEM: certificate, keyPEM: key)
        }
        let certificate = try self.issue(node: node, alsoFor: names, now: now)
        try certificate.write(to: directory, overwrite: true)
        return certificate
    }

    /// The CA's certificate: what every node needs to verify its peers.
    package func certificatePEM() throws(CertificateAuthorityError) -> String {
        do {
            return try self.certificate.serializeAsPEM().pemString + "\n"
        } catch {
            throw .notIssued(reason: "\(error)")
        }
    }

    /// Whether this CA signed the certificate in `pem`. Says nothing about its validity in time.
    package func didIssue(pem: String) -> Bool {
        guard let other = try? Certificate(pemEncoded: pem), other.issuer == self.certificate.subject else {
            return false
        }
        return self.certificate.publicKey.isValidSignature(other.signature, for: other)
    }

    // MARK: Checks

    private static func seconds(_ days: Int) -> TimeInterval { TimeInterval(days) * 86_400 }

    private static func check(days: Int) throws(CertificateAuthorityError) {
        guard (1...36_500).contains(days) else { throw .validityOutOfRange(days: days) }
    }

    private static func isNodeName(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count) && Self.isHostText(name)
    }

    private static func isHostText(_ name: String) -> Bool {
        name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default:
                false
            }
        }
    }

    /// A name as it is read from a certificate: there are several texts for one IPv6 address.
    private static func asCertified(_ name: String) -> String {
        IPAddressBytes.parse(name).flatMap(IPAddressBytes.text) ?? name
    }

    private static func generalName(_ name: String) -> GeneralName? {
        if let address = IPAddressBytes.parse(name) {
            return .ipAddress(ASN1OctetString(contentBytes: address[...]))
        }
        guard (1...253).contains(name.utf8.count), Self.isHostText(name) else { return nil }
        return .dnsName(name)
    }
}

/// A node's certificate with its private key, in PEM.
package struct NodeCertificate: Sendable {
    package let node: String
    package let certificatePEM: String
    package let keyPEM: String

    /// Writes `<node>.pem` and `<node>.key` (mode 0600) into `directory`, which is created if missing.
    package func write(to directory: String, overwrite: Bool = false) throws(CertificateAuthorityError) {
        try PrivateFiles.write(
            [
                ("\(self.node).key", self.keyPEM, isSecret: true),
                ("\(self.node).pem", self.certificatePEM, isSecret: false),
            ], in: directory, overwrite: overwrite)
    }
}

/// Why a CA or a certificate was not made.
package enum CertificateAuthorityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing was changed.
    case exists(path: String)
    case missing(path: String)
    /// The system's words.
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    case malformed(path: String)
    case keyMismatch(certificate: String, key: String)
    case notAnAuthority(path: String)
    case notANodeName(String)
    case notAHostName(String)
    case validityOutOfRange(days: Int)
    case outlivesAuthority(end: Date, authorityEnd: Date)
    case notIssued(reason: String)

    package var description: String {
        switch self {
        case .exists(let path): "\(path) exists; it is only overwritten on demand"
        case .missing(let path): "\(path): there is no such file"
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
        case .malformed(let path): "\(path) holds no PEM that can be used"
        case .keyMismatch(let certificate, let key): "\(key) is not the private key of \(certificate)"
        case .notAnAuthority(let path): "\(path) is no certificate of an authority"
        case .notANodeName(let name): "\"\(name)\" is no node name: 1 to 63 of a-z A-Z 0-9 . _ -"
        case .notAHostName(let name): "\"\(name)\" is neither a host name nor an IP address"
        case .validityOutOfRange(let days): "a validity of \(days) days; 1 to 36500 are possible"
        case .outlivesAuthority(let end, let authorityEnd):
            "the certificate would be valid until \(end), its CA only until \(authorityEnd)"
        case .notIssued(let reason): "the certificate could not be made: \(reason)"
        }
    }
}

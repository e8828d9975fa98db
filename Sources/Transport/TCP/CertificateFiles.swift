package import Basis
import NIOCore
import NIOSSL

/// Where the certificates of one node are, all in PEM.
package struct CertificateFiles: Hashable, Sendable {
    /// The cluster's CA: one or more certificates, of which one must have issued every peer's.
    package var authority: String
    /// This node's certificate, followed by intermediate ones if there are any.
    package var certificate: String
    /// The private key of `certificate`.
    package var key: String

    package init(authority: String, certificate: String, key: String) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }
}

/// Why the certificates of this node cannot be used.
package enum CertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case unreadable(path: String, reason: String)
    /// The file can be read but holds no PEM certificate or key.
    case malformed(path: String)
    case keyMismatch(certificate: String, key: String)
    /// `secondsAgo` is counted from now.
    case expired(path: String, secondsAgo: Int64)
    case notYetValid(path: String, secondsAhead: Int64)
    /// The certificate does not name this node: every peer would refuse it.
    case certificateOfAnother(path: String, node: NodeID, names: [String])

    package var description: String {
        switch self {
        case .missing(let path): "\(path): there is no such file"
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .malformed(let path): "\(path) holds no PEM certificate or key"
        case .keyMismatch(let certificate, let key): "\(key) is not the private key of \(certificate)"
        case .expired(let path, let seconds): "the certificate in \(path) expired \(seconds) s ago"
        case .notYetValid(let path, let seconds): "the certificate in \(path) becomes valid in \(seconds) s"
        case .certificateOfAnother(let path, let node, let names):
            "the certificate in \(path) is for \(names.joined(separator: ", ")), not for \(node)"
        }
    }
}

/// What both ends of a TLS connection present and demand. Built anew at each reload; open connections keep theirs.
struct TLSContexts: Sendable {
    let client: NIOSSLContext
    let server: NIOSSLContext

    /// Reads the files: blocking, so not on an event loop.
    ///
    /// - Parameter now: the wall clock, in milliseconds since 1970.
    init(files: CertificateFiles, node: NodeID, now: UInt64) throws(CertificateError) {
        let authorities = try Self.certificates(at: files.authority)
        let chain = try Self.certificates(at: files.certificate)
        for (path, certificates) in [(files.authority, authorities), (files.certificate, chain)] {
            for certificate in certificates {
                try Self.checkValidity(of: certificate, path: path, now: Int64(clamping: now / 1_000))
            }
        }
        let names = chain.first?.dnsNames ?? []
        guard names.contains(node.name) else {
            throw .certificateOfAnother(path: files.certificate, node: node, names: names)
        }
        let key = try Self.key(at: files.key)
        do {
            var client = TLSConfiguration.makeClientConfiguration()
            client.certificateChain = chain.map { .certificate($0) }
            client.privateKey = .privateKey(key)
            var server = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            Self.demandClusterCertificate(&client, authorities)
            Self.demandClusterCertificate(&server, authorities)
            self.client = try NIOSSLContext(configuration: client)
            self.server = try NIOSSLContext(configuration: server)
        } catch {
            throw .keyMismatch(certificate: files.certificate, key: files.key)
        }
    }

    /// TLS 1.3 only; the chain of either side is verified by NIOSSL itself against the cluster's CA. Which node the
    /// certificate is for is compared after the handshake (``Hello/refusal(of:meant:certificateNames:)``): node names
    /// are no host names, and a custom verification callback would replace the verification of the chain.
    private static func demandClusterCertificate(
        _ configuration: inout TLSConfiguration, _ authorities: [NIOSSLCertificate]
    ) {
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates(authorities)
        configuration.shutdownTimeout = Self.shutdownTimeout
    }

    /// How long a closing side waits for the peer's closing word.
    private static let shutdownTimeout = TimeAmount.seconds(1)

    private static func certificates(at path: String) throws(CertificateError) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMFile(path)
        } catch {
            // The PEM reader does not say why; the DER reader opens the file in a way that does.
            throw Self.failure(at: path) { _ = try NIOSSLCertificate.fromDERFile(path) }
        }
    }

    private static func key(at path: String) throws(CertificateError) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw Self.failure(at: path) { throw error }
        }
    }

    private static func failure(at path: String, _ read: () throws -> Void) -> CertificateError {
        do {
            try read()
        } catch let error as IOError where error.errnoCode == SystemErrorNumber.noSuchFile {
            return .missing(path: path)
        } catch let error as IOError {
            return .unreadable(path: path, reason: error.description)
        } catch {}
        return .malformed(path: path)
    }

    private static func checkValidity(
        of certificate: NIOSSLCertificate, path: String, now: Int64
    ) throws(CertificateError) {
        let (from, to) = (Int64(certificate.notValidBefore), Int64(certificate.notValidAfter))
        guard now <= to else { throw .expired(path: path, secondsAgo: now - to) }
        guard now >= from else { throw .notYetValid(path: path, secondsAhead: from - now) }
    }
}

extension NIOSSLCertificate {
    /// The DNS names that this certificate is for.
    var dnsNames: [String] {
        self._subjectAlternativeNames().compactMap { name in
            name.nameType == .dnsName ? String(validating: name.contents, as: UTF8.self) : nil
        }
    }
}

/// The two numbers of Linux's `errno.h` that decide what an operator is told. Importing the C library for them would
/// open all of it to this module.
enum SystemErrorNumber {
    static let noSuchFile: CInt = 2
    static let addressInUse: CInt = 98
}

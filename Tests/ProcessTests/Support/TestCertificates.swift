import Certificates
import Foundation

/// Certificates of a ring that talks over TLS.
enum TestCertificates {
    /// The lines of the config file.
    static let setting = #"tls: {ca: tls/ca.pem, certificate: "tls/{node}.pem", key: "tls/{node}.key"}"#

    /// A new authority, with its certificate where the config file looks for it.
    static func authority(of ring: TestRing, now: Date = Date()) throws -> CertificateAuthority {
        try CertificateAuthority.create(in: "\(ring.folder.path)/tls", cluster: "test", now: now, overwrite: true)
    }
}

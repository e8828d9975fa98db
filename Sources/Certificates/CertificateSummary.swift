package import Foundation
import SwiftASN1
import X509

/// What a person wants to know of a certificate.
package struct CertificateSummary: Hashable, Sendable {
    package var subject: String
    package var issuer: String
    /// DNS names and IP addresses that it is for, in their order.
    package var names: [String]
    package var notBefore: Date
    package var notAfter: Date
    package var isAuthority: Bool
    /// In hexadecimal; unique among the certificates of one CA.
    package var serialNumber: String
    /// Whether it may stand at the accepting and at the dialling end of a connection.
    package var isForServers: Bool
    package var isForClients: Bool

    /// Reads the first certificate in `pem`; nil when there is none.
    package init?(pem: String) {
        guard let certificate = try? Certificate(pemEncoded: pem) else { return nil }
        self.subject = certificate.subject.description
        self.issuer = certificate.issuer.description
        self.notBefore = certificate.notValidBefore
        self.notAfter = certificate.notValidAfter
        self.isAuthority =
            if case .isCertificateAuthority? = try? certificate.extensions.basicConstraints { true } else { false }
        self.serialNumber = certificate.serialNumber.bytes.map {
            String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
        }
        .joined()
        let usages = (try? certificate.extensions.extendedKeyUsage).map(Array.init) ?? []
        self.isForServers = usages.contains(.serverAuth)
        self.isForClients = usages.contains(.clientAuth)
        let alternatives = (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([])
        self.names = alternatives.compactMap { name in
            switch name {
            case .dnsName(let name): name
            case .ipAddress(let address): IPAddressBytes.text(of: Array(address.bytes))
            default: nil
            }
        }
    }

    /// Whether it is valid at `now`.
    package func isValid(at now: Date) -> Bool {
        self.notBefore <= now && now <= self.notAfter
    }
}

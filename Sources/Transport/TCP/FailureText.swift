import NIOCore
import NIOPosix
import NIOSSL

/// What an operator reads when a connection fails: the cause first, in words, and what to look at.
enum FailureText {
    static func of(_ error: any Error) -> String {
        switch error {
        case let error as NIOSSLError: Self.of(error)
        case let error as NIOConnectionError: Self.of(error)
        case let error as IOError: error.description
        case ChannelError.connectTimeout(let amount): "no answer within \(amount.nanoseconds / 1_000_000) ms"
        default: "\(error)"
        }
    }

    private static func of(_ error: NIOConnectionError) -> String {
        // One cause per address that was tried; the last address is the one that names resolve to most often.
        if let last = error.connectionErrors.last { return Self.of(last.error) }
        return "the host name \(error.host) cannot be resolved"
    }

    /// BoringSSL names the alert or the check by a constant in its error stack; there is no typed access to it.
    private static func of(_ error: NIOSSLError) -> String {
        let text = "\(error)"
        let causes = [
            ("CERTIFICATE_VERIFY_FAILED", "the peer's certificate is expired, or our CA did not issue it"),
            ("CERTIFICATE_EXPIRED", "the peer says that our certificate is expired"),
            ("UNKNOWN_CA", "the peer's CA did not issue our certificate"),
            ("CERTIFICATE_UNKNOWN", "the peer does not accept our certificate"),
            ("BAD_CERTIFICATE", "the peer does not accept our certificate"),
            ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the peer has no certificate"),
            ("CERTIFICATE_REQUIRED", "the peer demands a certificate"),
            ("WRONG_VERSION_NUMBER", "the peer does not speak TLS"),
            ("UNSUPPORTED_PROTOCOL", "the peer does not speak TLS 1.3"),
            ("PROTOCOL_VERSION", "the peer does not speak TLS 1.3"),
        ]
        for (constant, cause) in causes where text.contains(constant) {
            return "the TLS handshake failed: \(cause) (\(constant))"
        }
        if case .uncleanShutdown = error { return "the peer closed the connection" }
        return "TLS failed: \(text)"
    }
}

import Glibc
import NIOCore

/// Who is at the other end of a UNIX socket, by the kernel's word (`struct ucred` of unix(7): three 32-bit numbers).
struct PeerCredentials: Hashable, Sendable {
    var process: Int32
    var user: UInt32
    var group: UInt32

    /// Whether this peer may command a daemon of user `own`: that user himself, and root.
    func mayCommand(daemonOf own: UInt32) -> Bool {
        self.user == own || self.user == 0
    }

    /// Asks the kernel; fails for what is no UNIX socket.
    static func of(_ channel: any Channel) -> EventLoopFuture<PeerCredentials> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(NoCredentials())
        }
        return provider.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
    }

    private struct NoCredentials: Error {}
}

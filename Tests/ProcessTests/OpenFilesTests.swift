import Foundation
import Testing

@Suite("A daemon and the limit of open files", .timeLimit(.minutes(1)))
struct OpenFilesTests {
    /// All connections that the transport and the control socket permit, and 256 other files.
    private static let needed = 8_192 + 128 + 256

    @Test("raises the soft limit as far as the hard one permits, and says when that is not enough")
    func hardLimitTooLow() async throws {
        let ring = try TestRing(2, further: "log: {level: debug}")
        let daemon = try ring.launchDaemon("n1", limits: "-Sn 300 && ulimit -Hn 600")
        _ = try await daemon.ready()
        daemon.signal(SIGTERM)
        let end = await daemon.end()
        #expect(end.status == 0)
        #expect(end.errors.contains("from=300"), "\(end.errors)")
        #expect(end.errors.contains("limit=600 needed=\(Self.needed)"), "\(end.errors)")
        #expect(end.errors.contains("LimitNOFILE"), "\(end.errors)")
    }

    @Test("raises no limit that suffices, and warns of none")
    func enough() async throws {
        let ring = try TestRing(2, further: "log: {level: debug}")
        let daemon = try ring.launchDaemon("n1", limits: "-n \(Self.needed)")
        _ = try await daemon.ready()
        daemon.signal(SIGTERM)
        let end = await daemon.end()
        #expect(end.status == 0)
        #expect(!end.errors.contains("open files"), "\(end.errors)")
    }
}

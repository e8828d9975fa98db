import Certificates
import Foundation
import Testing

@Suite("A daemon that reads its config and certificates again", .timeLimit(.minutes(1)))
struct ReloadTests {
    @Test("takes nothing of them into use when a certificate cannot be used")
    func badCertificate() async throws {
        let ring = try TestRing(2, further: "mode: recommend\n\(TestCertificates.setting)")
        let authority = try TestCertificates.authority(of: ring)
        let folder = "\(ring.folder.path)/tls"
        try authority.issue(node: "n1").write(to: folder)
        let daemon = try await ring.startDaemon("n1")
        let control = try await ring.control("n1")
        try ring.configure(further: "mode: off\n\(TestCertificates.setting)")
        try "n1".write(toFile: "\(folder)/n1.pem", atomically: true, encoding: .utf8)
        let refusal = await #expect(throws: ControlClient.Refusal.self) { _ = try await control.ask("reload") }
        #expect(refusal?.message.contains("holds no PEM certificate") == true, "\(String(describing: refusal))")
        #expect(try await control.ask("status")["mode"] == "recommend")
        try authority.issue(node: "n1").write(to: folder, overwrite: true)
        _ = try await control.ask("reload")
        #expect(try await control.ask("status")["mode"] == "off")
        daemon.signal(SIGTERM)
        #expect(await daemon.end().status == 0)
    }

    @Test("does so for each that asks, also for many at a time")
    func manyAtATime() async throws {
        let ring = try TestRing(2, further: "mode: recommend")
        let daemon = try await ring.startDaemon("n1")
        try ring.configure(further: "mode: off")
        try await withThrowingTaskGroup { group in
            for _ in 1...8 {
                group.addTask { _ = try await ring.control("n1").ask("reload") }
            }
            try await group.waitForAll()
        }
        #expect(try await ring.control("n1").ask("status")["mode"] == "off")
        daemon.signal(SIGTERM)
        #expect(await daemon.end().status == 0)
    }
}

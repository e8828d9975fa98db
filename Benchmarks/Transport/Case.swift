import Certificates
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Transport

/// One setting in which the contestants are compared.
struct Case: Encodable {
    var isEncrypted: Bool
    var bodyBytes: Int
    var inFlight: Int

    static let all = [false, true].flatMap { isEncrypted in
        [64, 4_096].flatMap { bodyBytes in
            [1, 64].map { Case(isEncrypted: isEncrypted, bodyBytes: bodyBytes, inFlight: $0) }
        }
    }

    func run(
        _ options: Options, on eventLoop: any EventLoop, certificates: BenchmarkCertificates
    ) async throws -> Row {
        let contestants: [any Contestant] = [
            try await TransportContestant(self, on: eventLoop, certificates: certificates),
            try await EchoContestant(self, on: eventLoop, certificates: certificates),
        ]
        var figures = contestants.map { _ in [Figures]() }
        for round in 0...options.rounds {
            for (index, contestant) in contestants.enumerated() {
                let measured = try await Figures.measure { try await contestant.run(seconds: options.seconds) }
                // The first turn warms up.
                if round > 0 { figures[index].append(measured) }
            }
        }
        for contestant in contestants {
            try await contestant.stop()
        }
        return Row(contest: self, transport: .median(figures[0]), echo: .median(figures[1]))
    }
}

/// What is measured: it runs for a while and says how many round trips it made.
protocol Contestant {
    func run(seconds: Double) async throws -> Int
    func stop() async throws
}

/// What one turn came to.
struct Figures: Encodable {
    var perSecond: Double
    /// User and system time of the whole process per round trip.
    var cpuMicroseconds: Double

    static func measure(_ run: () async throws -> Int) async throws -> Figures {
        let (cpuBefore, before) = (Self.cpuSeconds(), ContinuousClock.now)
        let roundTrips = Double(try await run())
        let elapsed = before.duration(to: .now)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        return Figures(
            perSecond: roundTrips / seconds, cpuMicroseconds: (Self.cpuSeconds() - cpuBefore) / roundTrips * 1e6)
    }

    static func median(_ figures: [Figures]) -> Figures {
        func middle(_ value: KeyPath<Figures, Double>) -> Double {
            figures.map { $0[keyPath: value] }.sorted()[figures.count / 2]
        }
        return Figures(perSecond: middle(\.perSecond), cpuMicroseconds: middle(\.cpuMicroseconds))
    }

    static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }
}

/// A CA and two nodes' certificates in a directory of their own.
struct BenchmarkCertificates {
    static let (client, server) = ("bench-a", "bench-b")
    private let directory: String

    init(directory: String) throws {
        self.directory = directory
        let authority = try CertificateAuthority.create(in: directory, cluster: "benchmark", days: 2)
        for node in [Self.client, Self.server] {
            try authority.issue(node: node, days: 1).write(to: directory)
        }
    }

    func files(of node: String) -> CertificateFiles {
        CertificateFiles(
            authority: "\(self.directory)/\(CertificateAuthority.certificateFile)",
            certificate: "\(self.directory)/\(node).pem", key: "\(self.directory)/\(node).key")
    }
}

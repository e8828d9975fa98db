import Foundation
import NIOCore
import NIOPosix

/// Measures a round trip through `TCPTransport` against a bare NIO echo with the same frames.
///
/// Both ends of both contestants live in this process on one and the same event-loop thread, so CPU time covers
/// client and server. The contestants take turns, and the median over the turns is shown: what else the machine does
/// then hits both alike.
@main
enum TransportBenchmark {
    static func main() async throws {
        let options = try Options(CommandLine.arguments.dropFirst())
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("transport-benchmark-\(ProcessInfo.processInfo.processIdentifier)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let certificates = try BenchmarkCertificates(directory: directory)
        let cases = Case.all.filter { options.inFlight == nil || $0.inFlight == options.inFlight }
        print("one event-loop thread, both ends in one process, \(options.rounds) turns of \(options.seconds) s each")
        print(Row.header)
        var rows: [Row] = []
        for contest in cases {
            let row = try await contest.run(options, on: group.next(), certificates: certificates)
            print(row.text)
            rows.append(row)
        }
        let pipelined = rows.filter { $0.contest.inFlight > 1 }.map(\.ratio).min() ?? 0
        let single = rows.filter { $0.contest.inFlight == 1 }.map(\.ratio).min() ?? 0
        print(
            String(
                format: "transport-benchmark: transport/echo round trips per second, worst case: "
                    + "%.2f at 64 in flight, %.2f at 1", pipelined, single))
        try await group.shutdownGracefully()
    }
}

/// What the command line says.
struct Options {
    /// How long one turn of one contestant lasts, in seconds.
    var seconds = 0.5
    /// How many turns each contestant has.
    var rounds = 5

    /// Only the cases with so many requests in flight; nil for all.
    var inFlight: Int?

    /// Whether the callers' tasks prefer the transport's task executor.
    var prefersLoop = false

    init(_ arguments: some Sequence<String>) throws {
        var rest = Array(arguments)[...]
        while let name = rest.popFirst() {
            if name == "--prefer-loop" {
                self.prefersLoop = true
                continue
            }
            guard let text = rest.popFirst(), let value = Double(text), value > 0, value <= 3_600 else {
                throw UsageError()
            }
            switch name {
            case "--seconds": self.seconds = value
            case "--rounds" where value >= 1: self.rounds = Int(value)
            case "--in-flight": self.inFlight = Int(value)
            default: throw UsageError()
            }
        }
    }
}

struct UsageError: Error, CustomStringConvertible {
    let description = "usage: transport-benchmark [--seconds N] [--rounds N] [--in-flight 1|64] [--prefer-loop]"
}

/// One line of the table.
struct Row {
    var contest: Case
    var transport: Figures
    var echo: Figures

    /// Round trips per second of the transport over those of the echo.
    var ratio: Double { self.transport.perSecond / self.echo.perSecond }

    static let header =
        "link   body B  in flight | transport rt/s  CPU us/rt |      echo rt/s  CPU us/rt | rt/s ratio  CPU ratio"

    var text: String {
        let name = (self.contest.isEncrypted ? "mTLS" : "plain").padding(toLength: 5, withPad: " ", startingAt: 0)
        return name
            + String(
                format: "%8d %10d | %14.0f %10.2f | %14.0f %10.2f | %10.2f %10.2f", self.contest.bodyBytes,
                self.contest.inFlight, self.transport.perSecond, self.transport.cpuMicroseconds, self.echo.perSecond,
                self.echo.cpuMicroseconds, self.ratio, self.transport.cpuMicroseconds / self.echo.cpuMicroseconds)
    }
}

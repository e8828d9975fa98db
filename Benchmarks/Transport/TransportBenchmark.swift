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
        let cases = Case.all.filter(options.includes)
        if !options.isJSON {
            print(
                "one event-loop thread, both ends in one process, \(options.rounds) turns of \(options.seconds) s each")
            print(Row.header)
        }
        var rows: [Row] = []
        for contest in cases {
            let row = try await contest.run(options, on: group.next(), certificates: certificates)
            if !options.isJSON { print(row.text) }
            rows.append(row)
        }
        let report = Report(
            rounds: options.rounds, seconds: options.seconds, rows: rows,
            codec: try CodecCase.run(rounds: options.rounds))
        print(options.isJSON ? try report.json : report.text)
        try await group.shutdownGracefully()
    }
}

/// What the command line says.
struct Options {
    /// How long one turn of one contestant lasts, in seconds.
    var seconds = 0.5
    /// How many turns each contestant has.
    var rounds = 5
    /// Whether one JSON object is printed instead of a table.
    var isJSON = false
    /// Only the cases with so many requests in flight; nil for all.
    var inFlight: Int?
    /// Only the cases with bodies of so many bytes; nil for all.
    var bodyBytes: Int?
    /// Only the cases on such a link; nil for both.
    var link: Link?

    enum Link: String {
        case plain
        case mTLS = "mtls"
    }

    func includes(_ contest: Case) -> Bool {
        (self.inFlight ?? contest.inFlight) == contest.inFlight
            && (self.bodyBytes ?? contest.bodyBytes) == contest.bodyBytes
            && (self.link.map { $0 == .mTLS } ?? contest.isEncrypted) == contest.isEncrypted
    }

    init(_ arguments: some Sequence<String>) throws {
        var rest = Array(arguments)[...]
        while let name = rest.popFirst() {
            if name == "--json" {
                self.isJSON = true
                continue
            }
            guard let text = rest.popFirst() else { throw UsageError() }
            if name == "--link", let link = Link(rawValue: text) {
                self.link = link
                continue
            }
            guard let value = Double(text), value > 0, value <= 65_536 else { throw UsageError() }
            switch name {
            case "--seconds": self.seconds = value
            case "--rounds" where value >= 1: self.rounds = Int(value)
            case "--in-flight": self.inFlight = Int(value)
            case "--body": self.bodyBytes = Int(value)
            default: throw UsageError()
            }
        }
    }
}

struct UsageError: Error, CustomStringConvertible {
    let description = """
        usage: transport-benchmark [--json] [--seconds N] [--rounds N] [--link plain|mtls] [--body 64|4096] \
        [--in-flight 1|64]
        """
}

/// Everything that was measured.
struct Report: Encodable {
    var rounds: Int
    var seconds: Double
    var rows: [Row]
    var codec: CodecCase.Medians

    var text: String {
        func worst(_ isOfKind: (Case) -> Bool) -> String {
            self.rows.filter { isOfKind($0.contest) }.map(\.ratio).min().map { String(format: "%.2f", $0) } ?? "-"
        }
        return """
            \(self.codec.text)
            transport-benchmark: transport/echo round trips per second, worst case: \
            \(worst { $0.inFlight > 1 }) at 64 in flight, \(worst { $0.inFlight == 1 }) at 1
            """
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

/// One line of the table.
struct Row: Encodable {
    var contest: Case
    var transport: Figures
    var echo: Figures

    /// Round trips per second of the transport over those of the echo.
    var ratio: Double { self.transport.perSecond / self.echo.perSecond }

    private enum Key: CodingKey {
        case contest, transport, echo, ratio
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.contest, forKey: .contest)
        try container.encode(self.transport, forKey: .transport)
        try container.encode(self.echo, forKey: .echo)
        try container.encode(self.ratio, forKey: .ratio)
    }

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

import Basis
import ClusterActors
import Foundation
import NIOCore
import Placement

/// Writes and reads the longest message that is sent often: a granted reservation, with the VMs of its node.
enum CodecCase {
    static let vmCount = 50
    /// How often the message is written, and read, in one turn.
    private static let repetitions = 1_000

    /// Medians over the turns.
    struct Medians: Encodable {
        var vms = CodecCase.vmCount
        var bytes: Int
        var encodeMicroseconds: Double
        var decodeMicroseconds: Double

        var text: String {
            "codec: a granted reply with \(self.vms) VMs, \(self.bytes) bytes: "
                + String(format: "encode %.2f us, decode %.2f us", self.encodeMicroseconds, self.decodeMicroseconds)
        }
    }

    static func run(rounds: Int) throws -> Medians {
        let bytes = MessageCodec.encode(self.reply)
        var (encode, decode): ([Double], [Double]) = ([], [])
        for _ in 0..<rounds {
            encode.append(try self.cpuMicroseconds { MessageCodec.encode(self.reply).readableBytes })
            decode.append(try self.cpuMicroseconds { try self.vmCount(in: MessageCodec.decodeReply(bytes)) })
        }
        return Medians(
            bytes: bytes.readableBytes, encodeMicroseconds: encode.sorted()[rounds / 2],
            decodeMicroseconds: decode.sorted()[rounds / 2])
    }

    /// CPU time of one call of `body`, whose result must not be zero.
    private static func cpuMicroseconds(_ body: () throws -> Int) throws -> Double {
        let before = Figures.cpuSeconds()
        for _ in 0..<self.repetitions {
            guard try body() > 0 else { throw UnexpectedReply() }
        }
        return (Figures.cpuSeconds() - before) / Double(self.repetitions) * 1e6
    }

    private static func vmCount(in reply: Reply) -> Int {
        guard case .reserve(.granted(let grant)) = reply else { return 0 }
        return grant.snapshot.vms.count
    }

    private static let reply = Reply.reserve(
        .granted(
            Grant(
                epoch: Epoch(boot: 41, counter: 7), lease: .seconds(10), revision: Revision(rawValue: 1_234),
                snapshot: NodeSnapshot(
                    node: Node(
                        id: "node-017", capacity: Resources(cpuMillicores: 32_000, memoryMiB: 262_144),
                        reserved: Resources(cpuMillicores: 1_000, memoryMiB: 4_096), site: "rennes", rack: "r3",
                        linkMbps: 10_000),
                    vms: (0..<CodecCase.vmCount).map { index in
                        VirtualMachine(
                            id: VMID(stringLiteral: "vm-\(10_000 + index)"),
                            demand: Resources(
                                cpuMillicores: 100 + 37 * index, memoryMiB: 2_048, diskKiBPerSecond: 500,
                                networkKiBPerSecond: 120),
                            cpuDemandVariance: 900, dirtyMiBPerSecond: 30,
                            migratability: index % 10 == 0 ? .rooted(reason: "cool-down for 40 s more") : .migratable)
                    },
                    thresholds: LoadThresholds(overloadPercent: 90, underloadPercent: 20), age: .milliseconds(700)),
                successor: "node-018")))
}

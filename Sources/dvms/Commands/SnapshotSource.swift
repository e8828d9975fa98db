import ArgumentParser
import Basis
import ControlClient
import ControlProtocol
import Foundation
import Placement
import Settings
import Snapshots

/// Where a fleet is read from.
struct SnapshotSource: ParsableArguments {
    @Option(help: ArgumentHelp("A snapshot as dvms-snapshot/1; - is standard input.", valueName: "file"))
    var snapshot: String?

    @Option(help: ArgumentHelp("What `hbal -t` reads.", valueName: "file"))
    var ganetiText: String?

    @Option(help: ArgumentHelp("What `hbal -U` reads; goes with --ganeti-text.", valueName: "file"))
    var ganetiUtil: String?

    @Option(help: ArgumentHelp("A data set of ByteDance's rescheduling challenge.", valueName: "file"))
    var bytedance: String?

    @Option(help: ArgumentHelp("Take the CPU demands at this percentage of what they are.", valueName: "percent"))
    var scaleCPU: Int?

    @Option(
        help: ArgumentHelp("Scale only VMs on this node; may be repeated.", valueName: "id"),
        transform: ArgumentText.node)
    var scaleNode: [NodeID] = []

    func validate() throws {
        if self.ganetiUtil != nil, self.ganetiText == nil {
            throw ValidationError("--ganeti-util goes with --ganeti-text")
        }
        if self.scaleCPU == nil, !self.scaleNode.isEmpty {
            throw ValidationError("--scale-node goes with --scale-cpu")
        }
        if let percent = self.scaleCPU, !Snapshot.scaleRange.contains(percent) {
            throw ValidationError(
                "--scale-cpu is from \(Snapshot.scaleRange.lowerBound) to \(Snapshot.scaleRange.upperBound)")
        }
    }

    /// Reads it; what could not be taken over is told on standard error.
    ///
    /// - Parameter live: may name the control socket of a daemon, or a folder with the sockets of several.
    /// - Throws: ``OperatorFailure`` with everything that is wrong with the file.
    func fleet(or live: DaemonOptions) throws -> Snapshot {
        guard live.config == nil, live.chosen.node == nil else {
            throw ValidationError("--config and --node choose no fleet; say --socket")
        }
        guard !live.json else { throw ValidationError("--json is for answers of daemons; say --format json") }
        guard [self.snapshot, self.ganetiText, self.bytedance, live.socket].compactMap({ $0 }).count == 1 else {
            throw ValidationError("say one of --snapshot, --ganeti-text, --bytedance and --socket")
        }
        let read = try BadInput.asFailure { try self.imported(or: live.socket) }
        for note in read.notes { Console.complain("dvms: \(note)") }
        guard let percent = self.scaleCPU else { return read.snapshot }
        let known = Set(read.snapshot.nodes.map(\.node.id))
        for node in self.scaleNode where !known.contains(node) {
            throw OperatorFailure(.badInput, "--scale-node \(node): the fleet has no such node")
        }
        return read.snapshot.scalingCPU(to: percent, on: Set(self.scaleNode))
    }

    private func imported(or socket: String?) throws -> ImportedSnapshot {
        if let file = self.ganetiText {
            return try GanetiImport.read(
                data: (try PlanArguments.bytes(file), file),
                utilisation: try self.ganetiUtil.map { (try PlanArguments.bytes($0), $0) })
        }
        if let file = self.bytedance {
            return try ByteDanceImport.read(try PlanArguments.bytes(file), named: file)
        }
        if let socket {
            let sockets = try Self.sockets(socket)
            return try LiveFleet.imported(try sockets.map { path in try Self.answers(of: path) })
        }
        let file = self.snapshot ?? "-"
        return ImportedSnapshot(try Snapshot.read(try PlanArguments.bytes(file), named: file))
    }
}

extension SnapshotSource {
    /// The socket itself, or those in a folder, in the order of their names.
    private static func sockets(_ path: String) throws(OperatorFailure) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return [path] }
        let sockets = names.filter { $0.hasSuffix(".sock") }.sorted().map { "\(path)/\($0)" }
        if sockets.isEmpty { throw OperatorFailure(.unreachable, "\(path): there is no socket in this folder") }
        return sockets
    }

    private static func answers(of socket: String) throws(OperatorFailure) -> LiveFleet.Answers {
        LiveFleet.Answers(
            status: try Self.answer(of: socket, to: .status), vms: try Self.answer(of: socket, to: .vms),
            ring: try Self.answer(of: socket, to: .ring))
    }

    private static func answer<Value: Decodable>(
        of socket: String, to request: ControlRequest
    ) throws(OperatorFailure) -> Value {
        let payload: ControlPayload
        do throws(DaemonFailure) {
            var session = try DaemonSession(path: socket, waitSecondsMax: DaemonOptions.waitSecondsMax)
            payload = try session.ask(request)
        } catch {
            throw OperatorFailure(error)
        }
        do {
            return try payload.value()
        } catch {
            throw OperatorFailure(.failed, "\(socket): \(error)".onOneLine)
        }
    }
}

/// Arguments of `dvms plan` to values.
enum PlanArguments {
    /// The bytes of a file, or of standard input; one more than is read at the most where there are more.
    static func bytes(_ path: String) throws(OperatorFailure) -> [UInt8] {
        let countMax = JSONLimits.bytesMax + 1
        do {
            guard path == "-" else { return try FileText.bytes(path, atMost: countMax) }
            return Array(try FileHandle.standardInput.read(upToCount: countMax) ?? Data())
        } catch {
            throw OperatorFailure(.badInput, "\(path): \(error)")
        }
    }

    /// `5s`, `200ms`.
    static func duration(_ text: String) throws -> Duration {
        let isMilliseconds = text.hasSuffix("ms")
        guard isMilliseconds || text.hasSuffix("s"), let number = Int(text.dropLast(isMilliseconds ? 2 : 1)),
            number > 0, number <= 86_400_000
        else { throw ValidationError("'\(text)' is not a duration as 5s or 200ms") }
        return isMilliseconds ? .milliseconds(number) : .seconds(number)
    }

    /// As ``duration(_:)``; `0s` as well.
    static func durationOrZero(_ text: String) throws -> Duration {
        if ["0s", "0ms"].contains(text) { return .zero }
        return try Self.duration(text)
    }
}

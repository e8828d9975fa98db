import ArgumentParser
import Basis
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
        guard [self.snapshot, self.ganetiText, self.bytedance].compactMap({ $0 }).count == 1 else {
            throw ValidationError("say one of --snapshot, --ganeti-text and --bytedance")
        }
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
    /// - Throws: ``OperatorFailure`` with everything that is wrong with the file.
    func fleet() throws(OperatorFailure) -> Snapshot {
        let read = try BadInput.asFailure { try self.imported() }
        for note in read.notes { Console.complain("dvms: \(note)") }
        guard let percent = self.scaleCPU else { return read.snapshot }
        let known = Set(read.snapshot.nodes.map(\.node.id))
        for node in self.scaleNode where !known.contains(node) {
            throw OperatorFailure(.badInput, "--scale-node \(node): the fleet has no such node")
        }
        return read.snapshot.scalingCPU(to: percent, on: Set(self.scaleNode))
    }

    private func imported() throws -> ImportedSnapshot {
        if let file = self.ganetiText {
            return try GanetiImport.read(
                data: (try PlanArguments.bytes(file), file),
                utilisation: try self.ganetiUtil.map { (try PlanArguments.bytes($0), $0) })
        }
        if let file = self.bytedance {
            return try ByteDanceImport.read(try PlanArguments.bytes(file), named: file)
        }
        let file = self.snapshot ?? "-"
        return ImportedSnapshot(try Snapshot.read(try PlanArguments.bytes(file), named: file))
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
}

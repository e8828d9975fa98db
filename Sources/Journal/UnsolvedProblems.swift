import Foundation
package import Placement
import Snapshots

/// The problems that this node's ISPs did not solve, one file each, which `dvms plan --snapshot` reads.
///
/// So what a solver gave up on can be looked at without the fleet, and sent on: it holds names, demands and
/// constraints, and nothing that is inside of a guest.
package struct UnsolvedProblems: Sendable {
    /// How many files are kept; the oldest make room.
    package static let filesMax = 32

    private let directory: URL

    /// - Parameter stateDirectory: the files go to its folder `unsolved`, made with the first of them.
    package init(stateDirectory: String) {
        self.directory = URL(fileURLWithPath: stateDirectory).appendingPathComponent("unsolved")
    }

    /// Where the last problem of the ISP of this name goes.
    package func file(of isp: String) -> String { self.directory.appendingPathComponent("\(isp).json").path }

    /// Writes one, whole or not at all, and makes room. Waits for the disk.
    ///
    /// - Throws: what Foundation says of the file that cannot be written, or not be removed.
    package func write(_ problem: PlacementProblem, of isp: String) throws {
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        try Data(Snapshot(of: problem).bytes).write(to: URL(fileURLWithPath: self.file(of: isp)), options: .atomic)
        try self.makeRoom()
    }

    private func makeRoom() throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: self.directory, includingPropertiesForKeys: [.contentModificationDateKey])
        guard files.count > Self.filesMax else { return }
        let dated = try files.map { file in
            let written = try file.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
            return (file: file, written: written ?? .distantPast)
        }
        for (file, _) in dated.sorted(by: { $0.written < $1.written }).dropLast(Self.filesMax) {
            try FileManager.default.removeItem(at: file)
        }
    }
}

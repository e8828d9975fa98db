import Foundation
import Placement
import Snapshots

/// Files of this folder, and how snapshots are read in tests.
enum SnapshotFixture {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func golden(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: self.root.appendingPathComponent("Tests/SnapshotsTests/Golden/\(name)")))
    }

    /// What is wrong with a snapshot, in lines; empty when nothing is.
    static func problems(_ text: String) -> [String] {
        self.problems(Array(text.utf8)) { bytes throws(InvalidInput) in _ = try Snapshot.read(bytes, named: "s") }
    }

    static func problems(_ bytes: [UInt8], _ read: ([UInt8]) throws(InvalidInput) -> Void) -> [String] {
        do throws(InvalidInput) {
            try read(bytes)
            return []
        } catch {
            return error.problems.map { "\($0.path): \($0.text)" }
                + (error.omitted > 0 ? ["and \(error.omitted) more"] : [])
        }
    }

    /// A small snapshot with parts to be replaced.
    static func text(
        nodes: String = """
        {"id":"n1","capacity":{"cpu_millicores":4000,"memory_mib":8192}},
        {"id":"n2","capacity":{"cpu_millicores":4000,"memory_mib":8192}}
        """,
        vms: String = """
        {"id":"a","node":"n1","demand":{"cpu_millicores":3000,"memory_mib":1024}},
        {"id":"b","node":"n1","demand":{"cpu_millicores":2000,"memory_mib":2048}}
        """,
        more: String = ""
    ) -> String {
        """
        {"format":"dvms-snapshot/1","nodes":[\(nodes)],"vms":[\(vms)]\(more.isEmpty ? "" : ",")\(more)}
        """
    }

    static func constraint(_ text: String) -> String { self.text(more: "\"constraints\":[\(text)]") }
}

import Basis
import Foundation
import Journal
import Placement
import Snapshots
import Testing

@Suite("Unsolved problems")
struct UnsolvedProblemsTests {
    private func problem(_ vm: VMID) -> PlacementProblem {
        PlacementProblem(
            nodes: [Node(id: "n1", capacity: Resources(cpuMillicores: 1_000, memoryMiB: 1_024))],
            vms: [VirtualMachine(id: vm, demand: Resources(cpuMillicores: 2_000, memoryMiB: 512))],
            mapping: [vm: "n1"])
    }

    @Test("are snapshots, from which the same problem is read")
    func areSnapshots() throws {
        let folder = try TemporaryFolder()
        let problems = UnsolvedProblems(stateDirectory: folder.path)
        try problems.write(self.problem("web"), of: "n1#1.7")
        let file = problems.file(of: "n1#1.7")
        #expect(file == "\(folder.path)/unsolved/n1#1.7.json")
        let read = try Snapshot.read([UInt8](Data(contentsOf: URL(fileURLWithPath: file))), named: file).problem()
        #expect(read.vms == self.problem("web").vms)
        #expect(read.mapping == self.problem("web").mapping)
    }

    @Test("make room for newer ones")
    func makeRoom() throws {
        let folder = try TemporaryFolder()
        let problems = UnsolvedProblems(stateDirectory: folder.path)
        let manager = FileManager.default
        for number in 1...UnsolvedProblems.filesMax {
            let name = "n1#1.\(number)"
            try problems.write(self.problem("web"), of: name)
            // Told apart by their dates, which follow each other too closely here.
            try manager.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(number))],
                ofItemAtPath: problems.file(of: name))
        }
        #expect(manager.fileExists(atPath: problems.file(of: "n1#1.1")))
        try problems.write(self.problem("web"), of: "n1#2.1")
        let left = try manager.contentsOfDirectory(atPath: "\(folder.path)/unsolved")
        #expect(left.count == UnsolvedProblems.filesMax)
        #expect(!left.contains("n1#1.1.json") && left.contains("n1#1.2.json") && left.contains("n1#2.1.json"))
    }

    @Test("say what is wrong when they cannot be written")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        try Data().write(to: URL(fileURLWithPath: "\(folder.path)/unsolved"))
        let problems = UnsolvedProblems(stateDirectory: folder.path)
        #expect(throws: CocoaError.self) { try problems.write(self.problem("web"), of: "n1#1.1") }
    }
}

import Basis
import Deployer
import Foundation
import Settings
import Simulation
import Testing
import dvms

@Suite("The program dvms load")
struct LoadProgramTests {
    private let folder: TemporaryFolder
    private let fleet: String
    private let profile: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.fleet = "\(self.folder.path)/fleet.yaml"
        self.profile = "\(self.folder.path)/load.yaml"
        try """
        fleet: small
        inventory:
          hosts:
            - {id: h1, address: 192.0.2.1}
        network: {subnet: 10.1.0.0/24}
        image: {file: debian.qcow2}
        templates:
          - {name: t, memory: 1GiB}
        vms:
          - {template: t, count: 5, name: "vm-{n}"}
        """.write(toFile: self.fleet, atomically: true, encoding: .utf8)
        try "duration: 20min\nphases: [{random: {period: 1min}}]\n"
            .write(toFile: self.profile, atomically: true, encoding: .utf8)
    }

    private func load(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun(["load", "--fleet", self.fleet, "--state", "\(self.folder.path)/state"] + arguments)
    }

    @Test("shows the plan: the same for a seed, another for another")
    func plan() throws {
        let first = try self.load(self.profile, "--plan", "--seed", "3")
        #expect(first.status == 0 && first.output.contains("vm-5"), "\(first)")
        #expect(try self.load(self.profile, "--plan", "--seed", "3").output == first.output)
        #expect(try self.load(self.profile, "--plan", "--seed", "4").output != first.output)
    }

    @Test("says what is wrong with a command line, a profile and a deployment, with status 2")
    func refused() throws {
        #expect(try self.load().errors.contains("name a profile, or say --stop"))
        #expect(try self.load(self.profile, "--stop").status != 0)
        let unknown = try self.load(self.profile)
        #expect(unknown.status == 2 && unknown.errors.contains("small"), "\(unknown)")
        try "duration: 1min\nphases: [{vms: [vm-9], cpu: 5%}]\n"
            .write(toFile: self.profile, atomically: true, encoding: .utf8)
        let wrong = try self.load(self.profile, "--plan")
        #expect(wrong.status == 2 && wrong.errors.contains("load.yaml:2: phases[0].vms: the fleet has no VM vm-9"))
    }

    @Test("draws as the simulator does")
    func courses() throws {
        var random = InjectionProfile.Random()
        random.period = .seconds(60)
        let steps = try SimulatedCourses().steps(of: .random(random), vms: 4, seed: 9, before: .seconds(600))
        var settings = SteppedLoad.Settings()
        settings.period = .seconds(60)
        var simulated = SteppedLoad(settings, vms: 4, seed: 9)
        #expect(steps.count > 20)
        for step in steps {
            let next = simulated.next()
            let change = try #require(next)
            #expect(step == CourseStep(at: change.at, vm: change.vm, percent: change.percent))
        }
        random.stepPercent = 25
        let coarse = try SimulatedCourses().steps(of: .random(random), vms: 4, seed: 9, before: .seconds(600))
        #expect(Set(coarse.map(\.percent)).isSubset(of: [0, 25, 50, 75, 100]) && coarse.count == steps.count)
    }

    @Test("records each order and each measurement on a line, and the sums at the end")
    func journal() throws {
        let file = "\(self.folder.path)/out.jsonl"
        let journal = try LoadJournal(file)
        let order = LoadOrder(vm: "vm-1", at: .zero, until: .seconds(20), load: InjectedLoad(cpuPercent: 50))
        journal.take(.began(order, at: .milliseconds(120), host: "h1"))
        journal.take(
            .measured(
                InjectionEvent.Measured(
                    vm: "vm-1", host: "h1", from: .seconds(5), until: .seconds(15), cpuPercent: 47.26,
                    believedPercent: 61.04)))
        journal.take(
            .measured(
                InjectionEvent.Measured(
                    vm: "vm-2", host: "h2", from: .seconds(5), until: .seconds(15), cpuPercent: 3)))
        journal.take(.failed(order, at: .seconds(20), words: "gone"))
        let rows = try journal.end()
        #expect(rows.map(\.failures) == [1, 0] && rows[0].injectedPercent == 50)
        let table = LoadReport.table(rows).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(table.map(\.last) == ["BELIEVED", "61.0%", "-"] && table[1].contains("-2.7"))
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { line in
            try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(lines.map { $0["event"] as? String } == ["injected", "measured", "measured", "failed"])
        #expect(lines[0]["at_ms"] as? Int == 120 && lines[0]["cpu_percent"] as? Int == 50)
        #expect(lines[1]["injected_percent"] as? Double == 50 && lines[1]["measured_percent"] as? Double == 47.3)
        #expect(lines[1]["believed_percent"] as? Double == 61 && lines[2]["believed_percent"] == nil)
        #expect(lines[3]["error"] as? String == "gone")
    }
}

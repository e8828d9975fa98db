import Basis
import Deployer
import Settings
import Testing

/// Courses that say which seed and which time they were asked for.
struct ListedCourses: LoadCourses {
    var steps: [CourseStep] = []
    var problem: CourseProblem?

    func steps(
        of cpu: InjectionProfile.CPU, vms: Int, seed: UInt64, before end: Duration
    ) throws(CourseProblem) -> [CourseStep] {
        if let problem = self.problem { throw problem }
        return self.steps.filter { $0.at < end && $0.vm < vms }
    }
}

extension InjectionTimetable {
    /// Of a profile for the fleet of ``DeploymentFixture``: vm-1 to vm-6.
    init(_ text: String, courses: any LoadCourses = ListedCourses()) throws(InvalidSettings) {
        do {
            try self.init(
                InjectionProfile.read(file: "load.yaml") { _ in text }, of: DeploymentFixture.fleet(), courses: courses)
        } catch let error as InvalidSettings {
            throw error
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// For each order its second, its CPU share, and what else there is.
    func story(of vm: String) -> [String] {
        (self.orders[vm] ?? []).map { order in
            let load = order.load
            return ["\(order.at.inMilliseconds / 1_000)-\(order.until.inMilliseconds / 1_000): \(load.cpuPercent)%"]
                .appending(load.memory.map { "memory \($0.sizeMiB)/\($0.mibPerSecond)" })
                .appending(load.diskMiBPerSecond > 0 ? "disk \(load.diskMiBPerSecond)" : nil)
                .appending(load.traffic.map { "\($0.mibPerSecond) to \($0.to)" }).joined(separator: " ")
        }
    }
}

extension [String] {
    fileprivate func appending(_ text: String?) -> [String] { text.map { self + [$0] } ?? self }
}

@Suite("The timetable of a load")
struct InjectionTimetableTests {
    @Test("is for the VMs that are named, in sets and by template, or for all")
    func targets() throws {
        func loaded(_ targets: String) throws -> [String] {
            try InjectionTimetable("duration: 9s\nphases: [{\(targets)cpu: 5%}]").orders.keys.sorted()
        }
        #expect(try loaded("") == (1...6).map { "vm-\($0)" })
        #expect(try loaded("templates: [small], ") == (1...6).map { "vm-\($0)" })
        #expect(try loaded("vms: ['vm-[2-3]', vm-6], ") == ["vm-2", "vm-3", "vm-6"])
    }

    @Test("ends what was begun, and tells nothing twice")
    func phases() throws {
        let timetable = try InjectionTimetable(
            """
            duration: 100s
            phases:
              - {vms: [vm-1], from: 10s, until: 30s, cpu: 50%, disk: 2MiB/s}
              - {vms: [vm-1], from: 30s, until: 40s, cpu: 50%, disk: 2MiB/s}
              - {vms: [vm-1], from: 60s, memory: {size: 8MiB, rate: 1MiB/s}, network: {to: vm-2, rate: 3MiB/s}}
            """)
        #expect(
            timetable.story(of: "vm-1") == [
                "10-40: 50% disk 2", "40-60: 0%", "60-100: 0% memory 8/1 3 to vm-2", "100-100: 0%",
            ])
        #expect(timetable.orders.count == 1 && timetable.all == timetable.orders["vm-1"])
    }

    @Test("a later phase goes before an earlier one in what it says, and leaves the rest")
    func layers() throws {
        let timetable = try InjectionTimetable(
            """
            duration: 100s
            phases:
              - {cpu: 20%, disk: 1MiB/s}
              - {vms: [vm-1], from: 40s, until: 60s, cpu: 90%}
              - {vms: [vm-2], from: 40s, until: 60s, cpu: 0%}
            """)
        #expect(
            timetable.story(of: "vm-1") == [
                "0-40: 20% disk 1", "40-60: 90% disk 1", "60-100: 20% disk 1", "100-100: 0%",
            ])
        #expect(timetable.story(of: "vm-2")[1] == "40-60: 0% disk 1")
        #expect(timetable.story(of: "vm-3") == ["0-100: 20% disk 1", "100-100: 0%"])
    }

    @Test("has the steps of a course in its phase, from the mean on")
    func courses() throws {
        let steps = [
            CourseStep(at: .seconds(5), vm: 1, percent: 30), CourseStep(at: .seconds(7), vm: 0, percent: 60),
            CourseStep(at: .seconds(9), vm: 0, percent: 80), CourseStep(at: .seconds(20), vm: 0, percent: 10),
        ]
        let timetable = try InjectionTimetable(
            """
            duration: 100s
            phases: [{vms: [vm-3, vm-4], from: 50s, until: 70s, random: {mean: 62%}}]
            """, courses: ListedCourses(steps: steps))
        #expect(timetable.story(of: "vm-3") == ["50-59: 60%", "59-70: 80%", "70-100: 0%"])
        #expect(timetable.story(of: "vm-4") == ["50-55: 60%", "55-70: 30%", "70-100: 0%"])
    }

    @Test("a VM sends nothing to itself")
    func ownTraffic() throws {
        let timetable = try InjectionTimetable("duration: 9s\nphases: [{network: {to: vm-2, rate: 1MiB/s}}]")
        #expect(timetable.orders["vm-2"] == nil && timetable.orders.count == 5)
    }

    @Test("is refused with everything that is not so")
    func problems() {
        let text = """
            duration: 9s
            phases:
              - {vms: [vm-7, 'vm-['], cpu: 5%}
              - {templates: [smal], network: {to: vm-x, rate: 1MiB/s}}
              - random: {}
            """
        do {
            _ = try InjectionTimetable(text, courses: ListedCourses(problem: CourseProblem(words: "no such course")))
            Issue.record("it was not refused")
        } catch {
            #expect(
                error.problems.map { "\($0.line): \($0.key)" } == [
                    "3: phases[0].vms", "3: phases[0].vms", "4: phases[1].network.to", "4: phases[1].templates",
                    "5: phases[2]",
                ])
            #expect(error.description.contains("did you mean small?") && error.description.contains("no such course"))
        }
    }
}

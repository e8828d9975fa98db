package import Deployer
import Basis
package import Settings
import Simulation

/// The courses of load that the simulator has as well: drawn by the same code, from the same seeds.
package struct SimulatedCourses: LoadCourses {
    /// More changes than this of one phase are refused.
    private static let stepsMax = InjectionTimetable.ordersMax

    package init() {}

    package func steps(
        of cpu: InjectionProfile.CPU, vms: Int, seed: UInt64, before end: Duration
    ) throws(CourseProblem) -> [CourseStep] {
        guard vms > 0, let kind = try Self.kind(cpu) else { return [] }
        var load = kind.load(vms: vms, seed: seed)
        var steps: [CourseStep] = []
        while let change = load.next(), change.at < end {
            guard steps.count < Self.stepsMax else {
                throw CourseProblem(words: "more than \(Self.stepsMax) changes; take a longer period or fewer VMs")
            }
            steps.append(CourseStep(at: change.at, vm: change.vm, percent: change.percent))
        }
        return steps
    }

    private static func kind(_ cpu: InjectionProfile.CPU) throws(CourseProblem) -> LoadProfile? {
        switch cpu {
        case .steady:
            return nil
        case .random(let random):
            var settings = SteppedLoad.Settings()
            settings.period = random.period
            settings.meanPercent = random.meanPercent
            settings.deviationPercent = random.deviationPercent
            settings.stepPercent = random.stepPercent
            return .stepped(settings)
        case .trace(let file, let interval):
            do {
                return .trace(try CPUTrace(csv: FileText.read(file), file: file, interval: interval))
            } catch let error as CPUTrace.Unreadable {
                throw CourseProblem(words: error.description)
            } catch {
                throw CourseProblem(words: "\(file): \(error)")
            }
        }
    }
}

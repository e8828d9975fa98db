package import Basis

/// What happens while a load is put into VMs. Times are since the beginning.
package enum InjectionEvent: Hashable, Sendable {
    /// The VM does what the order says, from `at` on.
    case began(LoadOrder, at: Duration, host: NodeID)
    /// The VM goes on with what it did, at most until the end of the order before.
    case failed(LoadOrder, at: Duration, words: String)
    case measured(Measured)

    package struct Measured: Hashable, Sendable {
        package var vm: String
        package var host: NodeID
        package var from: Duration
        package var until: Duration
        /// Of all its virtual CPUs together, as the host's hypervisor accounts for the VM.
        package var cpuPercent: Double
        /// What the host's agent believed at the end that the VM wants, of all its virtual CPUs together; nil: it is
        /// not known. More than 100 where what the VM waits for is counted as well.
        package var believedPercent: Double?

        package init(
            vm: String, host: NodeID, from: Duration, until: Duration, cpuPercent: Double,
            believedPercent: Double? = nil
        ) {
            self.vm = vm
            self.host = host
            self.from = from
            self.until = until
            self.cpuPercent = cpuPercent
            self.believedPercent = believedPercent
        }
    }
}

/// What was injected and what was measured, VM by VM.
package struct InjectionSummary: Sendable {
    package struct Row: Hashable, Sendable {
        package var vm: String
        package var changes = 0
        package var failures = 0
        /// Over the time that was measured; nil: nothing was.
        package var injectedPercent: Double?
        package var measuredPercent: Double?
        /// Over that part of it in which the agents answered; nil: none did.
        package var believedPercent: Double?
    }

    fileprivate struct Course {
        var changes = 0
        var failures = 0
        /// In the order of time; each lasts until the next, and no longer than it says.
        var shares: [(from: Duration, until: Duration, percent: Int)] = []
        var measuredSeconds = 0.0
        var injectedSum = 0.0
        var measuredSum = 0.0
        var believedSeconds = 0.0
        var believedSum = 0.0
    }

    private var courses: [String: Course] = [:]

    package init() {}

    /// - Returns: with a measurement, the CPU share that was injected in the same time on average, in percent.
    @discardableResult
    package mutating func take(_ event: InjectionEvent) -> Double? {
        switch event {
        case .began(let order, let at, _):
            self.courses[order.vm, default: Course()].began(order, at: at)
            return nil
        case .failed(let order, _, _):
            self.courses[order.vm, default: Course()].failures += 1
            return nil
        case .measured(let measured):
            return self.courses[measured.vm, default: Course()].measured(measured)
        }
    }

    /// By name.
    package var rows: [Row] {
        self.courses.sorted { $0.key < $1.key }.map { vm, course in
            let seconds = course.measuredSeconds
            return Row(
                vm: vm, changes: course.changes, failures: course.failures,
                injectedPercent: seconds > 0 ? course.injectedSum / seconds : nil,
                measuredPercent: seconds > 0 ? course.measuredSum / seconds : nil,
                believedPercent: course.believedSeconds > 0 ? course.believedSum / course.believedSeconds : nil)
        }
    }
}

extension InjectionSummary.Course {
    fileprivate mutating func began(_ order: LoadOrder, at: Duration) {
        self.changes += 1
        if let last = self.shares.indices.last { self.shares[last].until = min(self.shares[last].until, at) }
        self.shares.append((at, max(at, order.until), order.load.cpuPercent))
    }

    fileprivate mutating func measured(_ measured: InjectionEvent.Measured) -> Double {
        let seconds = (measured.until - measured.from).inSeconds
        guard seconds > 0 else { return 0 }
        // Measurements of a VM follow each other.
        self.shares.removeAll { $0.until <= measured.from }
        let sum = self.shares.reduce(0.0) { sum, share in
            let overlap = min(share.until, measured.until) - max(share.from, measured.from)
            return sum + max(0, overlap.inSeconds) * Double(share.percent)
        }
        self.measuredSeconds += seconds
        self.injectedSum += sum
        self.measuredSum += measured.cpuPercent * seconds
        if let believed = measured.believedPercent {
            self.believedSeconds += seconds
            self.believedSum += believed * seconds
        }
        return sum / seconds
    }
}

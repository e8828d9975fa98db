package import Settings

/// What a VM does beside its own work while it is loaded.
package struct InjectedLoad: Hashable, Sendable {
    /// Of each virtual CPU, 0...100.
    package var cpuPercent = 0
    package var memory: InjectedMemory?
    /// How fast is written, in MiB per second; 0: not at all.
    package var diskMiBPerSecond = 0
    package var traffic: Traffic?

    /// Packets to another VM.
    package struct Traffic: Hashable, Sendable {
        package var to: String
        package var mibPerSecond: Int

        package init(to: String, mibPerSecond: Int) {
            self.to = to
            self.mibPerSecond = mibPerSecond
        }
    }

    package static let idle = InjectedLoad()

    package init(
        cpuPercent: Int = 0, memory: InjectedMemory? = nil, diskMiBPerSecond: Int = 0, traffic: Traffic? = nil
    ) {
        self.cpuPercent = cpuPercent
        self.memory = memory
        self.diskMiBPerSecond = diskMiBPerSecond
        self.traffic = traffic
    }
}

/// One VM does this from now on, until its next order. Times are since the beginning.
package struct LoadOrder: Hashable, Sendable {
    package var vm: String
    package var at: Duration
    package var until: Duration
    package var load: InjectedLoad

    package init(vm: String, at: Duration, until: Duration, load: InjectedLoad) {
        self.vm = vm
        self.at = at
        self.until = until
        self.load = load
    }
}

/// From now on one of several VMs has another share of its CPUs.
package struct CourseStep: Hashable, Sendable {
    /// Since the course began.
    package var at: Duration
    /// Which VM, from 0.
    package var vm: Int
    package var percent: Int

    package init(at: Duration, vm: Int, percent: Int) {
        self.at = at
        self.vm = vm
        self.percent = percent
    }
}

/// Gives the courses that a profile names without saying each step: a port, because how they are drawn is the
/// simulator's, so that what is simulated and what is injected are the same.
package protocol LoadCourses {
    /// The steps of `vms` VMs before `end`, in the order of time.
    func steps(
        of cpu: InjectionProfile.CPU, vms: Int, seed: UInt64, before end: Duration
    ) throws(CourseProblem) -> [CourseStep]
}

/// Why there is no such course, in words for the operator.
package struct CourseProblem: Error, Hashable, Sendable {
    package var words: String

    package init(words: String) {
        self.words = words
    }
}

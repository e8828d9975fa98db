#if Libvirt
    package import Basis
    package import Placement

    /// What a domain had consumed up to one instant: counters that only grow while its process lives.
    package struct DomainCounters: Hashable, Sendable {
        package var readAt: MonotonicInstant
        /// CPU time of the whole process, in nanoseconds: vCPUs, emulation, and a migration's own work.
        package var cpuNanoseconds: UInt64
        /// How long each vCPU was ready to run and had no processor, in nanoseconds, by vCPU number.
        package var waitedNanoseconds: [Int: UInt64]
        /// Memory that the guest may use now, in KiB.
        package var memoryKiB: UInt64
        /// Bytes read and written, by disk.
        package var diskBytes: [String: UInt64]
        /// Bytes received and sent, by interface.
        package var networkBytes: [String: UInt64]

        package init(
            readAt: MonotonicInstant, cpuNanoseconds: UInt64, waitedNanoseconds: [Int: UInt64] = [:],
            memoryKiB: UInt64 = 0, diskBytes: [String: UInt64] = [:], networkBytes: [String: UInt64] = [:]
        ) {
            self.readAt = readAt
            self.cpuNanoseconds = cpuNanoseconds
            self.waitedNanoseconds = waitedNanoseconds
            self.memoryKiB = memoryKiB
            self.diskBytes = diskBytes
            self.networkBytes = networkBytes
        }
    }

    /// Turns one domain's counters into its demand over the last interval.
    ///
    /// CPU demand is the time it ran **plus the time its vCPUs waited to run**: on an overloaded node usage is capped, so
    /// usage cannot show how much is missing. Not smoothed.
    package struct DemandEstimator: Hashable, Sendable {
        private var previous: DomainCounters?
        private var lastDemand: Resources?

        package init() {}

        /// Two readings closer than this say nothing: one tick of the CPU counter is 10 ms where libvirt has no cgroups.
        package static let intervalMin = Duration.milliseconds(100)

        /// The demand between the previous counters and these; nil for the first.
        ///
        /// When the counters restarted (a new process after a migration or a reboot of the guest) nothing is known of the
        /// interval, and the demand before it is given once more, with the memory of now.
        package mutating func demand(_ counters: DomainCounters) -> Resources? {
            guard let previous = self.previous else {
                self.previous = counters
                return nil
            }
            let interval = counters.readAt - previous.readAt
            guard interval >= Self.intervalMin else { return self.repeated(counters) }
            self.previous = counters
            guard counters.cpuNanoseconds >= previous.cpuNanoseconds else { return self.repeated(counters) }

            let waited = Self.increase(from: previous.waitedNanoseconds, to: counters.waitedNanoseconds)
            let ran = counters.cpuNanoseconds - previous.cpuNanoseconds
            let disk = Self.increase(from: previous.diskBytes, to: counters.diskBytes)
            let network = Self.increase(from: previous.networkBytes, to: counters.networkBytes)
            let demand = Resources(
                cpuMillicores: Self.perSecond(ran.addingSaturated(waited), over: interval, unit: 1_000_000),
                memoryMiB: Self.memoryMiB(counters),
                diskKiBPerSecond: Self.perSecond(disk, over: interval, unit: 1_024),
                networkKiBPerSecond: Self.perSecond(network, over: interval, unit: 1_024))
            self.lastDemand = demand
            return demand
        }

        private func repeated(_ counters: DomainCounters) -> Resources? {
            var demand = self.lastDemand
            demand?.memoryMiB = Self.memoryMiB(counters)
            return demand
        }

        /// How much a group of counters grew. One that is new, gone or restarted does not count: devices come and go, and
        /// libvirt leaves a group out while something else holds the domain.
        private static func increase<Key: Hashable>(from old: [Key: UInt64], to new: [Key: UInt64]) -> UInt64 {
            var sum: UInt64 = 0
            for (key, value) in new {
                guard let before = old[key], value > before else { continue }
                sum = sum.addingSaturated(value - before)
            }
            return sum
        }

        /// `amount` per second in multiples of `unit`, to the nearest.
        private static func perSecond(_ amount: UInt64, over interval: Duration, unit: UInt64) -> Int {
            let nanoseconds = UInt64(interval.inNanoseconds)
            let (high, low) = amount.multipliedFullWidth(by: 1_000_000_000)
            guard high < nanoseconds else { return Resources.amountMax }
            let perSecond = nanoseconds.dividingFullWidth((high, low)).quotient
            return Int(min(perSecond.addingSaturated(unit / 2) / unit, UInt64(Resources.amountMax)))
        }

        private static func memoryMiB(_ counters: DomainCounters) -> Int {
            Int(min(counters.memoryKiB.addingSaturated(1_023) / 1_024, UInt64(Resources.amountMax)))
        }
    }

    extension UInt64 {
        fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
            let (sum, overflow) = self.addingReportingOverflow(other)
            return overflow ? .max : sum
        }
    }
#endif

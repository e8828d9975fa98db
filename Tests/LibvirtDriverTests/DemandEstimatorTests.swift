#if Libvirt
    import Basis
    import LibvirtDriver
    import Placement
    import Testing

    @Suite("Demand estimator")
    struct DemandEstimatorTests {
        /// Counters at a second of the clock, in units that make the tables readable.
        private func counters(
            at milliseconds: Int64, cpuMilliseconds: UInt64, waitedMilliseconds: [Int: UInt64] = [:],
            memoryKiB: UInt64 = 1_048_576, disk: [String: UInt64] = [:], network: [String: UInt64] = [:]
        ) -> DomainCounters {
            DomainCounters(
                readAt: MonotonicInstant(nanoseconds: milliseconds * 1_000_000),
                cpuNanoseconds: cpuMilliseconds * 1_000_000,
                waitedNanoseconds: waitedMilliseconds.mapValues { $0 * 1_000_000 }, memoryKiB: memoryKiB,
                diskBytes: disk, networkBytes: network)
        }

        @Test("says nothing of a domain that it sees for the first time")
        func firstSight() {
            var estimator = DemandEstimator()
            #expect(estimator.demand(self.counters(at: 0, cpuMilliseconds: 500)) == nil)
        }

        @Test(
            "adds the time that vCPUs waited to the time that the process ran",
            arguments: [
                (ran: 0, waited: [UInt64](), interval: 2_000, expected: 0),
                (ran: 1_000, waited: [0], interval: 2_000, expected: 500),
                // Half a core each for three busy guests: 0.50 used and 0.55 waited is a demand of 1.05.
                (ran: 1_000, waited: [1_100], interval: 2_000, expected: 1_050),
                (ran: 2_000, waited: [1_000, 3_000], interval: 2_000, expected: 3_000),
                (ran: 1, waited: [], interval: 2_000, expected: 1),
                (ran: 1, waited: [], interval: 2_001, expected: 0),
            ] as [(ran: UInt64, waited: [UInt64], interval: Int64, expected: Int)])
        func cpuDemand(ran: UInt64, waited: [UInt64], interval: Int64, expected: Int) {
            let waiting = Dictionary(uniqueKeysWithValues: waited.enumerated().map { ($0.offset, $0.element) })
            var estimator = DemandEstimator()
            _ = estimator.demand(
                self.counters(at: 0, cpuMilliseconds: 7_000, waitedMilliseconds: waiting.mapValues { _ in 300 }))
            let demand = estimator.demand(
                self.counters(
                    at: interval, cpuMilliseconds: 7_000 + ran, waitedMilliseconds: waiting.mapValues { 300 + $0 }))
            #expect(demand?.cpuMillicores == expected)
        }

        @Test("gives disk and network as rates over all devices, and memory as what the guest may use")
        func otherResources() {
            var estimator = DemandEstimator()
            _ = estimator.demand(
                self.counters(
                    at: 0, cpuMilliseconds: 0, disk: ["vda": 5_000, "vdb": 0], network: ["vnet0": 1_024]))
            let demand = estimator.demand(
                self.counters(
                    at: 2_000, cpuMilliseconds: 0, memoryKiB: 2_097_153,
                    disk: ["vda": 5_000 + 1_048_576, "vdb": 1_048_576], network: ["vnet0": 1_024 + 20_480]))
            #expect(
                demand
                    == Resources(
                        cpuMillicores: 0, memoryMiB: 2_049, diskKiBPerSecond: 1_024, networkKiBPerSecond: 10))
        }

        @Test("repeats the last demand when the counters restarted with a new process, and goes on from there")
        func newProcess() {
            var estimator = DemandEstimator()
            _ = estimator.demand(self.counters(at: 0, cpuMilliseconds: 90_000))
            let before = estimator.demand(self.counters(at: 1_000, cpuMilliseconds: 90_800))
            #expect(before?.cpuMillicores == 800)
            let restarted = estimator.demand(self.counters(at: 2_000, cpuMilliseconds: 350, memoryKiB: 524_288))
            #expect(restarted == Resources(cpuMillicores: 800, memoryMiB: 512))
            let after = estimator.demand(self.counters(at: 3_000, cpuMilliseconds: 550))
            #expect(after?.cpuMillicores == 200)
        }

        @Test("says nothing when the counters restarted before there was a demand")
        func newProcessAtOnce() {
            var estimator = DemandEstimator()
            _ = estimator.demand(self.counters(at: 0, cpuMilliseconds: 90_000))
            #expect(estimator.demand(self.counters(at: 1_000, cpuMilliseconds: 10)) == nil)
            #expect(estimator.demand(self.counters(at: 2_000, cpuMilliseconds: 110))?.cpuMillicores == 100)
        }

        @Test("does not take the whole history of a counter that comes back for one interval's growth")
        func counterComesBack() {
            var estimator = DemandEstimator()
            _ = estimator.demand(
                self.counters(at: 0, cpuMilliseconds: 0, waitedMilliseconds: [0: 60_000], disk: ["vda": 1 << 40]))
            _ = estimator.demand(self.counters(at: 1_000, cpuMilliseconds: 100))
            let back = estimator.demand(
                self.counters(at: 2_000, cpuMilliseconds: 200, waitedMilliseconds: [0: 60_500], disk: ["vda": 1 << 40]))
            #expect(back?.cpuMillicores == 100)
            #expect(back?.diskKiBPerSecond == 0)
        }

        @Test("does not judge two readings that are too close, and measures over both intervals afterwards")
        func tooClose() {
            var estimator = DemandEstimator()
            _ = estimator.demand(self.counters(at: 0, cpuMilliseconds: 0))
            #expect(estimator.demand(self.counters(at: 1_000, cpuMilliseconds: 500))?.cpuMillicores == 500)
            #expect(estimator.demand(self.counters(at: 1_099, cpuMilliseconds: 599))?.cpuMillicores == 500)
            #expect(estimator.demand(self.counters(at: 2_000, cpuMilliseconds: 700))?.cpuMillicores == 200)
        }

        @Test("survives the largest counters that there are")
        func extremes() throws {
            var estimator = DemandEstimator()
            let least = DomainCounters(
                readAt: .zero, cpuNanoseconds: 0, waitedNanoseconds: [0: 0, 1: 0], diskBytes: ["vda": 0, "vdb": 0])
            let most = DomainCounters(
                readAt: MonotonicInstant(nanoseconds: 100_000_000), cpuNanoseconds: .max,
                waitedNanoseconds: [0: .max, 1: .max], memoryKiB: .max, diskBytes: ["vda": .max, "vdb": .max])
            _ = estimator.demand(least)
            let second = estimator.demand(most)
            let demand = try #require(second)
            #expect(demand.cpuMillicores <= Resources.amountMax)
            #expect(demand.diskKiBPerSecond <= Resources.amountMax)
            #expect(demand.memoryMiB <= Resources.amountMax)
        }

        @Test("never gives a negative or absurd demand, whatever the counters do", arguments: 0..<50 as Range<UInt64>)
        func anyCounters(seed: UInt64) {
            var random = SplitMix64(seed: seed)
            var estimator = DemandEstimator()
            var now: Int64 = 0
            for step in 0..<40 {
                now += Int64.random(in: 0...3_000_000_000, using: &random)
                let counters = DomainCounters(
                    readAt: MonotonicInstant(nanoseconds: now), cpuNanoseconds: .random(in: 0 ... .max, using: &random),
                    waitedNanoseconds: [Int.random(in: 0...2, using: &random): .random(in: 0 ... .max, using: &random)],
                    memoryKiB: .random(in: 0...1 << 30, using: &random),
                    networkBytes: ["vnet0": .random(in: 0 ... .max, using: &random)])
                guard let demand = estimator.demand(counters) else { continue }
                for amount in [demand.cpuMillicores, demand.memoryMiB, demand.networkKiBPerSecond] {
                    #expect((0...Resources.amountMax).contains(amount), "seed \(seed), step \(step)")
                }
            }
        }
    }
#endif

import Basis
import Placement
import Simulation
import Testing

@Suite("The meter of violations")
struct ViolationMeterTests {
    /// Two nodes that may give 100; guests 0 and 1 on the first, 2 on the second.
    private func meter(_ capacity: Resources = Resources(cpuMillicores: 100, memoryMiB: 0)) -> ViolationMeter {
        ViolationMeter(nodes: 2, capacity: capacity, places: [0, 0, 1])
    }

    private func at(_ seconds: Int64) -> MonotonicInstant { .zero + .seconds(seconds) }

    @Test("counts from the demand that overloads a node to that which does not")
    func demand() {
        var meter = self.meter()
        meter.guest(0, wants: 60, at: self.at(1))
        meter.guest(1, wants: 40, at: self.at(2))
        #expect(!meter.hasViolation)
        meter.guest(1, wants: 41, at: self.at(3))
        #expect(meter.hasViolation)
        meter.guest(0, wants: 90, at: self.at(4))
        meter.guest(0, wants: 59, at: self.at(7))
        #expect(!meter.hasViolation)
        #expect(
            meter.violations == [.init(node: 0, began: self.at(3), ended: self.at(7), isMadeByArrival: false)])
    }

    @Test("ends a violation when a guest has gone, and blames the arrival that makes another")
    func moves() {
        var meter = self.meter()
        for guest in 0...2 { meter.guest(guest, wants: 60, at: self.at(1)) }
        meter.guest(1, runsOn: nil, at: self.at(10))
        #expect(!meter.hasViolation)
        #expect(meter.place(of: 1) == nil)
        meter.guest(1, runsOn: 1, at: self.at(11))
        meter.guest(1, runsOn: 0, at: self.at(15))
        meter.conclude(at: self.at(20))
        #expect(
            meter.violations == [
                .init(node: 0, began: self.at(1), ended: self.at(10), isMadeByArrival: false),
                .init(node: 1, began: self.at(11), ended: self.at(15), isMadeByArrival: true),
                .init(node: 0, began: self.at(15), ended: self.at(20), isMadeByArrival: true),
            ])
    }

    @Test("counts nothing that ends in the instant in which it begins")
    func instant() {
        var meter = self.meter()
        meter.guest(0, wants: 90, at: self.at(1))
        meter.guest(1, wants: 90, at: self.at(2))
        meter.guest(0, wants: 10, at: self.at(2))
        meter.conclude(at: self.at(3))
        #expect(meter.violations == [])
    }

    @Test("counts what a guest wants while it runs nowhere, once it runs")
    func demandInBetween() {
        var meter = self.meter()
        meter.guest(2, wants: 90, at: self.at(1))
        meter.guest(1, runsOn: nil, at: self.at(2))
        meter.guest(1, wants: 20, at: self.at(3))
        #expect(!meter.hasViolation)
        meter.guest(1, runsOn: 1, at: self.at(4))
        #expect(meter.hasViolation)
    }

    @Test("counts too much disk or network as too much CPU, and what is not limited never")
    func otherRates() {
        var meter = self.meter(
            Resources(cpuMillicores: 100, memoryMiB: 0, diskKiBPerSecond: 50, networkKiBPerSecond: 0))
        meter.guest(0, wants: 30, of: .disk, at: self.at(1))
        meter.guest(0, wants: 9_999, of: .network, at: self.at(1))
        #expect(!meter.hasViolation)
        meter.guest(1, wants: 21, of: .disk, at: self.at(2))
        #expect(meter.hasViolation)
        // One violation, although both are too much for a time.
        meter.guest(1, wants: 101, at: self.at(3))
        meter.guest(1, wants: 20, of: .disk, at: self.at(4))
        meter.guest(1, wants: 100, at: self.at(5))
        // Elsewhere it brings its whole demand with it.
        meter.guest(2, wants: 31, of: .disk, at: self.at(6))
        meter.guest(1, runsOn: 1, at: self.at(7))
        meter.conclude(at: self.at(9))
        #expect(
            meter.violations == [
                .init(node: 0, began: self.at(2), ended: self.at(5), isMadeByArrival: false),
                .init(node: 1, began: self.at(7), ended: self.at(9), isMadeByArrival: true),
            ])
    }
}

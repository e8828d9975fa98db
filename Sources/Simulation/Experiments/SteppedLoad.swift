import Basis
import Foundation

/// The load of VMPlaceS: now and then one VM's CPU load changes to another multiple of ten percent.
///
/// Changes come like a Poisson process, each VM's every ``period`` on average. Which VM it is, how long it takes until the
/// next, and the new load are drawn from streams of their own, so that none tells anything of another.
/// Source: Lebre, Pastor, Südholt, "VMPlaceS: A generic tool to investigate and compare VM placement algorithms" (Euro-Par
/// 2015), and its injector.
package struct SteppedLoad: Sendable {
    package struct Change: Hashable, Sendable {
        /// Since the load began.
        package var at: Duration
        /// Which VM, from 0.
        package var vm: Int
        /// Of its virtual CPU, 0, 10, … 100.
        package var percent: Int
    }

    /// How long a VM keeps a load on average.
    package var period: Duration = .seconds(300)
    /// Of the normal distribution that loads are drawn from, before they are cut to 0…100 and rounded to tens.
    package var meanPercent = 60.0
    package var deviationPercent = 20.0

    private let vms: Int
    private var clock = Duration.zero
    private var gaps: SplitMix64
    private var choices: SplitMix64
    private var loads: SplitMix64
    /// The polar method gives two numbers at a time.
    private var spare: Double?

    package init(vms: Int, seed: UInt64) {
        precondition(vms > 0, "a load is of some VMs")
        self.vms = vms
        var generator = SplitMix64(seed: seed)
        self.gaps = generator.split()
        self.choices = generator.split()
        self.loads = generator.split()
    }

    /// The next change; they come in the order of time, for ever.
    package mutating func next() -> Change {
        // 1 − x, as x may be 0 and is never 1.
        let gap = -log(1 - Double.random(in: 0..<1, using: &self.gaps)) * self.period.inSeconds / Double(self.vms)
        self.clock += .nanoseconds(Int64(gap * 1e9))
        return Change(
            at: self.clock, vm: Int.random(in: 0..<self.vms, using: &self.choices), percent: self.drawPercent())
    }

    private mutating func drawPercent() -> Int {
        let drawn = self.meanPercent + self.deviationPercent * self.drawNormal()
        return Int((min(100, max(0, drawn)) / 10).rounded()) * 10
    }

    /// From the standard normal distribution. Source: Marsaglia, Bray, "A convenient method for generating normal
    /// variables" (SIAM Review 1964).
    private mutating func drawNormal() -> Double {
        if let spare = self.spare {
            self.spare = nil
            return spare
        }
        while true {
            let x = Double.random(in: -1...1, using: &self.loads)
            let y = Double.random(in: -1...1, using: &self.loads)
            let square = x * x + y * y
            guard square > 0, square < 1 else { continue }
            let factor = (-2 * log(square) / square).squareRoot()
            self.spare = y * factor
            return x * factor
        }
    }
}

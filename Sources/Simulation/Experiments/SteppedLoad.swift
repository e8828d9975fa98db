import Basis
import Foundation

/// The load of VMPlaceS: now and then one VM's CPU load changes to another multiple of, there, ten percent.
///
/// Changes come like a Poisson process. Which VM it is, how long it takes until the next, and the new load are drawn from
/// streams of their own, so that none tells anything of another.
/// Source: Lebre, Pastor, Südholt, "VMPlaceS: A generic tool to investigate and compare VM placement algorithms" (Euro-Par
/// 2015), and its injector.
package struct SteppedLoad: GuestLoad {
    package struct Settings: Hashable, Sendable {
        /// How long a VM keeps a load on average.
        package var period = Duration.seconds(300)
        package var meanPercent = 60
        package var deviationPercent = 20
        /// Loads are multiples of it. It divides 100.
        package var stepPercent = 10
        /// The mean goes down and up again.
        package var wave: Wave?

        package init() {}
    }

    /// A day: from the mean down to a low and up again.
    package struct Wave: Hashable, Sendable {
        package var lowPercent: Int
        package var period: Duration

        package init(lowPercent: Int, period: Duration) {
            self.lowPercent = lowPercent
            self.period = period
        }
    }

    private let settings: Settings
    private let vms: Int
    private var clock = Duration.zero
    private var gaps: SplitMix64
    private var choices: SplitMix64
    private var loads: NormalPercents

    package init(_ settings: Settings = Settings(), vms: Int, seed: UInt64) {
        precondition(vms > 0, "a load is of some VMs")
        self.settings = settings
        self.vms = vms
        var generator = SplitMix64(seed: seed)
        self.gaps = generator.split()
        self.choices = generator.split()
        self.loads = NormalPercents(generator.split())
    }

    /// Never nil: changes come for ever.
    package mutating func next() -> LoadChange? {
        self.clock += self.gaps.drawGap(mean: self.settings.period / self.vms)
        let vm = Int.random(in: 0..<self.vms, using: &self.choices)
        let percent = self.loads.draw(
            mean: self.meanPercent, deviation: Double(self.settings.deviationPercent), step: self.settings.stepPercent)
        return LoadChange(at: self.clock, vm: vm, percent: percent)
    }

    private var meanPercent: Double {
        let mean = Double(self.settings.meanPercent)
        guard let wave = self.settings.wave else { return mean }
        let low = Double(wave.lowPercent)
        return low + (mean - low) * (1 + cos(2 * .pi * (self.clock / wave.period))) / 2
    }
}

/// Everybody's load is drawn anew at the same instants, so that many nodes are overloaded at once, as in the iterations of
/// the DVMS experiments on Grid'5000 (SCALE 2013).
package struct RedrawnLoad: GuestLoad {
    package struct Settings: Hashable, Sendable {
        package var interval = Duration.seconds(300)
        package var meanPercent = 60
        package var deviationPercent = 20

        package init() {}
    }

    private let settings: Settings
    private let vms: Int
    private var count = 0
    private var loads: NormalPercents

    init(_ settings: Settings, vms: Int, seed: UInt64) {
        precondition(vms > 0, "a load is of some VMs")
        self.settings = settings
        self.vms = vms
        self.loads = NormalPercents(SplitMix64(seed: seed))
    }

    /// Never nil.
    package mutating func next() -> LoadChange? {
        defer { self.count += 1 }
        return LoadChange(
            at: self.settings.interval * (self.count / self.vms), vm: self.count % self.vms,
            percent: self.loads.draw(
                mean: Double(self.settings.meanPercent), deviation: Double(self.settings.deviationPercent)))
    }
}

extension SplitMix64 {
    /// A time from one event of a Poisson process to the next.
    mutating func drawGap(mean: Duration) -> Duration {
        // 1 − x, as x may be 0 and is never 1.
        let gap = -log(1 - Double.random(in: 0..<1, using: &self)) * mean.inSeconds
        return .nanoseconds(Int64(gap * 1e9))
    }
}

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
        /// What guests want besides their CPUs, each kind once.
        package var shares: [LoadShare] = []

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

    /// Changes that come by themselves. When, who and how much are streams of their own.
    private struct Series: Sendable {
        let kind: LoadKind
        let gap: Duration
        var clock = Duration.zero
        var gaps: SplitMix64
        var choices: SplitMix64
        var loads: NormalPercents

        /// - Parameter gap: from one change of any VM to the next on average.
        init(_ kind: LoadKind, gap: Duration, using generator: inout SplitMix64) {
            self.kind = kind
            self.gap = gap
            self.gaps = generator.split()
            self.choices = generator.split()
            self.loads = NormalPercents(generator.split())
        }

        mutating func next(_ settings: Settings, vms: Int) -> LoadChange {
            self.clock += self.gaps.drawGap(mean: self.gap)
            let vm = Int.random(in: 0..<vms, using: &self.choices)
            return self.draw(settings, for: vm, at: self.clock)
        }

        mutating func draw(_ settings: Settings, for vm: Int, at instant: Duration) -> LoadChange {
            let (mean, deviation) = settings.distribution(of: self.kind, at: instant)
            let percent = self.loads.draw(mean: mean, deviation: Double(deviation), step: settings.stepPercent)
            return LoadChange(at: instant, vm: vm, percent: percent, kind: self.kind)
        }
    }

    private let settings: Settings
    private let vms: Int
    /// Those that change by themselves, the CPU's first, and the next change of each.
    private var series: [Series] = []
    private var heads: [LoadChange] = []
    /// Those that change whenever the CPU's does.
    private var followers: [Series] = []
    /// What follows the last change of a CPU load, the last first.
    private var following: [LoadChange] = []

    package init(_ settings: Settings = Settings(), vms: Int, seed: UInt64) {
        precondition(vms > 0, "a load is of some VMs")
        self.settings = settings
        self.vms = vms
        var generator = SplitMix64(seed: seed)
        // Each kind has its streams, wanted or not, so that no other's draws depend on it.
        for kind in LoadKind.allCases {
            let share = settings.shares.first { $0.kind == kind }
            let period = kind == .cpu ? settings.period : share?.period
            let series = Series(kind, gap: (period ?? .zero) / vms, using: &generator)
            if period != nil {
                self.series.append(series)
            } else if share != nil {
                self.followers.append(series)
            }
        }
        self.heads = self.series.indices.map { self.series[$0].next(settings, vms: vms) }
    }

    /// Never nil: changes come for ever. Of changes at one instant the CPU's comes first.
    package mutating func next() -> LoadChange? {
        if let change = self.following.popLast() { return change }
        guard let index = self.heads.indices.min(by: { self.heads[$0].at < self.heads[$1].at }) else { return nil }
        let change = self.heads[index]
        self.heads[index] = self.series[index].next(self.settings, vms: self.vms)
        if change.kind == .cpu {
            self.following = self.followers.indices.reversed().map {
                self.followers[$0].draw(self.settings, for: change.vm, at: change.at)
            }
        }
        return change
    }
}

extension SteppedLoad.Settings {
    /// What loads of this kind are drawn from, in percent.
    fileprivate func distribution(of kind: LoadKind, at instant: Duration) -> (mean: Double, deviation: Int) {
        if let share = self.shares.first(where: { $0.kind == kind }) {
            return (Double(share.meanPercent), share.deviationPercent)
        }
        return (self.meanPercent(at: instant), self.deviationPercent)
    }

    private func meanPercent(at instant: Duration) -> Double {
        let mean = Double(self.meanPercent)
        guard let wave = self.wave else { return mean }
        let low = Double(wave.lowPercent)
        return low + (mean - low) * (1 + cos(2 * .pi * (instant / wave.period))) / 2
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

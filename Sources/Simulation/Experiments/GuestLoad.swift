import Basis
import Foundation

/// From now on a guest wants another share of its CPUs, or of something else.
package struct LoadChange: Hashable, Sendable {
    /// Since the load began.
    package var at: Duration
    /// Which guest, from 0.
    package var vm: Int
    /// Of each of its virtual CPUs, or of the most that any guest may want, 0…100.
    package var percent: Int
    package var kind = LoadKind.cpu
}

/// What guests want over time.
package protocol GuestLoad: Sendable {
    /// The next change, in the order of time; nil when there is none any more.
    mutating func next() -> LoadChange?
}

/// A kind of load, for any number of guests and any seed.
package enum LoadProfile: Sendable {
    /// Now and then one guest's changes.
    case stepped(SteppedLoad.Settings)
    /// All change at once.
    case redrawn(RedrawnLoad.Settings)
    /// What guests were once seen to want.
    case trace(CPUTrace)

    package func load(vms: Int, seed: UInt64) -> any GuestLoad {
        switch self {
        case .stepped(let settings): SteppedLoad(settings, vms: vms, seed: seed)
        case .redrawn(let settings): RedrawnLoad(settings, vms: vms, seed: seed)
        case .trace(let trace): TraceLoad(trace, vms: vms)
        }
    }

    /// Whether it says what guests want of this kind.
    package func has(_ kind: LoadKind) -> Bool { kind == .cpu || self.shares.contains { $0.kind == kind } }

    /// What guests want besides their CPUs.
    var shares: [LoadShare] {
        if case .stepped(let settings) = self { settings.shares } else { [] }
    }

    /// From one change of everything to the next, where everything changes at once.
    var interval: Duration? {
        if case .redrawn(let settings) = self { settings.interval } else { nil }
    }
}

/// Draws loads from a normal distribution, cut to 0…100 and rounded to steps, which are tens in VMPlaceS' injector.
struct NormalPercents: Sendable {
    private var generator: SplitMix64
    /// The polar method gives two numbers at a time.
    private var spare: Double?

    init(_ generator: SplitMix64) {
        self.generator = generator
    }

    /// - Parameter step: in percent; divides 100.
    mutating func draw(mean: Double, deviation: Double, step: Int = 10) -> Int {
        let drawn = mean + deviation * self.drawNormal()
        return Int((min(100, max(0, drawn)) / Double(step)).rounded()) * step
    }

    /// From the standard normal distribution. Source: Marsaglia, Bray, "A convenient method for generating normal
    /// variables" (SIAM Review 1964).
    private mutating func drawNormal() -> Double {
        if let spare = self.spare {
            self.spare = nil
            return spare
        }
        while true {
            let x = Double.random(in: -1...1, using: &self.generator)
            let y = Double.random(in: -1...1, using: &self.generator)
            let square = x * x + y * y
            guard square > 0, square < 1 else { continue }
            let factor = (-2 * log(square) / square).squareRoot()
            self.spare = y * factor
            return x * factor
        }
    }
}

package import Basis
package import Hypervisor
package import Placement

/// What the VMs of this node want, smoothed, and whether that is too much.
///
/// Demand, not usage: on an overloaded node usage is capped at capacity and cannot show how much is missing. Each rate
/// follows its samples as a first-order low pass with time constant `halfLife`/ln 2, discretised backwards
/// (weight = Δt/(Δt + τ)), so that samples may come late; mean and variance come from the same weights (West 1979).
package struct LoadMonitor: Sendable {
    /// 1/ln 2 in millionths: how much longer the time constant is than the half-life.
    private static let timeConstantPerMillionHalfLife = 1_442_695

    private struct Track: Sendable {
        var cpuMean: Double
        var cpuVariance: Double
        var diskMean: Double
        var networkMean: Double
        var memoryMiB: Int
        var domain: DomainSample
        /// False until the first sample that shows it.
        var isSampled = true

        var vm: VMID { self.domain.vm }
    }

    private var settings: TriggerSettings
    /// In the order of the ids, as samples are.
    private var tracks: [Track] = []
    private var sampledAt: MonotonicInstant?
    private var forced: [VMID: Resources] = [:]
    private var overloadedSamples = 0
    /// Counts up with each change of the VM set or of a VM's migratability, not with demands.
    package private(set) var changes: UInt64 = 0

    package init(settings: TriggerSettings) {
        self.settings = settings
    }

    /// New settings; what was measured stays.
    package mutating func use(_ settings: TriggerSettings) {
        self.settings = settings
    }

    /// Takes a sample in.
    package mutating func observe(_ sample: HostSample, capacity: Resources, reserved: Resources) {
        let interval = self.sampledAt.map { (sample.takenAt - $0).inNanoseconds } ?? 0
        let halfLife = self.settings.halfLife.inNanoseconds
        let timeConstant = Double(halfLife) * Double(Self.timeConstantPerMillionHalfLife) / 1e6
        let weight = interval <= 0 ? 1 : Double(interval) / (Double(interval) + timeConstant)
        var next: [Track] = []
        next.reserveCapacity(sample.domains.count)
        // Both are in the order of the ids.
        var former = self.tracks.makeIterator()
        var candidate = former.next()
        var isChanged = false
        for domain in sample.domains where domain.presence.countsOnItsHost {
            while let gone = candidate, gone.vm < domain.vm {
                isChanged = isChanged || gone.isSampled
                candidate = former.next()
            }
            let known = candidate.flatMap { $0.vm == domain.vm ? $0 : nil }
            if known != nil { candidate = former.next() }
            isChanged = isChanged || known?.isSampled != true || known?.domain.migratability != domain.migratability
            next.append(Self.follow(known, domain, weight: weight))
        }
        while let gone = candidate {
            isChanged = isChanged || gone.isSampled
            candidate = former.next()
        }
        if isChanged { self.changes += 1 }
        self.tracks = next
        self.sampledAt = sample.takenAt
        if !self.forced.isEmpty { self.forced = self.forced.filter { self.track($0.key) != nil } }
        self.countOverload(self.isOverloaded(capacity: capacity, reserved: reserved), interval: interval)
    }

    /// Samples taken out of turn, soon after another, say nothing about how long an overload has held.
    private mutating func countOverload(_ isOverloaded: Bool, interval: Int64) {
        guard isOverloaded else {
            self.overloadedSamples = 0
            return
        }
        let isInTurn = interval * 2 >= self.settings.sampleInterval.inNanoseconds
        if self.overloadedSamples == 0 || isInTurn {
            self.overloadedSamples = min(self.overloadedSamples + 1, self.settings.hold)
        }
    }

    private static func follow(_ track: Track?, _ domain: DomainSample, weight: Double) -> Track {
        guard let demand = domain.demand else {
            // Seen for the first time: what it wants is not known before the second sample.
            var kept =
                track
                ?? Track(
                    cpuMean: 0, cpuVariance: 0, diskMean: 0, networkMean: 0, memoryMiB: 0, domain: domain)
            kept.domain = domain
            kept.isSampled = true
            return kept
        }
        let cpu = Double(demand.cpuMillicores)
        guard var next = track else {
            return Track(
                cpuMean: cpu, cpuVariance: 0, diskMean: Double(demand.diskKiBPerSecond),
                networkMean: Double(demand.networkKiBPerSecond), memoryMiB: demand.memoryMiB, domain: domain)
        }
        let deviation = cpu - next.cpuMean
        next.cpuMean += weight * deviation
        next.cpuVariance = (1 - weight) * (next.cpuVariance + weight * deviation * deviation)
        next.diskMean += weight * (Double(demand.diskKiBPerSecond) - next.diskMean)
        next.networkMean += weight * (Double(demand.networkKiBPerSecond) - next.networkMean)
        next.memoryMiB = demand.memoryMiB
        next.domain = domain
        next.isSampled = true
        return next
    }

    /// A guest has just arrived: until its counters say otherwise it wants what it wanted where it came from.
    package mutating func expect(_ vm: VMID, demand: Resources) {
        let domain = DomainSample(vm: vm, presence: .running, demand: demand)
        let place = self.place(of: vm)
        var track = Self.follow(nil, domain, weight: 1)
        track.isSampled = self.track(vm)?.isSampled ?? false
        if self.track(vm) == nil { self.tracks.insert(track, at: place) } else { self.tracks[place] = track }
    }

    /// From now on `vm` counts as wanting `demand`, whatever is measured; nil ends that.
    package mutating func force(_ vm: VMID, demand: Resources?) {
        self.forced[vm] = demand
    }

    /// Ends every forced demand.
    package mutating func endForcing() {
        self.forced = [:]
    }

    // MARK: - What is known

    package var hasSample: Bool { self.sampledAt != nil }

    package var vmCount: Int { self.tracks.count }

    package func domain(_ vm: VMID) -> DomainSample? { self.track(vm)?.domain }

    package var domains: [DomainSample] {
        self.tracks.map(\.domain)
    }

    package func age(at now: MonotonicInstant) -> Duration {
        self.sampledAt.map { max(now - $0, .zero) } ?? .zero
    }

    /// What `vm` wants, smoothed.
    package func demand(of vm: VMID) -> Resources? { self.track(vm).map(self.demand) }

    private func demand(of track: Track) -> Resources {
        if !self.forced.isEmpty, let forced = self.forced[track.vm] { return forced }
        return Resources(
            cpuMillicores: Int(track.cpuMean.rounded()), memoryMiB: track.memoryMiB,
            diskKiBPerSecond: Int(track.diskMean.rounded()), networkKiBPerSecond: Int(track.networkMean.rounded()))
    }

    package func cpuVariance(of vm: VMID) -> Int {
        self.track(vm).map { Int($0.cpuVariance.rounded()) } ?? 0
    }

    /// The sum of all demands.
    package var load: Resources {
        self.tracks.reduce(into: .zero) { sum, track in sum += self.demand(of: track) }
    }

    private func track(_ vm: VMID) -> Track? {
        let place = self.place(of: vm)
        return place < self.tracks.count && self.tracks[place].vm == vm ? self.tracks[place] : nil
    }

    /// Where `vm` stands among the tracks, or would.
    private func place(of vm: VMID) -> Int {
        var (low, high) = (0, self.tracks.count)
        while low < high {
            let middle = (low + high) / 2
            if self.tracks[middle].vm < vm { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether the overload held for as many samples as the settings ask for.
    package var overloadHolds: Bool { self.overloadedSamples >= self.settings.hold }

    package func isOverloaded(capacity: Resources, reserved: Resources) -> Bool {
        self.settings.thresholds.isOverloaded(load: self.load, capacity: capacity, reserved: reserved)
    }

    /// Under-used, and not empty: an empty node has nothing to give away.
    package func isUnderloaded(capacity: Resources, reserved: Resources) -> Bool {
        guard !self.tracks.isEmpty else { return false }
        return self.settings.thresholds.isUnderloaded(load: self.load, capacity: capacity, reserved: reserved)
    }
}

extension DomainPresence {
    /// Whether a domain in this state uses up its host: everything with a process.
    package var countsOnItsHost: Bool {
        switch self {
        case .running, .pausedIncoming, .pausedOutgoing, .pausedOtherwise: true
        case .absent, .shutOff: false
        }
    }
}

extension LoadThresholds {
    /// load × 100 > overloadPercent × (capacity − reserved), for any resource that has a capacity.
    package func isOverloaded(load: Resources, capacity: Resources, reserved: Resources) -> Bool {
        self.scheduled(load, capacity, reserved).contains { $0.load * 100 > self.overloadPercent * $0.usable }
    }

    /// load × 100 < underloadPercent × (capacity − reserved) for CPU or memory, and for nothing an overload.
    package func isUnderloaded(load: Resources, capacity: Resources, reserved: Resources) -> Bool {
        guard !self.isOverloaded(load: load, capacity: capacity, reserved: reserved) else { return false }
        return self.always(load, capacity, reserved).contains { $0.load * 100 < self.underloadPercent * $0.usable }
    }

    private func scheduled(
        _ load: Resources, _ capacity: Resources, _ reserved: Resources
    ) -> [(load: Int, usable: Int)] {
        let rates = [
            (load.diskKiBPerSecond, capacity.diskKiBPerSecond - reserved.diskKiBPerSecond),
            (load.networkKiBPerSecond, capacity.networkKiBPerSecond - reserved.networkKiBPerSecond),
        ]
        return self.always(load, capacity, reserved) + rates.filter { $0.1 > 0 }.map { (load: $0.0, usable: $0.1) }
    }

    /// What every node has, limited or not.
    private func always(
        _ load: Resources, _ capacity: Resources, _ reserved: Resources
    ) -> [(load: Int, usable: Int)] {
        [
            (load.cpuMillicores, capacity.cpuMillicores - reserved.cpuMillicores),
            (load.memoryMiB, capacity.memoryMiB - reserved.memoryMiB),
        ]
    }
}

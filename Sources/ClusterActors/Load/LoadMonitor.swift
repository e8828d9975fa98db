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
        var cpuMean = 0.0
        var cpuVariance = 0.0
        var diskMean = 0.0
        var networkMean = 0.0
        var memoryMiB = 0
        /// False until the first sample that shows it.
        var isSampled = true
    }

    private var settings: TriggerSettings
    /// What was seen last of each domain that counts on this host, in the order of the ids, as samples are.
    package private(set) var domains: [DomainSample] = []
    /// By place in ``domains``. Apart from them, so that the sample's own array is kept and nothing of it copied.
    private var tracks: [Track] = []
    private var sampledAt: MonotonicInstant?
    private var forced: [VMID: Resources] = [:]
    private var overloadedSamples = 0
    /// Those of them in a row that showed more than the node has to give.
    private var exceededSamples = 0
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
        let isCounted = { (domain: DomainSample) in domain.presence.countsOnItsHost }
        self.follow(
            sample.domains.allSatisfy(isCounted) ? sample.domains : sample.domains.filter(isCounted), weight: weight)
        self.sampledAt = sample.takenAt
        if !self.forced.isEmpty { self.forced = self.forced.filter { self.place(of: $0.key) != nil } }
        self.countOverload(capacity: capacity, reserved: reserved, interval: interval)
    }

    private mutating func countOverload(capacity: Resources, reserved: Resources, interval: Int64) {
        let isOverloaded = self.isOverloaded(capacity: capacity, reserved: reserved)
        let isExceeded =
            isOverloaded && LoadThresholds.exceeded(load: self.load, capacity: capacity, reserved: reserved)
        // Samples taken out of turn, soon after another, say nothing about how long an overload has held.
        let isInTurn = interval * 2 >= self.settings.sampleInterval.inNanoseconds
        func count(_ samples: Int, _ showsIt: Bool) -> Int {
            guard showsIt else { return 0 }
            return samples == 0 || isInTurn ? samples + 1 : samples
        }
        self.overloadedSamples = count(self.overloadedSamples, isOverloaded)
        self.exceededSamples = count(self.exceededSamples, isExceeded)
    }

    private mutating func follow(_ domains: [DomainSample], weight: Double) {
        var next: [Track] = []
        next.reserveCapacity(domains.count)
        var isChanged = false
        // Both are in the order of the ids.
        var former = 0
        for domain in domains {
            while former < self.domains.count, self.domains[former].vm != domain.vm, self.domains[former].vm < domain.vm
            {
                isChanged = isChanged || self.tracks[former].isSampled
                former += 1
            }
            var known: Track?
            if former < self.domains.count, self.domains[former].vm == domain.vm {
                known = self.tracks[former]
                isChanged = isChanged || self.domains[former].migratability != domain.migratability
                former += 1
            }
            isChanged = isChanged || known?.isSampled != true
            next.append(Self.follow(known, domain.demand, weight: weight))
        }
        isChanged = isChanged || self.tracks[former...].contains(where: \.isSampled)
        if isChanged { self.changes += 1 }
        self.domains = domains
        self.tracks = next
    }

    /// - Parameter demand: nil of a domain seen for the first time: what it wants is not known before the second sample.
    private static func follow(_ track: Track?, _ demand: Resources?, weight: Double) -> Track {
        var next = track ?? Track()
        next.isSampled = true
        guard let demand else { return next }
        // What is seen for the first time has nothing before it that would weigh.
        let weight = track == nil ? 1 : weight
        let deviation = Double(demand.cpuMillicores) - next.cpuMean
        next.cpuMean += weight * deviation
        next.cpuVariance = (1 - weight) * (next.cpuVariance + weight * deviation * deviation)
        next.diskMean += weight * (Double(demand.diskKiBPerSecond) - next.diskMean)
        next.networkMean += weight * (Double(demand.networkKiBPerSecond) - next.networkMean)
        next.memoryMiB = demand.memoryMiB
        return next
    }

    /// A guest has just arrived: until its counters say otherwise it wants what it wanted where it came from.
    package mutating func expect(_ vm: VMID, demand: Resources) {
        let domain = DomainSample(vm: vm, presence: .running, demand: demand)
        var track = Self.follow(nil, demand, weight: 1)
        if let place = self.place(of: vm) {
            track.isSampled = self.tracks[place].isSampled
            self.domains[place] = domain
            self.tracks[place] = track
        } else {
            track.isSampled = false
            let place = self.placeOrGap(of: vm)
            self.domains.insert(domain, at: place)
            self.tracks.insert(track, at: place)
        }
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

    package func domain(_ vm: VMID) -> DomainSample? { self.place(of: vm).map { self.domains[$0] } }

    package func age(at now: MonotonicInstant) -> Duration {
        self.sampledAt.map { max(now - $0, .zero) } ?? .zero
    }

    /// What `vm` wants, smoothed.
    package func demand(of vm: VMID) -> Resources? { self.place(of: vm).map(self.demand) }

    private func demand(at place: Int) -> Resources {
        if !self.forced.isEmpty, let forced = self.forced[self.domains[place].vm] { return forced }
        let track = self.tracks[place]
        return Resources(
            cpuMillicores: Int(track.cpuMean.rounded()), memoryMiB: track.memoryMiB,
            diskKiBPerSecond: Int(track.diskMean.rounded()), networkKiBPerSecond: Int(track.networkMean.rounded()))
    }

    package func cpuVariance(of vm: VMID) -> Int {
        // The square of what a peer said of a guest may be beyond every number.
        self.place(of: vm).map { Int(min(self.tracks[$0].cpuVariance, Double(Resources.amountMax)).rounded()) } ?? 0
    }

    /// The sum of all demands.
    package var load: Resources {
        self.tracks.indices.reduce(into: .zero) { sum, place in sum += self.demand(at: place) }
    }

    /// Where `vm` stands among the domains.
    private func place(of vm: VMID) -> Int? {
        let place = self.placeOrGap(of: vm)
        return place < self.domains.count && self.domains[place].vm == vm ? place : nil
    }

    /// Where `vm` stands among the domains, or would.
    private func placeOrGap(of vm: VMID) -> Int {
        var (low, high) = (0, self.domains.count)
        while low < high {
            let middle = (low + high) / 2
            if self.domains[middle].vm < vm { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether the overload held for as many samples as the settings ask for.
    package var overloadHolds: Bool {
        self.overloadedSamples >= self.settings.hold || self.exceededSamples >= self.settings.holdExceeded
    }

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
    /// Whether guests go short: load > capacity − reserved, for any resource that has a capacity.
    static func exceeded(load: Resources, capacity: Resources, reserved: Resources) -> Bool {
        LoadThresholds(overloadPercent: 100, underloadPercent: 0)
            .isOverloaded(load: load, capacity: capacity, reserved: reserved)
    }

    /// load × 100 > overloadPercent × (capacity − reserved), for any resource that has a capacity.
    package func isOverloaded(load: Resources, capacity: Resources, reserved: Resources) -> Bool {
        var usable = capacity
        usable -= reserved
        func isTooMuch(_ load: Int, of usable: Int) -> Bool { load * 100 > self.overloadPercent * usable }
        // Every node has CPUs and memory, limited or not.
        return isTooMuch(load.cpuMillicores, of: usable.cpuMillicores)
            || isTooMuch(load.memoryMiB, of: usable.memoryMiB)
            || usable.diskKiBPerSecond > 0 && isTooMuch(load.diskKiBPerSecond, of: usable.diskKiBPerSecond)
            || usable.networkKiBPerSecond > 0 && isTooMuch(load.networkKiBPerSecond, of: usable.networkKiBPerSecond)
    }

    /// load × 100 < underloadPercent × (capacity − reserved) for CPU or memory, and for nothing an overload.
    package func isUnderloaded(load: Resources, capacity: Resources, reserved: Resources) -> Bool {
        guard !self.isOverloaded(load: load, capacity: capacity, reserved: reserved) else { return false }
        return load.cpuMillicores * 100 < self.underloadPercent * (capacity.cpuMillicores - reserved.cpuMillicores)
            || load.memoryMiB * 100 < self.underloadPercent * (capacity.memoryMiB - reserved.memoryMiB)
    }
}

package import Basis

/// A host in memory: a model of what a real one does when it is asked, with its durations and its faults.
///
/// What is asked is done at the beginning or at the end of the time that it takes, by seed, so that whoever stops asking
/// half-way finds either; only a file is there when all of it has come over the network.
package actor ModelledHost: DeployableHost {
    package nonisolated let id: NodeID
    let settings: ModelledHostSettings
    let network: ModelledNetwork
    let time: any TimeSource
    private var generator: SplitMix64
    var faults: [ModelledFault]
    private(set) var isDead = false
    private(set) var isAgentSilent = false
    package internal(set) var contents = Contents()
    /// How often each guest was made where there was none.
    package private(set) var guestsMade: [String: Int] = [:]
    /// How often something was changed.
    package private(set) var changes = 0

    /// What is on the host of a deployment.
    package struct Contents: Hashable, Sendable {
        package var steps: Set<PreparationStep> = []
        package var network: HostNetwork?
        package var names: [GuestName] = []
        package var files: [SpreadKind: SpreadFile] = [:]
        /// Hosts that may fetch a file; without those that none may.
        package var readers: [SpreadKind: Set<String>] = [:]
        package var guests: [String: Guest] = [:]
        package var agent: AgentInstallation?

        package init() {}

        package struct Guest: Hashable, Sendable {
            package var definition: GuestDefinition
            package var isRunning: Bool
            /// When it answers, if it does not hang.
            package var answersAt: MonotonicInstant
            package var isHanging: Bool
            /// What it does, and has done; see ``ModelledHost/inject(_:into:within:)``.
            package var loading = ModelledLoading()
        }
    }

    /// After this long a host that is silent counts as out of reach, if no limit comes before.
    static let silence = Duration.seconds(5)

    package init(
        _ id: NodeID, _ settings: ModelledHostSettings, faults: [ModelledFault], seed: UInt64,
        network: ModelledNetwork, time: any TimeSource
    ) {
        self.id = id
        self.settings = settings
        self.faults = faults
        self.generator = SplitMix64(seed: seed)
        self.network = network
        self.time = time
    }

    // MARK: - For those who set the scene

    /// From here on it answers again, and has no other fault.
    package func heal() async {
        self.isDead = false
        self.faults = []
        await self.network.set(isDead: false, self.id)
        for kind in SpreadKind.allCases { await self.network.set(damagedFrom: nil, of: self.held(kind)) }
    }

    /// From here on it is silent.
    func die() async {
        self.isDead = true
        await self.network.set(isDead: true, self.id)
    }

    package func add(_ fault: ModelledFault) { self.faults.append(fault) }

    /// The guest stops, as if it had crashed.
    package func crash(guest name: String) { self.contents.guests[name]?.isRunning = false }

    /// The guest runs on, and does not answer any more.
    package func silence(guest name: String) { self.contents.guests[name]?.isHanging = true }

    /// The agent runs on, and does not answer any more.
    package func silenceAgent() { self.isAgentSilent = true }

    /// The guest leaves, as when an agent migrates it: what ``take(_:)`` of another host gets.
    package func giveAway(guest name: String) -> Contents.Guest? { self.contents.guests.removeValue(forKey: name) }

    package func take(_ guest: Contents.Guest) { self.contents.guests[guest.definition.name] = guest }

    // MARK: - The port

    package func probe(within limit: Duration) async throws(HostFailure) -> HostFacts {
        try await self.does(.probe, within: limit, changing: true) {}
        return self.settings.facts
    }

    package func perform(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        let holds = self.contents.steps.contains(step) || self.settings.holdsAlready.contains(step)
        try await self.does(.prepare, within: limit, changing: !holds) {
            if !self.settings.holdsAlready.contains(step) { self.contents.steps.insert(step) }
        }
    }

    package func undo(_ step: PreparationStep, within limit: Duration) async throws(HostFailure) {
        try await self.does(.removal, within: limit, changing: self.contents.steps.contains(step)) {
            self.contents.steps.remove(step)
        }
    }

    package func ensure(_ network: HostNetwork, within limit: Duration) async throws(HostFailure) {
        try await self.does(.network, within: limit, changing: self.contents.network != network) {
            self.contents.network = network
        }
    }

    package func remove(_ network: HostNetwork, within limit: Duration) async throws(HostFailure) {
        try await self.does(.removal, within: limit, changing: self.contents.network?.name == network.name) {
            if self.contents.network?.name == network.name {
                self.contents.network = nil
                self.contents.names = []
            }
        }
    }

    package func serve(
        _ names: [GuestName], in network: HostNetwork, within limit: Duration
    ) async throws(HostFailure) {
        try await self.does(.network, within: limit, changing: self.contents.names != names) {
            self.contents.names = names
        }
    }

    package func ensure(_ agent: AgentInstallation, within limit: Duration) async throws(HostFailure) {
        guard self.contents.files[.agentProgram] == .agentProgram(agent.program) else {
            throw .refused(step: "starting dvmsd", words: "its program is not there")
        }
        try await self.does(.agent, within: limit, changing: self.contents.agent != agent) {
            self.contents.agent = agent
        }
    }

    package func removeAgent(within limit: Duration) async throws(HostFailure) {
        let isThere = self.contents.agent != nil || self.contents.files[.agentProgram] != nil
        try await self.does(.removal, within: limit, changing: isThere) {
            self.contents.agent = nil
            self.contents.files[.agentProgram] = nil
            self.contents.readers[.agentProgram] = nil
        }
        await self.network.set(0, of: self.held(.agentProgram))
    }

    package func guests(within limit: Duration) async throws(HostFailure) -> [String] {
        try await self.does(.check, within: limit, changing: true) {}
        return self.contents.guests.keys.sorted()
    }

    package func ensure(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        if let words = self.refusal(of: guest) { throw .refused(step: "to define \(guest.name)", words: words) }
        let runs = self.contents.guests[guest.name]?.isRunning == true
        try await self.does(.boot, within: limit, changing: !runs) { self.start(guest) }
    }

    package func state(ofGuest name: String, within limit: Duration) async throws(HostFailure) -> GuestState {
        try await self.does(.check, within: limit, changing: true) {}
        return self.contents.guests[name].map { $0.isRunning ? .running : .stopped } ?? .absent
    }

    package func isReachable(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) -> Bool {
        try await self.does(.check, within: limit, changing: true) {}
        guard let guest = self.contents.guests[guest.name] else { return false }
        return guest.isRunning && !guest.isHanging && guest.answersAt <= self.time.now
    }

    package func restart(_ guest: GuestDefinition, within limit: Duration) async throws(HostFailure) {
        guard self.contents.guests[guest.name] != nil else {
            throw .refused(step: "to restart \(guest.name)", words: "there is no such guest")
        }
        try await self.does(.boot, within: limit, changing: true) {
            self.contents.guests[guest.name]?.isRunning = false
            self.start(guest)
        }
    }

    package func removeGuest(named name: String, within limit: Duration) async throws(HostFailure) {
        try await self.does(.removal, within: limit, changing: self.contents.guests[name] != nil) {
            self.contents.guests[name] = nil
        }
    }

    // MARK: - Inside

    private func refusal(of guest: GuestDefinition) -> String? {
        if self.faults.contains(.refusesGuest(guest.name)) { return "unsupported configuration" }
        let steps = self.contents.steps.union(self.settings.holdsAlready)
        guard steps.count == PreparationStep.allCases.count else { return "no connection to the hypervisor" }
        guard self.contents.network == guest.network else { return "no bridge \(guest.network.name)" }
        guard self.contents.files[.image] == .image(guest.image) else { return "no image \(guest.image.name)" }
        let others = self.contents.guests.values.filter { $0.definition.name != guest.name }
        let memory = others.reduce(guest.memoryMiB) { $0 + $1.definition.memoryMiB }
        guard memory <= self.settings.facts.memoryMiB else { return "cannot allocate memory" }
        return nil
    }

    private func start(_ guest: GuestDefinition) {
        let known = self.contents.guests[guest.name]
        if known?.isRunning == true { return }
        if known == nil { self.guestsMade[guest.name, default: 0] += 1 }
        let isHanging = self.spend {
            if case .guestHangs(guest.name, _) = $0 { true } else { false }
        }
        self.contents.guests[guest.name] = Contents.Guest(
            definition: guest, isRunning: true, answersAt: self.time.now + self.draw(self.settings.bootMilliseconds),
            isHanging: isHanging)
    }

    private func draw(_ range: ClosedRange<Int64>) -> Duration {
        .milliseconds(Int64.random(in: range, using: &self.generator))
    }

    /// Has `effect` come about at some time while the deed takes, unless a fault comes in between.
    func does(
        _ deed: ModelledDeed, within limit: Duration, changing: Bool, _ effect: () -> Void
    ) async throws(HostFailure) {
        if self.faults.contains(.dies(at: deed)) { await self.die() }
        if self.isDead {
            try await self.sleep(min(Self.silence, limit))
            throw .unreachable(detail: "no answer from \(self.id)")
        }
        let range = changing ? self.settings.milliseconds[deed] : nil
        let duration = self.draw(range ?? self.settings.idleMilliseconds)
        let isDrawn = Int.random(in: 0..<1_000, using: &self.generator) < self.settings.refusedPerThousand
        if isDrawn || self.spend({ if case .refuses(deed, _) = $0 { true } else { false } }) {
            try await self.sleep(min(duration, limit))
            throw .refused(step: deed.rawValue, words: "modelled fault")
        }
        let hangs = self.spend { if case .hangs(deed, _) = $0 { true } else { false } }
        let isEarly = Bool.random(using: &self.generator)
        if changing { self.changes += deed == .probe || deed == .check ? 0 : 1 }
        if isEarly || hangs { effect() }
        guard !hangs, duration <= limit else {
            try await self.sleep(limit)
            throw .timedOut(step: deed.rawValue, limit: limit)
        }
        try await self.sleep(duration)
        if !isEarly { effect() }
    }

    func sleep(_ duration: Duration) async throws(HostFailure) {
        do {
            try await self.time.sleep(for: duration)
        } catch {
            throw .cancelled
        }
    }

    /// Takes one time off the first fault that `isMeant`; whether there was one.
    func spend(_ isMeant: (ModelledFault) -> Bool) -> Bool {
        guard let index = self.faults.firstIndex(where: { isMeant($0) && $0.times > 0 }) else { return false }
        self.faults[index] = self.faults[index].once
        return true
    }
}

extension ModelledFault {
    /// How often it is still to come.
    fileprivate var times: Int {
        switch self {
        case .dies, .refusesGuest, .diesWithChunks, .servesDamaged: .max
        case .refuses(_, let times), .hangs(_, let times), .damagesImage(let times), .guestHangs(_, let times): times
        }
    }

    /// The same after it came once.
    fileprivate var once: ModelledFault {
        switch self {
        case .dies, .refusesGuest, .diesWithChunks, .servesDamaged: self
        case .refuses(let deed, let times): .refuses(deed, times: times - 1)
        case .hangs(let deed, let times): .hangs(deed, times: times - 1)
        case .damagesImage(let times): .damagesImage(times: times - 1)
        case .guestHangs(let guest, let times): .guestHangs(guest, times: times - 1)
        }
    }
}

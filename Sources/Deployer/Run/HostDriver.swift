import Basis
import Settings

/// Leads one host and its guests through their stages: each begun and ended in the records, tried again where that can
/// help, and within its time.
actor HostDriver {
    let id: NodeID
    let host: any DeployableHost
    let context: RunContext
    let roster: Roster
    private var generator: SplitMix64
    private var agent: (() throws(HostFailure) -> AgentInstallation)?

    /// How often a guest is asked whether it answers.
    private static let checkInterval = Duration.seconds(2)

    init(_ host: any DeployableHost, _ context: RunContext, _ roster: Roster, generator: SplitMix64) {
        self.id = host.id
        self.host = host
        self.context = context
        self.roster = roster
        self.generator = generator
    }

    // MARK: - The host's own stages

    /// Has the host do `stage`, or look again at what was done.
    func pass(_ stage: HostStage) async throws(RunFailure) {
        try await self.context.meter.measure(RunStage(stage), self.id.name) { () async throws(RunFailure) in
            if await self.roster.host(self.id).state.isPast(stage) {
                do throws(HostFailure) {
                    return try await self.deed(stage)
                } catch {
                    // It no longer holds: it is done once more, and on record.
                    if error == .cancelled || Task.isCancelled { throw .cancelled }
                }
            }
            try await self.trying(RunStage(stage), self.id.name) { attempt, error throws(RunFailure) in
                try await self.roster.move(self.id, .begin(stage), attempt: attempt, error: error)
            } deed: { () async throws(HostFailure) in
                try await self.deed(stage)
            }
            try await self.roster.move(self.id, .finish(stage))
        }
    }

    /// Has dvmsd run on the host.
    func start(agent: @escaping @Sendable () throws(HostFailure) -> AgentInstallation) async throws(RunFailure) {
        self.agent = agent
        try await self.pass(.agent)
    }

    /// Takes dvmsd away, if it was ever begun to be put there.
    func stopAgent() async throws(RunFailure) {
        guard await self.roster.host(self.id).reached == .agent else { return }
        try await self.trying(.removal, self.id.name) { _, _ in
        } deed: { () async throws(HostFailure) in
            try await self.host.removeAgent(within: self.context.fleet.timeouts.removal)
        }
    }

    /// The deployment's guests that the host has now.
    func guestsThere() async throws(RunFailure) -> [String] {
        var names: [String] = []
        try await self.asking { () async throws(HostFailure) in
            names = try await self.host.guests(within: self.context.fleet.timeouts.probe)
        }
        return names
    }

    private func deed(_ stage: HostStage) async throws(HostFailure) {
        let timeouts = self.context.fleet.timeouts
        switch stage {
        case .probe:
            let facts = try await self.host.probe(within: timeouts.probe)
            if let missing = facts.missing(of: self.context.fleet.booking.required) { throw .lacks(what: missing) }
            await self.roster.note(facts, of: self.id)
        case .prepare:
            for step in PreparationStep.allCases { try await self.host.perform(step, within: timeouts.prepare) }
        case .network:
            try await self.host.ensure(self.context.network, within: timeouts.network)
            try await self.host.serve(
                await self.roster.guestNames, in: self.context.network, within: timeouts.network)
        case .image:
            try await self.obtain(.image(self.context.image))
        case .agent:
            guard let agent = self.agent else { preconditionFailure("dvmsd is started by start(agent:)") }
            let installation = try agent()
            try await self.obtain(.agentProgram(installation.program))
            try await self.host.ensure(installation, within: timeouts.agent)
        }
    }

    /// Has the file on the host, from other hosts as far as they give it.
    private func obtain(_ file: SpreadFile) async throws(HostFailure) {
        let sources = await self.context.spread.sources(of: file.kind, for: self.id)
        let arrival = try await self.host.ensure(file, from: sources, within: self.context.fleet.timeouts.image)
        for passed in arrival.passedOver {
            self.context.meter.note(
                .sourcePassedOver(self.id, file.kind, source: passed.source, chunk: passed.chunk, why: passed.why))
        }
    }

    /// Runs `deed` until it succeeds, as often as the fleet allows.
    ///
    /// - Parameter before: told the number of the attempt, from 1, and how the last one failed.
    func trying(
        _ stage: RunStage, _ entity: String, before: (Int, String) async throws(RunFailure) -> Void,
        deed: () async throws(HostFailure) -> Void
    ) async throws(RunFailure) {
        var last = ""
        for attempt in 1...self.context.schedule.attempts {
            try await before(attempt, last)
            do throws(HostFailure) {
                return try await deed()
            } catch {
                if error == .cancelled || Task.isCancelled { throw .cancelled }
                guard error.canRetryHelp, attempt < self.context.schedule.attempts else { throw .host(error) }
                try await self.wait(stage, entity, attempt, error)
                last = error.description
            }
        }
    }

    private func wait(
        _ stage: RunStage, _ entity: String, _ attempt: Int, _ failure: HostFailure
    ) async throws(RunFailure) {
        let delay = self.context.schedule.delay(after: attempt, using: &self.generator)
        self.context.meter.note(
            .retried(stage, entity: entity, attempt: attempt, failure: failure, delay: delay))
        try await self.context.sleep(delay)
    }

    // MARK: - Guests

    /// Has all guests run that are to run here, some at a time.
    ///
    /// - Throws: the host's failure when it is the host that fails; a guest that fails alone is noted.
    func runGuests() async throws(RunFailure) {
        let names = await self.roster.unseen(on: self.id)
        let atOnce = self.context.fleet.limits.bootsPerHost
        try await Windowed.run(names, atOnce: atOnce) { name throws(RunFailure) in try await self.run(guest: name) }
    }

    private func run(guest name: String) async throws(RunFailure) {
        let record = await self.roster.guest(name)
        let definition = self.context.definition(of: record)
        if record.stage == .running {
            if try await self.stillRuns(definition) { return }
            if self.context.doGuestsMove { return await self.roster.miss(name, on: self.id) }
            try await self.roster.move(guest: name, .replan, error: "it was found not to run")
        }
        var (last, isStuck) = ("", false)
        for attempt in 1...self.context.schedule.attempts {
            let failure: HostFailure
            do throws(RunFailure) {
                return try await self.context.boots.pass(orThrow: .cancelled) { () async throws(RunFailure) in
                    if try await self.mayHaveLeft(name) { return await self.roster.miss(name, on: self.id) }
                    try await self.roster.move(guest: name, .boot, copy: true, attempt: attempt, error: last)
                    try await self.boot(definition, again: isStuck)
                    try await self.roster.move(guest: name, .answer, attempt: attempt)
                }
            } catch .host(let reason) {
                failure = reason
            } catch {
                throw error
            }
            guard failure.canRetryHelp, attempt < self.context.schedule.attempts else {
                try await self.giveUp(name, failure)
                return
            }
            if case .timedOut(Self.answerStep, _) = failure { isStuck = true }
            try await self.wait(isStuck ? .check : .boot, name, attempt, failure)
            last = failure.description
        }
    }

    private static let answerStep = "the guest's answer"

    /// Whether a guest that was begun here is not here, and an agent may have moved it: then only a look at all hosts can
    /// tell whether it is to be made.
    private func mayHaveLeft(_ name: String) async throws(RunFailure) -> Bool {
        guard self.context.doGuestsMove, await self.roster.copies(on: self.id).contains(name) else { return false }
        var state = GuestState.absent
        try await self.asking { () async throws(HostFailure) in
            state = try await self.host.state(ofGuest: name, within: self.context.fleet.timeouts.probe)
        }
        return state == .absent
    }

    /// Whether a guest that ran before runs now.
    ///
    /// - Throws: the host's failure, when it stays after some attempts.
    private func stillRuns(_ guest: GuestDefinition) async throws(RunFailure) -> Bool {
        var attempt = 1
        while true {
            do throws(RunFailure) {
                return try await self.look(at: guest)
            } catch .host(let failure) where failure.canRetryHelp && attempt < self.context.schedule.attempts {
                try await self.wait(.check, guest.name, attempt, failure)
                attempt += 1
            } catch {
                throw error
            }
        }
    }

    /// A guest that runs and does not answer is noted, and left as it is: what it does is its user's business.
    private func look(at guest: GuestDefinition) async throws(RunFailure) -> Bool {
        var state = GuestState.absent
        try await self.asking { () async throws(HostFailure) in
            state = try await self.host.state(ofGuest: guest.name, within: self.context.fleet.timeouts.probe)
        }
        guard state == .running else { return false }
        do throws(RunFailure) {
            try await self.awaitAnswer(of: guest)
            await self.roster.see(guest.name, isSilent: false)
        } catch .host(.timedOut(Self.answerStep, _)) {
            if try await self.mayHaveLeft(guest.name) { return false }
            await self.roster.see(guest.name, isSilent: true)
            self.context.meter.note(
                .guestFailed(guest.name, why: "it runs on \(self.id) and does not answer; look into it there"))
        } catch {
            throw error
        }
        return true
    }

    /// - Parameter again: it hangs, and is turned off and on.
    private func boot(_ guest: GuestDefinition, again: Bool) async throws(RunFailure) {
        let timeouts = self.context.fleet.timeouts
        try await self.context.meter.measure(.boot, guest.name) { () async throws(RunFailure) in
            try await self.asking { () async throws(HostFailure) in
                again
                    ? try await self.host.restart(guest, within: timeouts.boot)
                    : try await self.host.ensure(guest, within: timeouts.boot)
            }
        }
        try await self.context.meter.measure(.check, guest.name) { () async throws(RunFailure) in
            try await self.awaitAnswer(of: guest)
        }
    }

    /// - Throws: that the ``answerStep`` timed out, or the host's failure.
    private func awaitAnswer(of guest: GuestDefinition) async throws(RunFailure) {
        let timeouts = self.context.fleet.timeouts
        let deadline = self.context.time.now + timeouts.check
        while true {
            var answers = false
            try await self.asking { () async throws(HostFailure) in
                answers = try await self.host.isReachable(guest, within: timeouts.probe)
            }
            if answers { return }
            guard self.context.time.now + Self.checkInterval <= deadline else {
                throw .host(.timedOut(step: Self.answerStep, limit: timeouts.check))
            }
            try await self.context.sleep(Self.checkInterval)
        }
    }

    /// - Throws: the host's failure when it does not answer.
    func confirmAnswers() async throws(RunFailure) {
        try await self.asking { () async throws(HostFailure) in
            _ = try await self.host.probe(within: self.context.fleet.timeouts.probe)
        }
    }

    private func asking(_ deed: () async throws(HostFailure) -> Void) async throws(RunFailure) {
        do throws(HostFailure) {
            try await deed()
        } catch {
            throw error == .cancelled || Task.isCancelled ? .cancelled : .host(error)
        }
    }

    /// A guest failed for good. Where its host does not answer either, the host has failed.
    private func giveUp(_ name: String, _ failure: HostFailure) async throws(RunFailure) {
        try await self.confirmAnswers()
        try await self.roster.move(guest: name, .giveUp, error: failure.description)
        self.context.meter.note(.guestFailed(name, why: failure.description))
    }
}

extension HostFacts {
    /// The first requirement that does not hold, in words; nil when all do.
    func missing(of required: HostRequirements) -> String? {
        if required.kvm, !self.hasKVM { return "/dev/kvm" }
        if let flag = required.cpuFlags.first(where: { !self.cpuFlags.contains($0) }) { return "the CPU flag \(flag)" }
        if self.cpus < required.cpusMin { return "CPUs: \(required.cpusMin) are required, it has \(self.cpus)" }
        if self.memoryMiB < required.memoryMinMiB {
            return "memory: \(required.memoryMinMiB) MiB are required, it has \(self.memoryMiB)"
        }
        if self.freeDiskMiB < required.freeDiskMinMiB {
            return "disk: \(required.freeDiskMinMiB) MiB are required, it has \(self.freeDiskMiB) free"
        }
        let off = abs(self.clockAheadMilliseconds)
        if Int64(off) > required.clockOffsetMax.inMilliseconds { return "the right time: its clock is \(off) ms off" }
        return nil
    }
}

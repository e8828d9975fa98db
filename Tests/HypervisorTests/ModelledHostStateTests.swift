import Basis
import Hypervisor
import Placement
import Testing

/// One host's state, driven by hand.
private struct Host {
    var state = ModelledHostState(settings("h1", cpu: 1_000), at: .zero)
    var calls: UInt64 = 0
    var now = MonotonicInstant.zero

    init(_ guests: ModelledGuest...) {
        for guest in guests { _ = self.ask(.boot(guest)) }
    }

    mutating func handle(_ event: ModelledEvent) -> [ModelledEffect] { self.state.handle(event, at: self.now) }

    /// The answer to one request; nil when it comes later.
    mutating func ask(_ request: ModelledRequest) -> ModelledReply? {
        self.calls += 1
        let call = ModelledCallID(number: self.calls)
        for effect in self.handle(.request(request, call)) {
            if case .reply(let reply, call, _) = effect { return reply }
        }
        return nil
    }

    /// Begins to let `vm` out, up to the given point.
    mutating func leave(_ vm: VMID, upTo stage: ModelledFaults.Stage) {
        let stream = ModelledStreamID.outgoing(1)
        _ = self.ask(.migrate(order(vm, to: "h2")))
        _ = self.handle(.streamOpened(stream))
        guard stage != .start else { return }
        _ = self.handle(.received(.accepted(bytesPerSecond: 1_000_000_000), stream))
        guard stage != .copy else { return }
        while self.state.nextDeadline != nil, stage == .arrival || self.presence(vm) == .running {
            var effects = self.passToNextDeadline()
            while !effects.isEmpty {
                switch effects.removeFirst() {
                case .send(.roundEnded(let round, _), _):
                    effects += self.handle(.received(.roundTaken(round: round), stream))
                case .send(.final, _) where stage == .arrival:
                    effects += self.handle(.received(.arrived, stream))
                default: break
                }
            }
        }
    }

    @discardableResult
    mutating func passToNextDeadline() -> [ModelledEffect] {
        guard let next = self.state.nextDeadline else { return [] }
        self.now = next
        return self.handle(.timePassed)
    }

    /// Lets a guest in, and if `arrives`, to the end.
    mutating func takeIn(_ vm: VMID, arrives: Bool) {
        let stream = ModelledStreamID.incoming(9)
        _ = self.ask(.openIncoming(ticket(vm, from: "h9")))
        _ = self.handle(.received(.begin(ticket(vm, from: "h9"), destination: "h1", guest(vm)), stream))
        if arrives { _ = self.handle(.received(.final(guest(vm)), stream)) }
    }

    mutating func presence(_ vm: VMID) -> DomainPresence? {
        guard case .presence(let presence) = self.ask(.presence(vm)) else { return nil }
        return presence
    }
}

/// Everything that `a` can be, and how it comes to be that.
private enum Situation: CaseIterable, Sendable {
    case absent, running, leaving, suspended, sent, flowing, arrived, pausedByOperator, shutOff, leftShutOff

    func host() -> Host {
        var host = Host()
        switch self {
        case .absent: break
        case .running: _ = host.ask(.boot(guest("a")))
        case .leaving, .suspended, .sent:
            _ = host.ask(.boot(guest("a")))
            host.leave("a", upTo: self == .leaving ? .copy : self == .suspended ? .switchOver : .arrival)
        case .flowing: host.takeIn("a", arrives: false)
        case .arrived: host.takeIn("a", arrives: true)
        case .pausedByOperator:
            _ = host.ask(.boot(guest("a")))
            _ = host.ask(.setPaused("a", true))
        case .shutOff:
            _ = host.ask(.boot(guest("a")))
            host.state = host.state.rebooted(at: .zero)
        case .leftShutOff:
            _ = host.ask(.boot(guest("a")))
            host.leave("a", upTo: .arrival)
            host.state = host.state.rebooted(at: .zero)
        }
        return host
    }

    var presence: DomainPresence {
        switch self {
        case .absent: .absent
        case .running, .leaving: .running
        case .suspended, .sent: .pausedOutgoing
        case .flowing, .arrived: .pausedIncoming
        case .pausedByOperator: .pausedOtherwise
        case .shutOff, .leftShutOff: .shutOff
        }
    }

    /// What `resume` makes of it; nil when it is refused.
    var resumed: DomainPresence? {
        switch self {
        case .absent, .suspended, .flowing, .pausedByOperator, .shutOff, .leftShutOff: nil
        case .running, .leaving, .sent, .arrived: .running
        }
    }

    /// What `discardPausedCopy` makes of it; nil when it is refused.
    var discarded: DomainPresence? {
        switch self {
        case .running, .leaving, .suspended, .pausedByOperator, .shutOff: nil
        case .absent, .sent, .flowing, .arrived, .leftShutOff: .absent
        }
    }
}

@Suite("The state of a modelled host")
struct ModelledHostStateTests {
    @Test("knows where a guest stands, resumes and discards it only where that is right", arguments: Situation.allCases)
    private func resumesAndDiscards(situation: Situation) {
        var host = situation.host()
        #expect(host.presence("a") == situation.presence)

        var resumed = host
        let resumeReply = resumed.ask(.resume("a"))
        if let expected = situation.resumed {
            #expect(resumeReply == .done)
            #expect(resumed.presence("a") == expected)
            #expect(resumed.ask(.resume("a")) == .done, "resuming is idempotent")
        } else {
            #expect(isFailure(resumeReply))
            #expect(resumed.presence("a") == situation.presence)
        }

        let discardReply = host.ask(.discardPausedCopy("a"))
        if let expected = situation.discarded {
            #expect(discardReply == .done)
            #expect(host.presence("a") == expected)
            #expect(host.ask(.discardPausedCopy("a")) == .done, "discarding is idempotent")
        } else {
            #expect(isFailure(discardReply))
            #expect(host.presence("a") == situation.presence)
        }
    }

    @Test("lets out a guest only if it runs and is not on its way already", arguments: Situation.allCases)
    private func migratesOnlyWhatRuns(situation: Situation) {
        var host = situation.host()
        let reply = host.ask(.migrate(order("a", to: "h2", number: 7)))
        #expect((reply == nil) == (situation == .running))
        if let reply { #expect(isFailure(reply)) }
    }

    @Test(
        "lets a guest run again at home in whatever stage its stream breaks, and leaves an arrived one alone",
        arguments: [
            (Situation.leaving, DomainPresence.running), (.suspended, .running), (.sent, .pausedOutgoing),
        ])
    private func streamBreaksAtSource(situation: Situation, after: DomainPresence) {
        var host = situation.host()
        _ = host.handle(.streamBroken(.outgoing(1), reason: "test"))
        #expect(host.presence("a") == after)
        #expect(host.state.nextDeadline == nil)
    }

    @Test(
        "drops what was flowing in when its stream breaks, and keeps what has arrived",
        arguments: [
            (Situation.flowing, DomainPresence.absent), (.arrived, .pausedIncoming),
        ])
    private func streamBreaksAtDestination(situation: Situation, after: DomainPresence) {
        var host = situation.host()
        _ = host.handle(.streamBroken(.incoming(9), reason: "test"))
        #expect(host.presence("a") == after)
    }

    @Test("does not touch an arrived guest when its ticket is closed")
    func closingAfterArrival() {
        var host = Host()
        host.takeIn("a", arrives: true)
        #expect(host.ask(.closeIncoming(ticket("a", from: "h9"))) == .done)
        #expect(host.presence("a") == .pausedIncoming)
    }

    @Test("closes a stream that brings data without a ticket, and makes no guest of it")
    func dataWithoutTicket() {
        var host = Host()
        let stream = ModelledStreamID.incoming(9)
        for message in [ModelledStreamMessage.memory(round: 1, bytes: 10), .final(guest("a")), .arrived] {
            #expect(host.handle(.received(message, stream)) == [.close(stream)])
        }
        #expect(host.presence("a") == .absent)
    }

    @Test(
        "refuses a guest for which its memory, its CPU model or its name do not fit",
        arguments: [
            guest("a", memory: 8_193), guest("b"), guest("a", cpu: -1),
            ModelledGuest(vm: "a", demand: Resources(cpuMillicores: 1, memoryMiB: 1), cpuRequirement: "other"),
        ])
    func refusesWhatDoesNotFit(arriving: ModelledGuest) {
        var host = Host()
        let stream = ModelledStreamID.incoming(9)
        _ = host.ask(.openIncoming(ticket("a", from: "h9")))
        let effects = host.handle(.received(.begin(ticket("a", from: "h9"), destination: "h1", arriving), stream))
        #expect(effects.last == .close(stream))
        #expect(host.presence("a") == .absent)
        // The same with what fits: the ticket is not spent by a refusal.
        let fitting = host.handle(
            .received(.begin(ticket("a", from: "h9"), destination: "h1", guest("a", memory: 8_192)), .incoming(10)))
        #expect(fitting.contains { if case .send(.accepted, _) = $0 { true } else { false } })
    }

    @Test("shows what a guest wants, and what it gets of an overloaded host")
    func demandIsNotUsage() {
        var host = Host(guest("a", cpu: 1_500), guest("b", cpu: 500))
        guard case .sample(let sample) = host.ask(.sample), case .domains(let listing) = host.ask(.listDomains) else {
            Issue.record("no sample")
            return
        }
        #expect(sample.map(\.demand?.cpuMillicores) == [1_500, 500])
        #expect(listing.map(\.usedCPUMillicores) == [750, 250])
        #expect(host.ask(.setDemand("b", cpuMillicores: 100, dirtyMiBPerSecond: 7)) == .done)
        #expect(host.ask(.setDemand("c", cpuMillicores: 100, dirtyMiBPerSecond: nil)) == .failure(.noSuchVM("c")))
        #expect(isFailure(host.ask(.setDemand("b", cpuMillicores: -1, dirtyMiBPerSecond: nil))))
        guard case .sample(let after) = host.ask(.sample) else { return }
        #expect(after.map(\.demand?.cpuMillicores) == [1_500, 100])
        #expect(after.last?.dirtyMiBPerSecond == 7)
    }

    @Test("takes other rates than the CPU's one by one")
    func otherRates() {
        var host = Host(guest("a", cpu: 1_500), guest("b", cpu: 500))
        #expect(host.ask(.setRates("a", ModelledRates(diskKiBPerSecond: 5, networkKiBPerSecond: 6))) == .done)
        #expect(host.ask(.setRates("a", ModelledRates(networkKiBPerSecond: 7, dirtyMiBPerSecond: 8))) == .done)
        #expect(host.ask(.setRates("c", ModelledRates(diskKiBPerSecond: 5))) == .failure(.noSuchVM("c")))
        #expect(isFailure(host.ask(.setRates("b", ModelledRates(diskKiBPerSecond: -1)))))
        guard case .sample(let sample) = host.ask(.sample) else { return }
        #expect(sample.map(\.demand?.diskKiBPerSecond) == [5, 0])
        #expect(sample.map(\.demand?.networkKiBPerSecond) == [7, 0])
        #expect(sample.first?.demand?.cpuMillicores == 1_500 && sample.first?.dirtyMiBPerSecond == 8)
    }

    @Test("has no demand to show for a guest that does not run")
    func pausedHasNoDemand() {
        var host = Host()
        host.takeIn("a", arrives: false)
        guard case .sample(let sample) = host.ask(.sample) else { return }
        #expect(sample.map(\.demand) == [nil])
        #expect(sample.map(\.job) == [.incoming])
    }

    @Test(
        "fails a migration where it was told to, once, and the guest runs at home",
        arguments: [
            ModelledFaults.Stage.start, .copy, .switchOver, .arrival,
        ])
    func failsOnPurpose(stage: ModelledFaults.Stage) {
        var host = Host(guest("a"))
        _ = host.ask(.setFaults(ModelledFaults(failNextMigration: stage)))
        host.leave("a", upTo: .arrival)
        #expect(host.presence("a") == .running)
        #expect(host.state.faults.failNextMigration == nil)
        #expect(host.state.nextDeadline == nil)
    }

    @Test("answers nothing while silent, although guests and copies go on")
    func silence() {
        var host = Host(guest("a"))
        host.leave("a", upTo: .copy)
        let effects = host.handle(
            .request(.setFaults(ModelledFaults(isSilent: true)), ModelledCallID(number: 1_000)))
        #expect(effects.contains(.announce(.disconnected)))
        #expect(effects.contains { if case .reply(.failure(.unreachable), _, _) = $0 { true } else { false } })
        #expect(isFailure(host.ask(.presence("a"))))
        #expect(!host.state.flows.isEmpty)
        _ = host.ask(.setFaults(ModelledFaults()))
        #expect(host.presence("a") == .running)
    }

    @Test("sends nothing while copies stall, until the time limit")
    func stalls() {
        var host = Host(guest("a"))
        host.leave("a", upTo: .copy)
        _ = host.ask(.setFaults(ModelledFaults(copiesStall: true)))
        while host.state.nextDeadline != nil { host.passToNextDeadline() }
        #expect(host.now == MonotonicInstant.zero + .seconds(1_800))
        #expect(host.presence("a") == .running)
    }

    /// How long the first round takes, in seconds.
    private func firstRound(linkPercent: Int) -> Double {
        var host = Host(guest("a"))
        host.leave("a", upTo: .copy)
        _ = host.ask(.setFaults(ModelledFaults(linkPercent: linkPercent)))
        while host.state.nextDeadline != nil {
            let effects = host.passToNextDeadline()
            if effects.contains(where: { if case .send(.roundEnded, _) = $0 { true } else { false } }) { break }
        }
        return (host.now - .zero).inSeconds
    }

    @Test("sends as fast as its link goes, which may get slow")
    func slowLink() {
        let (usual, slow) = (self.firstRound(linkPercent: 100), self.firstRound(linkPercent: 25))
        #expect(usual > 8 && abs(slow - usual * 4) < 0.001, "\(usual) s and \(slow) s")
    }

    @Test("tells those that send when its link gets slow, and when it no longer is")
    func slowArrivals() {
        var host = Host()
        host.takeIn("b", arrives: false)
        for (percent, share) in [(10, 12_125_000), (100, 121_250_000)] {
            let effects = host.handle(
                .request(
                    .setFaults(ModelledFaults(linkPercent: percent)), ModelledCallID(number: UInt64(1_000 + percent))))
            #expect(effects.contains(.send(.share(bytesPerSecond: share), .incoming(9))), "\(effects)")
        }
    }

    @Test("gives up on a destination that does not answer")
    func destinationIsSilent() {
        var host = Host(guest("a"))
        host.leave("a", upTo: .start)
        host.passToNextDeadline()
        #expect(host.now == MonotonicInstant.zero + ModelledHostSettings.peerSilenceMax)
        #expect(host.state.nextDeadline == nil)
        #expect(host.presence("a") == .running)
    }

    private func isFailure(_ reply: ModelledReply?) -> Bool {
        if case .failure = reply { true } else { false }
    }
}

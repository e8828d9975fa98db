package import Basis
package import Placement

/// Everything a modelled host knows, and how it changes: domains, tickets, guests that leave and arrive, faults.
///
/// A value: it has no clock and sends nothing. Whoever owns it hands it each event with the time and carries out the
/// effects in order, and hands it ``ModelledEvent/timePassed`` once ``nextDeadline`` has come. ``ModelledFleet`` does so
/// for the hosts of a simulation, ``ModelledHostServer`` for the host of a process.
///
/// A domain goes through these presences; `*` marks what only a caller of the port does:
///
///     (boot) → running → pausedOutgoing → * resume → running        source
///                                       → * discard → absent
///     absent → pausedIncoming (flowing) → pausedIncoming (arrived) → * resume → running      destination
///                                       ↘ absent                   → * discard → absent
///
/// While a guest leaves it runs until the last part; if its migration ends in any way other than by its arrival, it
/// runs here again. That is safe because an arrived copy never runs by itself.
package struct ModelledHostState: Sendable {
    package let settings: ModelledHostSettings
    var domains = ModelledDomains()
    var tickets: [IncomingTicket] = []
    var outgoing: [OutgoingCopy] = []
    var incoming: [IncomingCopy] = []
    package internal(set) var faults = ModelledFaults()
    /// Up to when copies have been carried forward.
    private(set) var settledAt: MonotonicInstant
    private var streamsOpened: UInt64 = 0
    /// The answer to a question that is asked each second, until the next event.
    var lastSample: [DomainSample]?

    package init(_ settings: ModelledHostSettings, at now: MonotonicInstant) {
        self.settings = settings
        self.settledAt = now
    }

    /// Changes the state by one event and says what is to be done, in order.
    package mutating func handle(_ event: ModelledEvent, at now: MonotonicInstant) -> [ModelledEffect] {
        var effects: [ModelledEffect] = []
        self.lastSample = nil
        self.settle(at: now)
        switch event {
        case .request(let request, let call): self.answer(request, call, &effects)
        case .streamOpened(let stream): self.sendGuest(on: stream, &effects)
        case .received(let message, let stream): self.take(message, on: stream, &effects)
        case .streamBroken(let stream, let reason): self.lose(stream, reason: reason, &effects)
        case .timePassed: break
        }
        self.endWhatIsDue(&effects)
        self.divideLinks(&effects)
        return effects
    }

    /// When it must be handed ``ModelledEvent/timePassed``; nil when nothing is under way.
    package var nextDeadline: MonotonicInstant? {
        self.outgoing.map { $0.nextDeadline(settledAt: self.settledAt) }.min()
    }

    /// The migrations of which data flows out of this host now, in the order in which they were begun.
    package var flows: [ModelledFlow] {
        self.outgoing.filter { $0.phase.usesLink }.map {
            ModelledFlow(source: self.settings.node, destination: $0.order.destination, ticket: $0.order.ticket)
        }
    }

    /// Everything that matters to whoever judges what is done with guests.
    package var view: ModelledHostView {
        ModelledHostView(
            node: self.settings.node,
            copies: self.domains.sorted.map { domain in
                let vm = domain.guest.vm
                return ModelledCopy(
                    vm: vm, presence: domain.presence, isWhole: !self.incoming.contains { $0.ticket.vm == vm })
            },
            flows: self.flows, tickets: self.tickets.map(\.ticket))
    }

    /// The host after a power failure and a reboot: every process is gone, of guests that ran here the definitions are
    /// left, and what had arrived without ever running here is lost.
    package func rebooted(at now: MonotonicInstant) -> ModelledHostState {
        var fresh = ModelledHostState(self.settings, at: now)
        for var domain in self.domains.sorted where domain.presence != .pausedIncoming {
            domain.presence = .shutOff
            fresh.domains[domain.guest.vm] = domain
        }
        return fresh
    }

    /// The share of the CPU it wants that each running guest gets, 0 to 1.
    var cpuShare: Double {
        let wanted = self.domains.sorted.reduce(0) { sum, domain in
            domain.presence == .running ? sum + domain.guest.demand.cpuMillicores : sum
        }
        let capacity = self.settings.capacity.cpuMillicores
        return wanted > capacity ? Double(max(capacity, 0)) / Double(wanted) : 1
    }

    mutating func nextStream() -> ModelledStreamID {
        self.streamsOpened += 1
        return .outgoing(self.streamsOpened)
    }

    /// Sets where a domain stands and tells whoever watches.
    mutating func setPresence(_ presence: DomainPresence, of vm: VMID, _ effects: inout [ModelledEffect]) {
        guard var domain = self.domains[vm], domain.presence != presence else { return }
        domain.presence = presence
        self.domains[vm] = domain
        effects.append(.announce(.changed(vm)))
    }

    /// Removes a domain and tells whoever watches.
    mutating func remove(_ vm: VMID, _ effects: inout [ModelledEffect]) {
        guard self.domains[vm] != nil else { return }
        self.domains[vm] = nil
        effects.append(.announce(.changed(vm)))
    }

    /// Carries every outgoing copy forward at the rates that held since the last event.
    private mutating func settle(at now: MonotonicInstant) {
        // A clock that seems to go back is taken as one that stood still.
        guard now > self.settledAt else { return }
        let passed = now - self.settledAt
        for index in self.outgoing.indices { self.outgoing[index].advance(by: passed) }
        self.settledAt = now
    }

    /// Gives every migration its share of the link of this host, and tells the sources of those that arrive.
    private mutating func divideLinks(_ effects: inout [ModelledEffect]) {
        let leaving = self.outgoing.count { $0.phase.usesLink }
        let cpuShare = leaving == 0 ? 1 : self.cpuShare
        for index in self.outgoing.indices {
            let copy = self.outgoing[index]
            let domain = self.domains[copy.order.ticket.vm]
            let writes = domain?.presence == .running ? Double(domain?.guest.dirtyMiBPerSecond ?? 0) : 0
            self.outgoing[index].dirtyBytesPerSecond = writes * bytesPerMiB * cpuShare
            let own = self.linkBytesPerSecond / Double(max(leaving, 1))
            self.outgoing[index].setRate(ownShare: own, stalled: self.faults.copiesStall)
        }
        let share = self.incomingShare(of: self.incoming.count)
        for index in self.incoming.indices where self.incoming[index].shareTold != share {
            self.incoming[index].shareTold = share
            effects.append(.send(.share(bytesPerSecond: share), self.incoming[index].stream))
        }
    }

    /// What each of `count` arriving guests can have of the link, in whole bytes per second.
    func incomingShare(of count: Int) -> Int {
        Int(self.linkBytesPerSecond / Double(max(count, 1)))
    }

    /// What migrations in one direction share now.
    private var linkBytesPerSecond: Double {
        self.settings.linkBytesPerSecond * (Double(self.faults.linkPercent) / 100)
    }
}

/// A migration of which data flows.
package struct ModelledFlow: Hashable, Sendable {
    package var source: NodeID
    package var destination: NodeID
    package var ticket: MigrationTicket

    package init(source: NodeID, destination: NodeID, ticket: MigrationTicket) {
        self.source = source
        self.destination = destination
        self.ticket = ticket
    }
}

/// What stands on a modelled host at one instant.
package struct ModelledHostView: Hashable, Sendable {
    package var node: NodeID
    /// In the order of their ids.
    package var copies: [ModelledCopy]
    /// The migrations of which data flows out of it.
    package var flows: [ModelledFlow]
    /// Open and spent ones that nobody has voided.
    package var tickets: [MigrationTicket]

    /// Nothing stands on a host that is down.
    package init(
        node: NodeID, copies: [ModelledCopy] = [], flows: [ModelledFlow] = [], tickets: [MigrationTicket] = []
    ) {
        self.node = node
        self.copies = copies
        self.flows = flows
        self.tickets = tickets
    }
}

/// One copy of a guest.
package struct ModelledCopy: Hashable, Sendable {
    package var vm: VMID
    package var presence: DomainPresence
    /// False while its memory is still flowing in: it can never run if the rest does not come.
    package var isWhole: Bool

    package init(vm: VMID, presence: DomainPresence, isWhole: Bool) {
        self.vm = vm
        self.presence = presence
        self.isWhole = isWhole
    }
}

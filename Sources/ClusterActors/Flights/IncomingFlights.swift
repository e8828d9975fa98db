import Basis
import Hypervisor
import Logging
import Placement

/// The destination's side of a migration: open, wait for the source's decision, act on it (PROTOCOL.md §9).
extension NodeAgent {
    /// How often the source's agent may leave a question about an arrived guest unanswered before its hypervisor is
    /// asked. One silence is a lost message; each further one costs the guest a poll of standing still.
    private static let silencesMax = 2

    func answerIncoming(_ order: IncomingOrder, from node: NodeID) async -> IncomingReply {
        guard order.source == node else { return .stale }
        defer { self.tellTransitions() }
        let admission = self.reservation.admit(order.action, .incoming, under: order.token, at: self.now) {
            self.whyNotIn(order)
        }
        switch admission {
        case .known(.running):
            guard let flight = self.incoming[order.action], flight.isReady else { return .busy }
            return self.ready(flight)
        case .known(.done(let result)): return .done(result)
        case .stale: return .stale
        case .busy: return .busy
        case .refused(let reason): return .refused(reason: reason)
        case .admitted: return await self.open(order)
        }
    }

    /// Tells the source that it may begin, and keeps the way open for it from now on (T5).
    private func ready(_ flight: IncomingFlight) -> IncomingReply {
        guard let host = self.host else { return .refused(reason: "the hypervisor of \(self.id) does not answer") }
        self.incoming[flight.order.action]?.deadline = self.deadline(of: flight.order)
        return .ready(ticket: flight.ticket.number, endpoint: host.endpoint)
    }

    private func deadline(of order: IncomingOrder) -> MonotonicInstant {
        self.now + self.settings.timings.destinationTimeout(forSource: order.flightTimeout)
    }

    /// Why this node will not take the guest; by what is known here at this instant, not by the plan's snapshot.
    private func whyNotIn(_ order: IncomingOrder) -> String? {
        guard !self.marks.isDraining else { return "\(self.id) is draining" }
        guard !self.isLeaving else { return "\(self.id) is stopping" }
        guard let host = self.host, !self.hypervisorIsAway else {
            return "the hypervisor of \(self.id) does not answer"
        }
        // A hypervisor that fell silent is noticed by the next sample only, and until then each flight leaves a ticket.
        guard self.ticketsToVoid.count < self.settings.migration.incomingMax else {
            return "the hypervisor of \(self.id) has yet to void \(self.ticketsToVoid.count) tickets"
        }
        guard self.monitor.domain(order.vm) == nil, self.inDoubt[order.vm] == nil else {
            return "\(order.vm) is on \(self.id) already"
        }
        guard !self.incoming.values.contains(where: { $0.order.vm == order.vm }) else {
            return "\(order.vm) is on its way to \(self.id) already"
        }
        guard order.flightTimeout <= self.settings.timings.flightTimeoutMax else {
            return "the flight may last \(order.flightTimeout), at most \(self.settings.timings.flightTimeoutMax) here"
        }
        guard !self.isUnforgotten(order.vm) else { return Self.unforgottenReason }
        let expected = self.incoming.values.reduce(0) { $0 + $1.order.needs.memoryMiB }
        let free = host.capacity.memoryMiB - self.settings.reserved.memoryMiB - self.monitor.load.memoryMiB - expected
        guard order.needs.memoryMiB <= free else {
            return "\(order.vm) needs \(order.needs.memoryMiB) MiB and \(self.id) has \(max(free, 0)) MiB left"
        }
        return nil
    }

    private func open(_ order: IncomingOrder) async -> IncomingReply {
        self.lastTicket &+= 1
        let flight = IncomingFlight(
            order: order, ticket: MigrationTicket(vm: order.vm, source: order.source, number: self.lastTicket),
            deadline: self.deadline(of: order))
        self.incoming[order.action] = flight
        self.tell(.flightBegan(order.action, order.vm, .incoming, peer: order.source))
        do {
            if let reason = try await self.ports.hypervisor.admits(cpuRequirement: order.cpuRequirement) {
                throw HypervisorError.refused(reason)
            }
            try await self.ports.hypervisor.openIncoming(flight.ticket)
        } catch {
            await self.endFlight(order.action, order.vm, .incoming, with: .failed(reason: "\(error)"))
            return .refused(reason: "\(error)")
        }
        await self.record(
            HandoverRecord(
                action: order.action, vm: order.vm, role: .destination, peer: order.source,
                peerEndpoint: order.sourceEndpoint, phase: .copying))
        self.spawn { await self.flyIn(order.action) }
        self.incoming[order.action]?.isReady = true
        return self.ready(flight)
    }

    /// Waits until the handover has ended here, asking the source now and then, and gives up at the flight's deadline.
    private func flyIn(_ action: ActionID) async {
        var result: ActionResult?
        while result == nil, let flight = self.incoming[action] {
            if Task.isCancelled { return }
            if let ended = self.endedMeanwhile(flight) {
                result = ended
            } else if self.now >= flight.deadline {
                result = await self.giveUp(flight)
            } else {
                await flight.bell.wait(
                    until: min(flight.deadline, self.now + self.settings.timings.actionPoll), on: self.ports.time)
                await self.askSource(action)
            }
        }
        guard let result, let flight = self.incoming[action] else { return }
        await self.endFlight(action, flight.order.vm, .incoming, with: result)
    }

    /// "Arrived", said again until it is answered. While nothing is here, the source is asked whether it gave up: a copy
    /// that was lost on the way does not come any more.
    private func askSource(_ action: ActionID) async {
        guard let flight = self.incoming[action], flight.ending == nil else { return }
        let phase: HandoverPhase
        switch try? await self.ports.hypervisor.presence(of: flight.order.vm) {
        case .pausedIncoming: phase = .arrived
        case .absent: phase = .copying
        case .running, .pausedOutgoing, .pausedOtherwise, .shutOff, nil: return
        }
        let reply = await self.ask(flight.order.source, .handover(action, vm: flight.order.vm, phase))
        guard self.incoming[action]?.ending == nil else { return }
        if case .handover(let decision) = reply {
            self.incoming[action]?.silences = 0
            _ = await self.act(on: decision, action, flight.order.vm, from: flight.order.source)
        } else {
            await self.bearSilence(of: action)
        }
    }

    /// The source's agent does not answer while its guest stands here paused: after a few times its hypervisor is asked.
    private func bearSilence(of action: ActionID) async {
        self.incoming[action]?.silences += 1
        guard let flight = self.incoming[action], flight.silences >= Self.silencesMax,
            let record = self.handovers[HandoverKey(action: action, role: .destination)],
            let decision = await self.decisionShown(bySourceOf: record)
        else { return }
        _ = await self.act(on: decision, action, flight.order.vm, from: flight.order.source)
    }

    /// The deadline has passed: void the ticket first, then see what is here.
    private func giveUp(_ flight: IncomingFlight) async -> ActionResult {
        try? await self.ports.hypervisor.closeIncoming(flight.ticket)
        if let ended = self.endedMeanwhile(flight) { return ended }
        let reason = "the migration of \(flight.order.vm) from \(flight.order.source) was not finished in time"
        let presence = try? await self.ports.hypervisor.presence(of: flight.order.vm)
        if let ended = self.endedMeanwhile(flight) { return ended }
        switch presence {
        case .absent, .shutOff:
            await self.forget(flight.order.action, as: .destination)
            return .failed(reason: reason)
        case .running, .pausedIncoming, .pausedOutgoing, .pausedOtherwise, nil:
            let key = HandoverKey(action: flight.order.action, role: .destination)
            if let record = self.handovers[key] { self.doubt(record, reason: reason) }
            return .inDoubt(reason: reason)
        }
    }

    /// How the flight ended in another turn; nil when it has not.
    private func endedMeanwhile(_ flight: IncomingFlight) -> ActionResult? {
        guard let ending = self.incoming[flight.order.action]?.ending else { return nil }
        return ending == .resumed ? .moved : .failed(reason: "the source kept \(flight.order.vm)")
    }

    // MARK: - The handover

    func answerHandover(
        _ action: ActionID, vm: VMID, phase: HandoverPhase, from node: NodeID
    ) async -> HandoverPhase {
        switch phase {
        case .letGo, .aborted:
            return await self.act(on: phase, action, vm, from: node) ?? .arrived
        case .arrived, .resumed, .dropped, .copying, .unknown:
            // Until the journal is read nothing is known, and "unknown" would be an answer.
            guard self.journalIsRead else { return .copying }
            guard let record = self.handovers[HandoverKey(action: action, role: .source)], record.peer == node else {
                return .unknown
            }
            guard record.phase == .letGo else { return record.phase }
            // Said once nothing here can be taken for the guest any more, and not before (ADR 0010).
            return await self.actAsSource(on: record) ? .letGo : .copying
        }
    }

    /// Resumes on `letGo`, drops on `aborted`; without either it does neither, for ever.
    ///
    /// - Returns: how the handover stands here afterwards, nil when it could not be acted upon now.
    func act(
        on decision: HandoverPhase, _ action: ActionID, _ vm: VMID, from source: NodeID
    ) async -> HandoverPhase? {
        guard decision == .letGo || decision == .aborted else { return nil }
        let key = HandoverKey(action: action, role: .destination)
        // Said again because the answer was lost: the same answer.
        if let record = self.handovers[key], record.isSettled, record.peer == source { return record.phase }
        guard let isAboutGuest = await self.isAboutGuest(key, vm, from: source) else { return nil }
        guard isAboutGuest else {
            return await self.answerWithoutRecord(of: vm)
        }
        do {
            switch (decision, try await self.ports.hypervisor.presence(of: vm)) {
            case (.letGo, .pausedIncoming):
                try await self.ports.hypervisor.resume(vm)
                return await self.end(key, vm, from: source, as: .resumed)
            case (_, .running):
                return await self.end(key, vm, from: source, as: .resumed)
            case (.aborted, .pausedIncoming):
                if let ticket = self.incoming[action]?.ticket {
                    try await self.ports.hypervisor.closeIncoming(ticket)
                }
                try await self.ports.hypervisor.discardPausedCopy(of: vm)
                return await self.end(key, vm, from: source, as: .dropped)
            case (_, .absent), (_, .shutOff):
                if let ticket = self.incoming[action]?.ticket {
                    try await self.ports.hypervisor.closeIncoming(ticket)
                }
                return await self.end(key, vm, from: source, as: .dropped)
            case (_, .pausedOutgoing), (_, .pausedOtherwise), (_, .pausedIncoming):
                return nil
            }
        } catch {
            self.log.warning("a handover waits", metadata: ["vm": "\(vm)", "error": "\(error)"])
            return nil
        }
    }

    /// What is said to a source of whose handover nothing is known here: whatever this side has forgotten, a source that
    /// has lost its journal must learn of a guest that runs here. "Unknown" says that no copy stands here that could
    /// still come to run; nil, which is no answer, that one does and belongs to something else.
    private func answerWithoutRecord(of vm: VMID) async -> HandoverPhase? {
        switch try? await self.ports.hypervisor.presence(of: vm) {
        case .running: .resumed
        case .absent, .shutOff: .unknown
        case .pausedIncoming, .pausedOutgoing, .pausedOtherwise, nil: nil
        }
    }

    /// Whether `source` is the other side of this handover, by the journal or else by the guest's own mark; nil when
    /// neither can be read.
    private func isAboutGuest(_ key: HandoverKey, _ vm: VMID, from source: NodeID) async -> Bool? {
        guard self.journalIsRead else { return nil }
        if let record = self.handovers[key] { return record.peer == source && record.vm == vm }
        guard let sample = try? await self.ports.hypervisor.sample() else { return nil }
        return sample.domains.first { $0.vm == vm }?.mark?.names(key.action, from: source) ?? false
    }

    private func end(
        _ key: HandoverKey, _ vm: VMID, from source: NodeID, as ending: HandoverPhase
    ) async -> HandoverPhase {
        // Another turn may have ended it during the hypervisor's call: once is enough.
        if let record = self.handovers[key], record.isSettled { return record.phase }
        let flight = self.incoming[key.action]
        let endpoint = self.handovers[key]?.peerEndpoint ?? flight?.order.sourceEndpoint
        let record = HandoverRecord(
            action: key.action, vm: vm, role: .destination, peer: source,
            peerEndpoint: endpoint ?? MigrationEndpoint(uri: ""), phase: ending)
        self.handovers[key] = record
        self.settledArrivals.append(key.action)
        if ending == .resumed {
            let now = self.now
            let earlier = (flight?.order.pastMoves ?? []).map { MoveHistory.Past(from: $0.from, at: now - $0.age) }
            self.moves.arrived(vm, from: source, by: key.action.isp, earlier: earlier, at: now)
            if let needs = flight?.order.needs { self.monitor.expect(vm, demand: needs) }
            try? await self.ports.hypervisor.setMark(nil, on: vm)
            await self.saveMarks()
        }
        await self.record(record)
        await self.pruneSettled()
        self.incoming[key.action]?.ending = ending
        self.incoming[key.action]?.bell.ring()
        self.settleDoubt(of: vm, how: "\(ending) on \(self.id)")
        return ending
    }

    /// Forgets the oldest settled handovers beyond ``HandoverRecord/settledMax``: their sources have long been told.
    private func pruneSettled() async {
        while self.settledArrivals.count > HandoverRecord.settledMax {
            await self.forget(self.settledArrivals.removeFirst(), as: .destination)
        }
    }
}

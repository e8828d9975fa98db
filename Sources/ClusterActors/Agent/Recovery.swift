import Basis
import Hypervisor
import Placement

/// What a daemon that was just started does before its node can be reserved (PROTOCOL.md §4, `recovering`).
extension NodeAgent {
    /// Reads what an earlier boot left, waits for the hypervisor, and settles every handover as far as the VM set.
    func recover() async {
        let began = self.now
        guard let stored = await self.loadStore() else { return }
        self.takeMarks(stored.marks)
        for record in stored.handovers {
            self.handovers[HandoverKey(action: record.action, role: record.role)] = record
            if record.role == .destination, record.isSettled { self.settledArrivals.append(record.action) }
        }
        self.journalIsRead = true
        self.journalBell.close()
        await self.connectHypervisor()
        for record in stored.handovers where record.role == .source {
            await self.settleOldDeparture(record)
        }
        let arrivals = stored.handovers.filter { $0.role == .destination && !$0.isSettled }
        // What a store that is new in place of a lost one would know of: an invitation as well.
        if !arrivals.isEmpty || !self.marks.hasRecovered { await self.outwaitInvitations(since: began) }
        await self.adopt(arrivals)
        await self.clearOldMarks()
        await self.awaitOldJobs()
        await self.findDepartures()
        guard !Task.isCancelled else { return }
        if !self.marks.hasRecovered {
            self.marks.hasRecovered = true
            await self.saveMarks()
        }
        self.reservation.recovered()
        self.tell(.recovered(guests: self.monitor.vmCount))
        self.monitorBell.ring()
    }

    /// - Returns: nil when the agent ended before its journal could be read: of that, nothing may be said to anybody.
    private func loadStore() async -> StoredAgent? {
        var told: String?
        while !Task.isCancelled {
            do {
                return try await self.ports.store.load()
            } catch {
                // Once for each reason: said with each attempt, it would push all else out of the history.
                let reason = "\(error)"
                if reason != told { self.tell(.storeFailed(reason: reason)) }
                told = reason
                try? await self.ports.time.sleep(for: self.settings.timings.requestTimeout)
            }
        }
        return nil
    }

    private func takeMarks(_ marks: AgentMarks) {
        let now = self.now
        self.marks = marks
        for moves in marks.moves {
            self.moves.restore(moves.vm, past: moves.past.map { MoveHistory.Past(from: $0.from, at: now - $0.age) })
        }
    }

    /// Writes down what a restart must not forget.
    ///
    /// - Returns: why that failed; nil when it is written.
    @discardableResult
    func saveMarks() async -> String? {
        let now = self.now
        self.marks.moves = self.moves.all(at: now).map { vm, past in
            AgentMarks.Moves(vm: vm, past: past.map { PastMove(from: $0.from, age: now - $0.at) })
        }
        do {
            try await self.ports.store.save(self.marks)
            return nil
        } catch {
            self.tell(.storeFailed(reason: "\(error)"))
            return "\(error)"
        }
    }

    private func connectHypervisor() async {
        while !Task.isCancelled, self.host == nil || !self.monitor.hasSample {
            await self.takeSample()
            if self.host == nil || !self.monitor.hasSample {
                try? await self.ports.time.sleep(for: self.settings.triggers.sampleInterval)
            }
        }
    }

    /// An outgoing copy of an earlier boot: stopped if it still runs, then decided by what the hypervisor says.
    private func settleOldDeparture(_ record: HandoverRecord) async {
        switch record.phase {
        case .copying:
            let deadline = self.now + self.settings.timings.lease
            _ = await self.settleSource(record, because: "the agent was restarted", until: deadline)
        case .letGo, .aborted:
            self.doubt(record, reason: "the agent was restarted before \(record.peer) was told")
        case .unknown, .arrived, .resumed, .dropped:
            await self.forget(record.action, as: .source)
        }
    }

    /// A source that an earlier boot told that it may begin does so until then, and is seen by its job from then on.
    private func outwaitInvitations(since restart: MonotonicInstant) async {
        // The answer was on its way for no longer than one request, and the source begins within another or gives up.
        let timings = self.settings.timings
        try? await self.ports.time.sleep(until: restart + timings.requestTimeout * 2 + timings.margin)
    }

    /// Guests that an earlier boot took in, by the journal or by the mark that travels with them.
    private func adopt(_ arrivals: [HandoverRecord]) async {
        for record in arrivals {
            switch try? await self.ports.hypervisor.presence(of: record.vm) {
            // It ended, and the restart came before that was written down: the source will ask how.
            case .running: await self.settle(record, as: .resumed)
            case .absent, .shutOff: await self.settle(record, as: .dropped)
            case .pausedIncoming, .pausedOutgoing, .pausedOtherwise, nil:
                self.doubt(record, reason: "the agent was restarted while it arrived")
            }
        }
        for domain in await self.domainsNow() where domain.presence == .pausedIncoming && self.inDoubt[domain.vm] == nil
        {
            guard let mark = domain.mark, mark.destination == self.id, let isp = ISPID(mark.isp) else { continue }
            self.doubt(
                HandoverRecord(
                    action: ActionID(isp: isp, number: mark.action), vm: domain.vm, role: .destination,
                    peer: mark.source, peerEndpoint: mark.sourceEndpoint, phase: .copying),
                reason: "it was found paused with the mark of \(mark.isp)")
        }
    }

    /// Guests that were on their way out of here, by the mark they bear, and of which the journal knows nothing: it was
    /// lost. A copy that stayed behind paused may have been let go or not; a guest that runs was kept, and stays in doubt
    /// until the destination has dropped what came of it: once the guest had gone elsewhere, its absence here would let
    /// that copy run (ADR 0016).
    private func findDepartures() async {
        for domain in await self.domainsNow() where self.inDoubt[domain.vm] == nil {
            guard let mark = domain.mark, mark.source == self.id, let isp = ISPID(mark.isp) else { continue }
            var record = HandoverRecord(
                action: ActionID(isp: isp, number: mark.action), vm: domain.vm, role: .source, peer: mark.destination,
                peerEndpoint: MigrationEndpoint(uri: ""), phase: .unknown)
            guard self.handovers[HandoverKey(action: record.action, role: .source)] == nil else { continue }
            switch domain.presence {
            case .pausedOutgoing:
                self.doubt(record, reason: "it was found left behind with the mark of \(mark.isp)")
            case .running:
                record.phase = .aborted
                await self.record(record)
                self.doubt(record, reason: "it was found running with the mark of \(mark.isp)")
            case .absent, .pausedIncoming, .pausedOtherwise, .shutOff:
                break
            }
        }
    }

    /// A guest that arrived and runs is part of no handover any more: an earlier boot ended before it could take the mark
    /// off.
    private func clearOldMarks() async {
        for domain in self.monitor.domains
        where domain.presence == .running && domain.mark?.destination == self.id && domain.job == nil
            && self.inDoubt[domain.vm] == nil
        {
            try? await self.ports.hypervisor.setMark(nil, on: domain.vm)
        }
    }

    private func settle(_ arrival: HandoverRecord, as ending: HandoverPhase) async {
        // Its source may have said it meanwhile.
        let key = HandoverKey(action: arrival.action, role: .destination)
        guard self.handovers[key]?.isSettled != true else { return }
        var settled = arrival
        settled.phase = ending
        self.settledArrivals.append(arrival.action)
        await self.record(settled)
    }

    /// Until the hypervisor has no job that this boot did not order. As long as it does not answer, it may have one.
    private func awaitOldJobs() async {
        while !Task.isCancelled, await self.domainsNow().contains(where: { $0.job != nil }) {
            try? await self.ports.time.sleep(for: self.settings.triggers.sampleInterval)
        }
    }

    /// What the hypervisor says now, as soon as it says anything.
    private func domainsNow() async -> [DomainSample] {
        while !Task.isCancelled {
            if let sample = try? await self.ports.hypervisor.sample(), let host = self.host {
                self.monitor.observe(sample, capacity: host.capacity, reserved: self.settings.reserved)
                return sample.domains
            }
            try? await self.ports.time.sleep(for: self.settings.triggers.sampleInterval)
        }
        return []
    }
}

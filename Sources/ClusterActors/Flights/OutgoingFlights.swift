import Basis
import Hypervisor
import Logging
import Placement

/// The source's side of a migration: invite, copy, decide once, tell (PROTOCOL.md §8, §9).
extension NodeAgent {
    /// How often the destination is invited again when it does not answer.
    private static let invitationsMax = 3

    func answerMigrate(_ order: MigrateOrder, from node: NodeID) -> MigrateReply {
        guard order.token.isp.node == node else { return .stale }
        defer { self.tellTransitions() }
        let admission = self.reservation.admit(order.action, .outgoing, under: order.token, at: self.now) {
            self.whyNotOut(order)
        }
        switch admission {
        case .known(.running): return .running(self.outgoing[order.action]?.progress)
        case .known(.done(let result)): return .done(result)
        case .stale: return .stale
        case .busy: return .busy
        case .refused(let reason): return .refused(reason: reason)
        case .admitted:
            self.outgoing[order.action] = OutgoingFlight(order: order, began: self.now)
            self.tell(.flightBegan(order.action, order.vm, .outgoing, peer: order.destination))
            self.spawn { await self.flyOut(order) }
            return .accepted
        }
    }

    /// Why this node will not send the guest there; by what is known here at this instant, not by the plan's snapshot.
    private func whyNotOut(_ order: MigrateOrder) -> String? {
        guard order.destination != self.id else { return "\(order.vm) is here already" }
        guard !self.isLeaving else { return "\(self.id) is stopping" }
        guard let domain = self.monitor.domain(order.vm) else { return "\(order.vm) is not on \(self.id)" }
        // One copy at a time: the mark of a second would take the guest away from the first one's decision.
        guard !self.outgoing.values.contains(where: { $0.order.vm == order.vm }) else {
            return "\(order.vm) is on its way already"
        }
        // A guest that stepped aside for others is still under way: it may go on, and also back.
        let isUnderWay = self.moves.wasMoved(order.vm, by: order.token.isp)
        if case .rooted(let reason) = self.migratability(of: domain, at: self.now, ignoringMoves: isUnderWay) {
            return "\(order.vm) stays on \(self.id): \(reason)"
        }
        let isBanned = self.moves.banned(order.vm, at: self.now).contains(order.destination)
        if isBanned, !isUnderWay, !self.marks.isDraining {
            self.moves.countRefusedReturn()
            return "\(order.vm) came from \(order.destination) a short time ago"
        }
        return nil
    }

    /// By size and link: three times what one pass over the memory takes, within the settings' bounds.
    private func flightTimeout(memoryMiB: Int) -> Duration {
        let timings = self.settings.timings
        let linkMiBPerSecond = max(self.settings.linkMbps / 8, 1)
        let cap = self.settings.migration.bandwidthMiBPerSecond
        let speed = cap > 0 ? min(cap, linkMiBPerSecond) : linkMiBPerSecond
        return min(max(.seconds(3 * memoryMiB / speed), timings.flightTimeoutMin), timings.flightTimeoutMax)
    }

    private func flyOut(_ order: MigrateOrder) async {
        let result = await self.sendGuest(order)
        // A stop leaves a flight that it could not settle to the next boot: the flight has not ended, the agent has.
        if Task.isCancelled, case .inDoubt = result { return }
        await self.endFlight(order.action, order.vm, .outgoing, with: result)
    }

    private func sendGuest(_ order: MigrateOrder) async -> ActionResult {
        guard let domain = self.monitor.domain(order.vm), let host = self.host else {
            return .failed(reason: "\(order.vm) is not on \(self.id)")
        }
        guard (try? await self.ports.hypervisor.presence(of: order.vm)) == .running else {
            return .failed(reason: "\(order.vm) does not run on \(self.id)")
        }
        let needs = self.monitor.demand(of: order.vm) ?? .zero
        let timeout = self.flightTimeout(memoryMiB: needs.memoryMiB)
        let now = self.now
        let invitation = IncomingOrder(
            token: Token(isp: order.token.isp, epoch: order.destinationEpoch), action: order.action, vm: order.vm,
            source: self.id, sourceEndpoint: host.endpoint, needs: needs, cpuRequirement: domain.cpuRequirement,
            flightTimeout: timeout,
            pastMoves: self.moves.past(of: order.vm, at: now).map { PastMove(from: $0.from, age: now - $0.at) })
        switch await self.invite(order.destination, invitation) {
        case .failure(let refusal):
            return .failed(reason: refusal.reason)
        case .success(let way):
            return await self.copy(order, along: way, timeout: timeout)
        }
    }

    private struct Way {
        var ticket: UInt64
        var endpoint: MigrationEndpoint
        var readyAt: MonotonicInstant
    }

    private struct NoWay: Error {
        var reason: String
    }

    private func invite(_ destination: NodeID, _ invitation: IncomingOrder) async -> Result<Way, NoWay> {
        var silences = 0
        let deadline = self.now + self.settings.timings.lease
        while !Task.isCancelled, self.now < deadline {
            switch await self.ask(destination, .incoming(invitation)) {
            case .incoming(.ready(let ticket, let endpoint)):
                return .success(Way(ticket: ticket, endpoint: endpoint, readyAt: self.now))
            case .incoming(.refused(let reason)):
                return .failure(NoWay(reason: reason))
            case .incoming(.stale):
                return .failure(NoWay(reason: "\(destination) is no longer held by \(invitation.token.isp)"))
            case .incoming(.done(let result)):
                return .failure(NoWay(reason: "\(destination) has ended this action: \(result)"))
            case .incoming(.busy):
                try? await self.ports.time.sleep(for: self.settings.timings.actionPoll)
            case .reserve, .renew, .released, .migrate, .noted, .handover, .wait, .membership, .stopping, nil:
                silences += 1
                guard silences < Self.invitationsMax else {
                    return .failure(NoWay(reason: "\(destination) does not answer"))
                }
            }
        }
        return .failure(NoWay(reason: "\(destination) was busy for too long"))
    }

    private func copy(_ order: MigrateOrder, along way: Way, timeout: Duration) async -> ActionResult {
        guard let host = self.host else { return .failed(reason: "the hypervisor went away") }
        let record = HandoverRecord(
            action: order.action, vm: order.vm, role: .source, peer: order.destination, peerEndpoint: way.endpoint,
            phase: .copying)
        await self.record(record)
        let mark = HandoverMark(
            isp: order.action.isp.description, action: order.action.number, source: self.id,
            sourceEndpoint: host.endpoint, destination: order.destination)
        do {
            try await self.ports.hypervisor.setMark(mark, on: order.vm)
            // T5: the destination counts from its answer, so a source that was paused since then gives up.
            guard self.now - way.readyAt <= self.settings.timings.requestTimeout,
                self.outgoing[order.action]?.isAborted == false
            else { throw HypervisorError.aborted("the copy was not begun in time") }
            try await self.ports.hypervisor.migrate(
                MigrationOrder(
                    ticket: MigrationTicket(vm: order.vm, source: self.id, number: way.ticket),
                    destination: order.destination, endpoint: way.endpoint, mark: mark,
                    limits: MigrationLimits(
                        bandwidthMiBPerSecond: self.settings.migration.bandwidthMiBPerSecond, timeLimit: timeout,
                        autoConverge: self.settings.migration.autoConverge, tls: self.settings.migration.tls)),
                onProgress: { progress in
                    self.reportProgress(progress, of: order.action)
                })
        } catch {
            // An error is never "not moved": both hypervisors are asked.
            return await self.settleSource(record, because: "\(error)", until: self.now + timeout)
        }
        return await self.letGo(record)
    }

    /// Called on the driver's threads.
    private nonisolated func reportProgress(_ progress: MigrationProgress, of action: ActionID) {
        self.work.add { await self.note(progress, of: action) }
    }

    private func note(_ progress: MigrationProgress, of action: ActionID) {
        self.outgoing[action]?.progress = progress
    }

    /// The guest has arrived: decide so, durably, then drop the copy here, then say it.
    private func letGo(_ record: HandoverRecord) async -> ActionResult {
        var decided = record
        decided.phase = .letGo
        await self.record(decided)
        return await self.deliver(decided, until: self.now + self.settings.timings.lease)
    }

    /// After an error or a restart: ends the copy if it goes on, finds out what is here, decides, and says it. Tries
    /// until the hypervisor answers or `deadline` passes.
    func settleSource(
        _ record: HandoverRecord, because reason: String, until deadline: MonotonicInstant
    ) async -> ActionResult {
        while !Task.isCancelled {
            switch try? await self.ports.hypervisor.presence(of: record.vm) {
            case .absent:
                // The hypervisor itself let the guest go; there is nothing here that could run.
                return await self.letGo(record)
            case .shutOff, .pausedOtherwise:
                return await self.abort(record, because: reason)
            case .running, .pausedOutgoing:
                if await self.isFlowing(record.vm) == false { return await self.abort(record, because: reason) }
                try? await self.ports.hypervisor.abortMigration(of: record.vm)
                guard self.now < deadline else {
                    self.doubt(record, reason: "the copy of \(record.vm) does not end")
                    return .inDoubt(reason: reason)
                }
                try? await self.ports.time.sleep(for: self.settings.timings.requestTimeout)
            case .pausedIncoming:
                self.doubt(record, reason: "\(record.vm) left \(self.id) and stands here as an incoming guest")
                return .inDoubt(reason: reason)
            case nil where self.now < deadline:
                try? await self.ports.time.sleep(for: self.settings.timings.actionPoll)
            case nil:
                self.doubt(record, reason: "the hypervisor of \(self.id) does not answer")
                return .inDoubt(reason: reason)
            }
        }
        return .inDoubt(reason: "the agent of \(self.id) was stopped")
    }

    /// The guest stays: decide so, durably, let it run again, then say it.
    private func abort(_ record: HandoverRecord, because reason: String) async -> ActionResult {
        var decided = record
        decided.phase = .aborted
        await self.record(decided)
        _ = await self.deliver(decided, until: self.now + self.settings.timings.lease)
        return .failed(reason: reason)
    }

    /// Acts here on what was decided and tells the destination, until both have acted on it or `deadline` passes. After
    /// that the guest is in doubt, also one that runs here: as long as the destination may have a copy, the guest must
    /// not go anywhere, since its absence here would let that copy run.
    func deliver(_ decided: HandoverRecord, until deadline: MonotonicInstant) async -> ActionResult {
        var obstacle: String
        repeat {
            let isDoneHere = await self.actAsSource(on: decided)
            obstacle = "the hypervisor of \(self.id) has not carried out that it is \(decided.phase)"
            // A copy that stands here and was never said to be let go is one that nobody else can have let run.
            if isDoneHere || decided.phase == .aborted {
                let reply = await self.ask(decided.peer, .handover(decided.action, vm: decided.vm, decided.phase))
                if case .handover(.resumed) = reply, decided.phase == .aborted, await self.hasNoProcess(of: decided.vm)
                {
                    return await self.letGo(decided)
                }
                if isDoneHere, case .handover(let phase) = reply, let result = Self.result(of: decided, at: phase) {
                    if decided.phase == .letGo { self.moves.left(decided.vm) }
                    if decided.phase == .aborted { await self.takeMarkOff(decided) }
                    await self.forget(decided.action, as: .source)
                    self.settleDoubt(of: decided.vm, how: "\(decided.peer) says \(phase)")
                    return result
                }
                obstacle = "\(decided.peer) has not answered that it is \(decided.phase)"
            }
            if self.now >= deadline { break }
            try? await self.ports.time.sleep(for: self.settings.timings.requestTimeout)
        } while !Task.isCancelled
        self.doubt(decided, reason: obstacle)
        return decided.phase == .letGo
            ? .inDoubt(reason: obstacle)
            : .failed(reason: "\(decided.vm) stayed on \(self.id)")
    }

    /// Whether nothing here can run `vm` by itself. A destination that was shown so while this side could not be asked
    /// has let the guest run, whatever this side decided later: what is left here is no guest any more.
    private func hasNoProcess(of vm: VMID) async -> Bool {
        switch try? await self.ports.hypervisor.presence(of: vm) {
        case .absent, .shutOff: true
        case .running, .pausedIncoming, .pausedOutgoing, .pausedOtherwise, nil: false
        }
    }

    /// Drops the copy that was let go, or lets the one run that was kept.
    ///
    /// - Returns: whether that is done, which it is not as long as the hypervisor does not answer.
    func actAsSource(on decided: HandoverRecord) async -> Bool {
        let isLetGo = decided.phase == .letGo
        do {
            let domain = try await self.domain(decided.vm)
            switch LeftBehind(domain, of: decided.action, from: self.id).step(isLetGo: isLetGo) {
            case .nothing: break
            case .discard: try await self.ports.hypervisor.discardPausedCopy(of: decided.vm)
            case .resume: try await self.ports.hypervisor.resume(decided.vm)
            case .wait: return false
            }
            return true
        } catch .noSuchVM {
            return true
        } catch {
            self.log.warning(
                "a handover waits for the hypervisor", metadata: ["vm": "\(decided.vm)", "error": "\(error)"])
            return false
        }
    }

    /// A guest that stayed bears the mark until the destination has answered: it is all that tells of a copy there if the
    /// journal is lost before. On a definition it stays, and says whose copy it was.
    private func takeMarkOff(_ decided: HandoverRecord) async {
        guard let domain = try? await self.domain(decided.vm), domain.presence != .shutOff,
            domain.mark?.names(decided.action, from: self.id) == true
        else { return }
        try? await self.ports.hypervisor.setMark(nil, on: decided.vm)
    }

    /// How a handover that was decided has ended, by what the destination answers; nil when it has not acted yet.
    ///
    /// "Unknown" says that no copy waits there for this decision: the handover was settled there and the journal lost.
    private static func result(of decided: HandoverRecord, at phase: HandoverPhase) -> ActionResult? {
        switch (decided.phase, phase) {
        case (.letGo, .resumed): .moved
        case (.letGo, .dropped): .failed(reason: "\(decided.vm) is on neither node")
        case (.letGo, .unknown): .inDoubt(reason: "\(decided.peer) knows nothing of \(decided.vm) any more")
        case (.aborted, .dropped), (.aborted, .unknown): .failed(reason: "the migration was given up")
        case (_, _): nil
        }
    }

    /// Gives up every copy that this node sends; each flight then settles itself.
    func abortOutgoing() {
        for (action, flight) in self.outgoing.sorted(by: { $0.key < $1.key }) {
            self.outgoing[action]?.isAborted = true
            let vm = flight.order.vm
            self.spawn { try? await self.ports.hypervisor.abortMigration(of: vm) }
        }
    }
}

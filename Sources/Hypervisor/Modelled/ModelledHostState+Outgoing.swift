import Basis
import Placement

/// Guests that leave.
extension ModelledHostState {
    /// Begins a migration, or says why not.
    mutating func begin(
        _ order: MigrationOrder, _ call: ModelledCallID, _ effects: inout [ModelledEffect]
    ) throws(HypervisorError) {
        let vm = order.ticket.vm
        guard var domain = self.domains[vm] else { throw .noSuchVM(vm) }
        guard !self.outgoing.contains(where: { $0.order.ticket.vm == vm }) else {
            throw .refused("\(vm) is being migrated already")
        }
        guard domain.presence == .running else {
            throw .refused("\(vm) does not run here: it is \(domain.presence)")
        }
        if case .rooted(let reason) = domain.guest.migratability { throw .refused("\(vm) cannot move: \(reason)") }
        guard order.destination != self.settings.node else {
            throw .refused("\(vm) is on \(order.destination) already")
        }
        guard self.outgoing.count < ModelledHostSettings.migrationsMax else {
            throw .refused("\(ModelledHostSettings.migrationsMax) guests are leaving already")
        }
        if self.takeFault(.start) { throw .failed("\(vm): failed at the start, on purpose") }

        domain.guest.mark = order.mark
        self.domains[vm] = domain
        let memory = Double(domain.guest.demand.memoryMiB) * bytesPerMiB
        let model = MigrationModel(
            memoryBytes: memory, workingSetBytes: memory * Double(domain.guest.workingSetPercent) / 100,
            downtimeMax: self.settings.downtimeMax, autoConverge: order.limits.autoConverge)
        let stream = self.nextStream()
        self.outgoing.append(
            OutgoingCopy(order: order, stream: stream, call: call, run: MigrationRun(model), at: self.settledAt))
        effects.append(.open(stream, order.endpoint))
    }

    /// The stream is there: the destination is asked to take the guest.
    mutating func sendGuest(on stream: ModelledStreamID, _ effects: inout [ModelledEffect]) {
        guard let copy = self.outgoing.first(where: { $0.stream == stream }),
            let domain = self.domains[copy.order.ticket.vm]
        else {
            effects.append(.close(stream))
            return
        }
        effects.append(
            .send(.begin(copy.order.ticket, destination: copy.order.destination, domain.guest), stream))
    }

    /// Stops the migration of `vm`, if there is one.
    mutating func abort(_ vm: VMID, reason: String, _ effects: inout [ModelledEffect]) {
        guard let index = self.outgoing.firstIndex(where: { $0.order.ticket.vm == vm }) else { return }
        self.end(index, with: .aborted("\(vm): \(reason)"), &effects)
    }

    /// The hypervisor falls silent: nobody hears of the end of what is under way.
    mutating func abandonCalls(_ effects: inout [ModelledEffect]) {
        for index in self.outgoing.indices {
            guard let call = self.outgoing[index].call else { continue }
            self.outgoing[index].call = nil
            effects.append(.reply(.failure(self.silence), call, after: .zero))
        }
    }

    /// Takes a message of the destination for the copy at `index`. One that does not fit its phase is late, or of no
    /// use, and changes nothing.
    mutating func take(_ message: ModelledStreamMessage, forCopyAt index: Int, _ effects: inout [ModelledEffect]) {
        let now = self.settledAt
        let destination = self.outgoing[index].order.destination
        switch (message, self.outgoing[index].phase) {
        case (.accepted(let share), .connecting):
            self.outgoing[index].peerShare = Double(share)
            self.outgoing[index].phase = .copying
            self.report(index, &effects)
            self.outgoing[index].nextReport = now + ModelledHostSettings.reportInterval
        case (.refused(let reason), .connecting):
            self.end(index, with: .refused("\(destination): \(reason)"), &effects)
        case (.share(let share), _):
            self.outgoing[index].peerShare = Double(share)
        case (.roundTaken(let round), .roundSent) where round == self.outgoing[index].run.round:
            self.beginNextRound(index, &effects)
        case (.arrived, .finalSent):
            self.finish(index, &effects)
        case (.aborted(let reason), _):
            self.end(index, with: .failed("\(destination) ended it: \(reason)"), &effects)
        case (.accepted, _), (.refused, _), (.roundTaken, _), (.arrived, _), (.begin, _), (.memory, _),
            (.roundEnded, _), (.final, _):
            break
        }
    }

    /// The stream to the destination broke: the guest goes on here.
    mutating func loseDestination(of index: Int, reason: String, _ effects: inout [ModelledEffect]) {
        let copy = self.outgoing[index]
        let error: HypervisorError
        if case .connecting = copy.phase {
            error = .failed("cannot reach \(copy.order.destination): \(reason)")
        } else {
            error = .failed("lost \(copy.order.destination) in round \(copy.run.round): \(reason)")
        }
        self.end(index, with: error, &effects)
    }

    /// Carries out what has come about by the passing of time.
    mutating func endWhatIsDue(_ effects: inout [ModelledEffect]) {
        // Backwards, because what ends is taken out.
        for index in self.outgoing.indices.reversed() { self.endWhatIsDue(at: index, &effects) }
    }

    private mutating func endWhatIsDue(at index: Int, _ effects: inout [ModelledEffect]) {
        let now = self.settledAt
        let copy = self.outgoing[index]
        let vm = copy.order.ticket.vm
        if copy.timeLimitAt <= now {
            let outstanding = copy.progress(at: now).remainingMiB
            let limit = "time limit of \(copy.order.limits.timeLimit) reached in round \(copy.run.round)"
            self.end(index, with: .aborted("\(vm): \(limit), \(outstanding) MiB remaining"), &effects)
            return
        }
        switch copy.phase {
        case .connecting(let until), .roundSent(let until), .finalSent(let until):
            guard until <= now else { break }
            let silence = "no answer of \(copy.order.destination) for \(ModelledHostSettings.peerSilenceMax)"
            self.end(index, with: .failed("\(vm): \(silence)"), &effects)
            return
        case .copying where copy.run.remainingBytes == 0:
            guard !self.takeFault(.copy) else {
                self.end(index, with: .failed("\(vm): failed in round \(copy.run.round), on purpose"), &effects)
                return
            }
            let bytes = self.outgoing[index].takeUnreported()
            self.outgoing[index].phase = .roundSent(until: now + ModelledHostSettings.peerSilenceMax)
            effects.append(.send(.roundEnded(round: copy.run.round, bytes: bytes), copy.stream))
        case .switchingOver where copy.run.remainingBytes == 0:
            guard let domain = self.domains[vm] else { break }
            self.outgoing[index].phase = .finalSent(until: now + ModelledHostSettings.peerSilenceMax)
            effects.append(.send(.final(domain.guest), copy.stream))
        case .copying, .switchingOver:
            break
        }
        if copy.nextReport <= now {
            self.report(index, &effects)
            self.outgoing[index].nextReport = now + ModelledHostSettings.reportInterval
        }
    }

    private mutating func beginNextRound(_ index: Int, _ effects: inout [ModelledEffect]) {
        switch self.outgoing[index].run.finishRound() {
        case .anotherRound:
            self.outgoing[index].phase = .copying
        case .switchOver:
            let vm = self.outgoing[index].order.ticket.vm
            self.outgoing[index].phase = .switchingOver
            self.setPresence(.pausedOutgoing, of: vm, &effects)
            if self.takeFault(.switchOver) {
                self.end(index, with: .failed("\(vm): failed at the switch-over, on purpose"), &effects)
            }
        }
    }

    /// The guest has arrived. Its copy here stays suspended until the caller decides.
    private mutating func finish(_ index: Int, _ effects: inout [ModelledEffect]) {
        let vm = self.outgoing[index].order.ticket.vm
        if self.takeFault(.arrival) {
            self.end(index, with: .failed("\(vm): failed after its arrival, on purpose"), &effects)
            return
        }
        self.report(index, &effects)
        let copy = self.outgoing.remove(at: index)
        effects.append(.close(copy.stream))
        if let call = copy.call { effects.append(.reply(.done, call, after: self.faults.answerDelay)) }
    }

    /// The migration is over without an arrival that we know of; the guest runs here.
    private mutating func end(_ index: Int, with error: HypervisorError, _ effects: inout [ModelledEffect]) {
        let copy = self.outgoing.remove(at: index)
        if copy.phase.suspendsGuest { self.setPresence(.running, of: copy.order.ticket.vm, &effects) }
        effects.append(.send(.aborted(reason: "the source gave it up"), copy.stream))
        effects.append(.close(copy.stream))
        if let call = copy.call { effects.append(.reply(.failure(error), call, after: self.faults.answerDelay)) }
    }

    private mutating func report(_ index: Int, _ effects: inout [ModelledEffect]) {
        let bytes = self.outgoing[index].takeUnreported()
        let copy = self.outgoing[index]
        if bytes > 0 { effects.append(.send(.memory(round: copy.run.round, bytes: bytes), copy.stream)) }
        guard let call = copy.call else { return }
        effects.append(.progress(copy.progress(at: self.settledAt), call))
    }

    /// Whether the next migration was to fail here; it does so once.
    private mutating func takeFault(_ stage: ModelledFaults.Stage) -> Bool {
        guard self.faults.failNextMigration == stage else { return false }
        self.faults.failNextMigration = nil
        return true
    }
}

import Basis
import Placement

/// Calls of the port, and of the operator.
extension ModelledHostState {
    /// Answers one request. That of `migrate` is answered when the migration is over.
    mutating func answer(_ request: ModelledRequest, _ call: ModelledCallID, _ effects: inout [ModelledEffect]) {
        let delay = request.steersTheModel ? .zero : self.faults.answerDelay
        guard !self.faults.isSilent || request.steersTheModel else {
            effects.append(.reply(.failure(self.silence), call, after: delay))
            return
        }
        do throws(HypervisorError) {
            if let reply = try self.carryOut(request, call, &effects) {
                effects.append(.reply(reply, call, after: delay))
            }
        } catch {
            effects.append(.reply(.failure(error), call, after: delay))
        }
    }

    var silence: HypervisorError { .unreachable("the hypervisor of \(self.settings.node) does not answer") }

    /// - Returns: nil when the reply comes later.
    private mutating func carryOut(
        _ request: ModelledRequest, _ call: ModelledCallID, _ effects: inout [ModelledEffect]
    ) throws(HypervisorError) -> ModelledReply? {
        switch request {
        case .describeHost, .sample, .presence, .listDomains: return self.seen(by: request)
        case .openIncoming(let ticket): try self.open(ticket)
        case .closeIncoming(let ticket): self.close(ticket, &effects)
        case .migrate(let order):
            try self.begin(order, call, &effects)
            return nil
        case .abortMigration(let vm): self.abort(vm, reason: "its migration was aborted", &effects)
        case .resume(let vm): try self.resume(vm, &effects)
        case .discardPausedCopy(let vm): try self.discard(vm, &effects)
        case .setMark(let mark, let vm): try self.change(vm) { $0.guest.mark = mark }
        case .setDemand(let vm, let cpu, let dirty): try self.setDemand(vm, cpu, dirty, &effects)
        case .setRates(let vm, let rates): try self.setRates(vm, rates, &effects)
        case .boot(let guest): try self.boot(guest, &effects)
        case .setPaused(let vm, let isPaused): try self.setPaused(vm, isPaused, &effects)
        case .setFaults(let faults): self.set(faults, &effects)
        }
        return .done
    }

    /// Answers a question that changes nothing while nothing is under way that time changes; nil for any other.
    mutating func look(_ request: ModelledRequest) -> (reply: ModelledReply, delay: Duration)? {
        guard self.outgoing.isEmpty, self.incoming.isEmpty, !self.faults.isSilent else { return nil }
        let delay = request.steersTheModel ? .zero : self.faults.answerDelay
        return self.seen(by: request).map { ($0, delay) }
    }

    /// What there is to see; nil for a request that does something.
    private mutating func seen(by request: ModelledRequest) -> ModelledReply? {
        switch request {
        case .describeHost:
            .host(
                HostDescription(
                    capacity: self.settings.capacity, hypervisor: "modelled", endpoint: self.settings.endpoint,
                    cpuModel: self.settings.cpuModel))
        case .sample: .sample(self.sample())
        case .presence(let vm): .presence(self.domains[vm]?.presence ?? .absent)
        case .listDomains: .domains(self.listing)
        case .openIncoming, .closeIncoming, .migrate, .abortMigration, .resume, .discardPausedCopy, .setMark,
            .setDemand, .setRates,
            .boot, .setPaused, .setFaults:
            nil
        }
    }

    private mutating func sample() -> [DomainSample] {
        if let known = self.lastSample { return known }
        let sample = self.domains.sorted.map(self.sample)
        self.lastSample = sample
        return sample
    }

    private func sample(of domain: ModelledDomain) -> DomainSample {
        let vm = domain.guest.vm
        let isLeaving = self.outgoing.contains { $0.order.ticket.vm == vm }
        let isArriving = self.incoming.contains { $0.ticket.vm == vm }
        let isRunning = domain.presence == .running
        return DomainSample(
            vm: vm, presence: domain.presence, demand: isRunning ? domain.guest.demand : nil,
            dirtyMiBPerSecond: isRunning ? domain.guest.dirtyMiBPerSecond : 0,
            migratability: domain.guest.migratability, mark: domain.guest.mark,
            job: isLeaving ? .outgoing : isArriving ? .incoming : nil, cpuRequirement: domain.guest.cpuRequirement)
    }

    private var listing: [ModelledDomainListing] {
        let share = self.cpuShare
        return self.domains.sorted.map { domain in
            let wanted = domain.guest.demand.cpuMillicores
            return ModelledDomainListing(
                vm: domain.guest.vm, presence: domain.presence, demand: domain.guest.demand,
                usedCPUMillicores: domain.presence == .running ? Int(Double(wanted) * share) : 0,
                dirtyMiBPerSecond: domain.guest.dirtyMiBPerSecond)
        }
    }

    private mutating func resume(_ vm: VMID, _ effects: inout [ModelledEffect]) throws(HypervisorError) {
        guard let domain = self.domains[vm] else { throw .noSuchVM(vm) }
        switch domain.presence {
        case .running, .absent:
            return
        case .pausedIncoming:
            guard !self.incoming.contains(where: { $0.ticket.vm == vm }) else {
                throw .refused("\(vm) has not fully arrived")
            }
        case .pausedOutgoing:
            guard !self.outgoing.contains(where: { $0.order.ticket.vm == vm }) else {
                throw .refused("the migration of \(vm) is not over")
            }
        case .pausedOtherwise:
            throw .refused("\(vm) was paused by somebody else")
        case .shutOff:
            throw .refused("\(vm) is shut off")
        }
        self.setPresence(.running, of: vm, &effects)
    }

    private mutating func discard(_ vm: VMID, _ effects: inout [ModelledEffect]) throws(HypervisorError) {
        guard let domain = self.domains[vm] else { return }
        switch domain.presence {
        case .running, .absent:
            throw .refused("\(vm) runs")
        case .pausedIncoming:
            if let copy = self.incoming.first(where: { $0.ticket.vm == vm }) {
                self.refuseToGoOn(copy, reason: "its copy was discarded", &effects)
            }
        case .pausedOutgoing:
            guard !self.outgoing.contains(where: { $0.order.ticket.vm == vm }) else {
                throw .refused("the migration of \(vm) is not over")
            }
        case .pausedOtherwise:
            throw .refused("\(vm) was paused by somebody else")
        case .shutOff:
            // What a reboot leaves of a handover's copy is a definition with its mark; any other is somebody's own.
            guard domain.guest.mark != nil else { throw .refused("\(vm) is shut off and no copy of a handover") }
        }
        self.remove(vm, &effects)
    }

    private mutating func setDemand(
        _ vm: VMID, _ cpuMillicores: Int, _ dirtyMiBPerSecond: Int?, _ effects: inout [ModelledEffect]
    ) throws(HypervisorError) {
        try self.setWants(of: vm, &effects) { guest in
            guest.demand.cpuMillicores = cpuMillicores
            guest.dirtyMiBPerSecond = dirtyMiBPerSecond ?? guest.dirtyMiBPerSecond
        }
    }

    private mutating func setRates(
        _ vm: VMID, _ rates: ModelledRates, _ effects: inout [ModelledEffect]
    ) throws(HypervisorError) {
        try self.setWants(of: vm, &effects) { guest in
            guest.demand.diskKiBPerSecond = rates.diskKiBPerSecond ?? guest.demand.diskKiBPerSecond
            guest.demand.networkKiBPerSecond = rates.networkKiBPerSecond ?? guest.demand.networkKiBPerSecond
            guest.dirtyMiBPerSecond = rates.dirtyMiBPerSecond ?? guest.dirtyMiBPerSecond
        }
    }

    private mutating func setWants(
        of vm: VMID, _ effects: inout [ModelledEffect], _ change: (inout ModelledGuest) -> Void
    ) throws(HypervisorError) {
        guard var guest = self.domains[vm]?.guest else { throw .noSuchVM(vm) }
        change(&guest)
        if let fault = guest.fault { throw .refused(fault) }
        try self.change(vm) { $0.guest = guest }
        effects.append(.announce(.changed(vm)))
    }

    private mutating func boot(_ guest: ModelledGuest, _ effects: inout [ModelledEffect]) throws(HypervisorError) {
        if let fault = guest.fault { throw .refused(fault) }
        if let domain = self.domains[guest.vm] {
            guard domain.presence == .shutOff else { throw .refused("\(guest.vm) exists: it is \(domain.presence)") }
        } else if self.domains.sorted.count >= ModelledHostSettings.domainsMax {
            throw .refused("there are \(ModelledHostSettings.domainsMax) domains already")
        }
        self.domains[guest.vm] = ModelledDomain(guest: guest, presence: .running)
        effects.append(.announce(.changed(guest.vm)))
    }

    private mutating func setPaused(
        _ vm: VMID, _ isPaused: Bool, _ effects: inout [ModelledEffect]
    ) throws(HypervisorError) {
        guard let presence = self.domains[vm]?.presence else { throw .noSuchVM(vm) }
        switch (presence, isPaused) {
        case (.running, false), (.pausedOtherwise, true):
            return
        case (.running, true):
            guard !self.outgoing.contains(where: { $0.order.ticket.vm == vm }) else {
                throw .refused("\(vm) is being migrated")
            }
            self.setPresence(.pausedOtherwise, of: vm, &effects)
        case (.pausedOtherwise, false):
            self.setPresence(.running, of: vm, &effects)
        case (.absent, _), (.pausedIncoming, _), (.pausedOutgoing, _), (.shutOff, _):
            throw .refused("\(vm) is \(presence)")
        }
    }

    private mutating func set(_ faults: ModelledFaults, _ effects: inout [ModelledEffect]) {
        let wasSilent = self.faults.isSilent
        self.faults = faults
        self.faults.answerDelay = max(faults.answerDelay, .zero)
        self.faults.linkPercent = min(max(faults.linkPercent, 1), 100)
        guard wasSilent != faults.isSilent else { return }
        if faults.isSilent { self.abandonCalls(&effects) }
        effects.append(.announce(faults.isSilent ? .disconnected : .connected))
    }

    private mutating func change(
        _ vm: VMID, _ edit: (inout ModelledDomain) -> Void
    ) throws(HypervisorError) {
        guard var domain = self.domains[vm] else { throw .noSuchVM(vm) }
        edit(&domain)
        self.domains[vm] = domain
    }
}

import Basis
import Placement

/// The right of a guest to flow in.
struct IncomingTicket: Hashable, Sendable {
    let ticket: MigrationTicket
    /// A ticket lets in one stream, once.
    var isSpent: Bool
}

/// A guest that is flowing in.
struct IncomingCopy: Hashable, Sendable {
    let ticket: MigrationTicket
    let stream: ModelledStreamID
    /// What its source was last told that the link gives, in bytes per second.
    var shareTold: Int
}

/// Guests that arrive.
extension ModelledHostState {
    mutating func open(_ ticket: MigrationTicket) throws(HypervisorError) {
        guard !self.tickets.contains(where: { $0.ticket == ticket }) else { return }
        guard !self.tickets.contains(where: { $0.ticket.number == ticket.number }) else {
            throw .refused("ticket \(ticket.number) is another guest's")
        }
        if let domain = self.domains[ticket.vm], domain.presence != .shutOff {
            throw .refused("\(ticket.vm) is here already: it is \(domain.presence)")
        }
        guard self.tickets.count < ModelledHostSettings.ticketsMax else {
            throw .refused("\(ModelledHostSettings.ticketsMax) tickets are open already")
        }
        self.tickets.append(IncomingTicket(ticket: ticket, isSpent: false))
    }

    /// Voids a ticket and drops what it let in, unless that has arrived.
    mutating func close(_ ticket: MigrationTicket, _ effects: inout [ModelledEffect]) {
        self.tickets.removeAll { $0.ticket == ticket }
        guard let copy = self.incoming.first(where: { $0.ticket == ticket }) else { return }
        self.refuseToGoOn(copy, reason: "its ticket was closed", &effects)
    }

    /// Takes a message that came in on a stream, whichever side of a migration this host is on.
    mutating func take(
        _ message: ModelledStreamMessage, on stream: ModelledStreamID, _ effects: inout [ModelledEffect]
    ) {
        switch stream {
        case .outgoing:
            guard let index = self.outgoing.firstIndex(where: { $0.stream == stream }) else { return }
            self.take(message, forCopyAt: index, &effects)
        case .incoming:
            self.takeFromSource(message, stream, &effects)
        }
    }

    /// The other end of a stream is gone.
    mutating func lose(_ stream: ModelledStreamID, reason: String, _ effects: inout [ModelledEffect]) {
        switch stream {
        case .outgoing:
            guard let index = self.outgoing.firstIndex(where: { $0.stream == stream }) else { return }
            self.loseDestination(of: index, reason: reason, &effects)
        case .incoming:
            self.drop(stream, &effects)
        }
    }

    /// Ends an incoming copy from this side.
    mutating func refuseToGoOn(_ copy: IncomingCopy, reason: String, _ effects: inout [ModelledEffect]) {
        effects.append(.send(.aborted(reason: reason), copy.stream))
        effects.append(.close(copy.stream))
        self.drop(copy.stream, &effects)
    }

    private mutating func takeFromSource(
        _ message: ModelledStreamMessage, _ stream: ModelledStreamID, _ effects: inout [ModelledEffect]
    ) {
        if case .begin(let ticket, let destination, let guest) = message {
            self.admit(guest, ticket, for: destination, on: stream, &effects)
            return
        }
        // Data without an open ticket goes nowhere. What follows an abort or an arrival is late.
        guard let index = self.incoming.firstIndex(where: { $0.stream == stream }) else {
            effects.append(.close(stream))
            return
        }
        switch message {
        case .memory:
            // Modelled memory has no content.
            break
        case .roundEnded(let round, _):
            effects.append(.send(.roundTaken(round: round), stream))
        case .final(let guest):
            self.arrive(guest, index, &effects)
        case .aborted:
            self.drop(stream, &effects)
        case .begin, .accepted, .refused, .share, .roundTaken, .arrived:
            break
        }
    }

    private mutating func admit(
        _ guest: ModelledGuest, _ ticket: MigrationTicket, for destination: NodeID, on stream: ModelledStreamID,
        _ effects: inout [ModelledEffect]
    ) {
        if let reason = self.reasonToRefuse(guest, ticket, for: destination, on: stream) {
            effects.append(.send(.refused(reason: reason), stream))
            effects.append(.close(stream))
            return
        }
        for index in self.tickets.indices where self.tickets[index].ticket == ticket {
            self.tickets[index].isSpent = true
        }
        let share = self.incomingShare(of: self.incoming.count + 1)
        self.incoming.append(IncomingCopy(ticket: ticket, stream: stream, shareTold: share))
        self.domains[guest.vm] = ModelledDomain(guest: guest, presence: .pausedIncoming)
        effects.append(.announce(.changed(guest.vm)))
        effects.append(.send(.accepted(bytesPerSecond: share), stream))
    }

    private func reasonToRefuse(
        _ guest: ModelledGuest, _ ticket: MigrationTicket, for destination: NodeID, on stream: ModelledStreamID
    ) -> String? {
        if self.faults.isSilent { return "its hypervisor does not answer" }
        guard destination == self.settings.node else { return "this is \(self.settings.node), not \(destination)" }
        guard guest.vm == ticket.vm else { return "the ticket is for \(ticket.vm), not \(guest.vm)" }
        if let fault = guest.fault { return fault }
        guard let known = self.tickets.first(where: { $0.ticket == ticket }) else {
            return "no open ticket \(ticket.number) for \(ticket.vm) from \(ticket.source)"
        }
        guard !known.isSpent else { return "ticket \(ticket.number) was used already" }
        guard !self.incoming.contains(where: { $0.stream == stream }) else { return "one stream brings one guest" }
        let domain = self.domains[guest.vm]
        guard domain == nil || domain?.presence == .shutOff else { return "\(guest.vm) is here already" }
        guard domain != nil || self.domains.sorted.count < ModelledHostSettings.domainsMax else {
            return "there are \(ModelledHostSettings.domainsMax) domains already"
        }
        guard guest.cpuRequirement.isEmpty || guest.cpuRequirement == self.settings.cpuModel else {
            return "\(guest.vm) needs CPU \(guest.cpuRequirement), here is \(self.settings.cpuModel)"
        }
        let free = self.settings.capacity.memoryMiB - self.occupiedMemoryMiB
        guard guest.demand.memoryMiB <= free else {
            return "\(guest.vm) needs \(guest.demand.memoryMiB) MiB, \(max(free, 0)) MiB are free"
        }
        return nil
    }

    /// What domains with a process hold, whether they run or not, in MiB.
    private var occupiedMemoryMiB: Int {
        self.domains.sorted.reduce(0) { sum, domain in
            domain.presence == .shutOff ? sum : sum + domain.guest.demand.memoryMiB
        }
    }

    /// The last part is here: the copy is whole, paused, and from now on nobody's but the handover's.
    private mutating func arrive(_ guest: ModelledGuest, _ index: Int, _ effects: inout [ModelledEffect]) {
        let copy = self.incoming[index]
        guard guest.vm == copy.ticket.vm, guest.fault == nil else {
            self.refuseToGoOn(copy, reason: "the last part is not that of \(copy.ticket.vm)", &effects)
            return
        }
        self.domains[guest.vm] = ModelledDomain(guest: guest, presence: .pausedIncoming)
        self.incoming.remove(at: index)
        effects.append(.announce(.changed(guest.vm)))
        effects.append(.send(.arrived, copy.stream))
    }

    /// Forgets a guest that had not fully arrived. Its ticket stays spent.
    private mutating func drop(_ stream: ModelledStreamID, _ effects: inout [ModelledEffect]) {
        guard let index = self.incoming.firstIndex(where: { $0.stream == stream }) else { return }
        let copy = self.incoming.remove(at: index)
        self.remove(copy.ticket.vm, &effects)
    }
}

import Basis
import Settings

/// The hosts and guests of a run as they are now: the one place where their states change, each together with its record.
///
/// A state is changed in memory first and recorded then; when the record fails the run ends, and the next one reads what
/// was recorded.
actor Roster {
    let deployment: String
    private let store: any DeploymentStore
    private var hosts: [NodeID: HostRecord] = [:]
    private var hostOrder: [NodeID] = []
    private var guests: [String: GuestRecord] = [:]
    private var guestOrder: [String] = []
    /// Nil: to be made from `guests`.
    private var names: [GuestName]?
    private var copies: [NodeID: Set<String>]
    private var facts: [NodeID: HostFacts] = [:]
    /// Guests that were seen to answer in this run.
    private var seen: Set<String> = []
    /// Hosts that went through all stages in this run.
    private var passed: Set<NodeID> = []
    /// Guests that ran before this run, on the host that they have: they may hold what their users put there, so that
    /// nothing but the user's word has them turned off or made anew (ADR 0011).
    private var settled: Set<String>
    /// Hosts that failed and have settled guests: nothing more is done with them in this run.
    private var leftAlone: Set<NodeID> = []
    /// Guests that run and do not answer, and guests that were not found.
    private var silent: Set<String> = []
    /// Guests that were begun, and do not run where they were last known to be, with that host.
    private var missing: [String: NodeID] = [:]

    init(_ record: DeploymentRecord, store: any DeploymentStore) {
        self.deployment = record.base.name
        self.store = store
        self.copies = record.copies
        self.settled = Set(record.guests.filter { $0.stage == .running }.map(\.identity.name))
        for host in record.hosts {
            self.hosts[host.host.id] = host
            self.hostOrder.append(host.host.id)
        }
        for guest in record.guests {
            self.guests[guest.identity.name] = guest
            self.guestOrder.append(guest.identity.name)
        }
    }

    // MARK: - Looking

    func host(_ id: NodeID) -> HostRecord {
        guard let record = self.hosts[id] else { preconditionFailure("\(id) is no host of this run") }
        return record
    }

    func guest(_ name: String) -> GuestRecord {
        guard let record = self.guests[name] else { preconditionFailure("\(name) is no guest of this run") }
        return record
    }

    var allHosts: [HostRecord] { self.hostOrder.compactMap { self.hosts[$0] } }

    /// What every host answers for. Made once for all of them: there may be thousands of both.
    var guestNames: [GuestName] {
        if let names = self.names { return names }
        let names = self.allGuests.map { GuestName(name: $0.identity.name, address: $0.identity.address) }
        self.names = names
        return names
    }

    var allGuests: [GuestRecord] { self.guestOrder.compactMap { self.guests[$0] } }

    /// Workers that are neither set aside nor left alone, in their order.
    var workers: [NodeID] {
        self.allHosts.filter { $0.role == .worker && $0.state.isUsable && !self.leftAlone.contains($0.host.id) }
            .map(\.host.id)
    }

    func isSettled(_ guest: String) -> Bool { self.settled.contains(guest) }

    func hasSettledGuests(on id: NodeID) -> Bool { self.settled.contains { self.guests[$0]?.host == id } }

    /// Guests that are to run and were not seen to in this run, since they or their hosts do not answer; by ordinal.
    var unreached: [String] {
        self.guestOrder.filter { name in
            guard let guest = self.guests[name] else { return false }
            return self.silent.contains(name) || self.isToRun(guest) && self.isLeftAlone(guest)
        }
    }

    private func isToRun(_ guest: GuestRecord) -> Bool {
        switch guest.stage {
        case .planned, .booting, .running: true
        case .failed, .removing, .removed: false
        }
    }

    private func isLeftAlone(_ guest: GuestRecord) -> Bool { guest.host.map(self.leftAlone.contains) ?? false }

    func isProbed(_ id: NodeID) -> Bool { self.facts[id] != nil }

    func note(_ facts: HostFacts, of id: NodeID) { self.facts[id] = facts }

    func hasPassed(_ id: NodeID) -> Bool { self.passed.contains(id) }

    func pass(_ id: NodeID) { self.passed.insert(id) }

    func leaveAlone(_ id: NodeID) { self.leftAlone.insert(id) }

    func has(guest name: String) -> Bool { self.guests[name] != nil }

    /// Guests of a host that are to run there and were not yet seen to, by ordinal.
    func unseen(on id: NodeID) -> [String] {
        self.guestOrder.filter { name in
            guard let guest = self.guests[name] else { return false }
            return guest.host == id && !self.seen.contains(name) && self.isToRun(guest)
        }
    }

    /// Guests that a host may have, sorted.
    func copies(on id: NodeID) -> [String] { (self.copies[id] ?? []).sorted() }

    func hosts(havingCopyOf guest: String) -> [NodeID] {
        self.hostOrder.filter { self.copies[$0]?.contains(guest) == true }
    }

    var strays: [DeploymentReport.Stray] {
        self.hostOrder.flatMap { id in
            self.copies(on: id).filter { self.guests[$0]?.host != id }.map { .init(guest: $0, host: id) }
        }
    }

    /// Guests that are to run and have no usable host, by ordinal. Those of hosts that are left alone keep theirs.
    var homeless: [GuestRecord] {
        self.allGuests.filter { guest in
            guard self.isToRun(guest), !self.isLeftAlone(guest) else { return false }
            return guest.host.flatMap { self.hosts[$0] }.map { !$0.state.isUsable || $0.role != .worker } ?? true
        }
    }

    /// What each probed worker has, and what of it guests have that are there.
    func rooms(for fleet: FleetSettings) -> [HostRoom] {
        var rooms: [HostRoom] = []
        var index: [NodeID: Int] = [:]
        for id in self.workers {
            guard let facts = self.facts[id], let host = self.hosts[id]?.host else { continue }
            index[id] = rooms.count
            rooms.append(
                HostRoom(
                    id: id, memoryMiB: host.memoryMiB ?? facts.memoryMiB, cpus: host.cpus ?? facts.cpus, fleet: fleet))
        }
        for guest in self.guests.values where guest.stage != .failed || self.mayBeThere(guest) {
            if let place = guest.host.flatMap({ index[$0] }) { rooms[place].take(guest.need) }
        }
        return rooms
    }

    /// Whether its host may have it.
    private func mayBeThere(_ guest: GuestRecord) -> Bool {
        guest.host.flatMap { self.copies[$0]?.contains(guest.identity.name) } ?? false
    }

    // MARK: - Agents, and guests that they moved

    /// Whether dvmsd was ever started on a host, so that guests may be elsewhere than on record.
    var hasAgents: Bool { self.hosts.values.contains { $0.reached == .agent } }

    /// Hosts whose agents are to make up the ring: those that are left alone are part of it.
    var ring: [FleetHost] {
        self.allHosts.filter {
            $0.role == .worker && ($0.state.isPast(.image) || $0.state.isUsable && $0.reached == .agent)
        }
        .map(\.host)
    }

    func miss(_ name: String, on host: NodeID) { self.missing[name] = host }

    var hasMissing: Bool { !self.missing.isEmpty }

    /// The guests that are missing, sorted; they count as such no more.
    func takeMissing() -> [(guest: String, host: NodeID)] {
        defer { self.missing = [:] }
        return self.missing.sorted { $0.key < $1.key }.map { (guest: $0.key, host: $0.value) }
    }

    /// Takes in which guests hosts have. One that is on exactly one host, and on record on another, belongs to that one.
    /// One that waits or failed does so on a usable host only: on others it may be what is left of it.
    ///
    /// - Parameter found: only of hosts that answered.
    /// - Returns: the guests that have another host now.
    func take(_ found: [NodeID: [String]]) async throws(RunFailure) -> [(guest: String, host: NodeID)] {
        var changes: [RecordChange] = []
        var places: [String: [NodeID]] = [:]
        for id in self.hostOrder {
            for name in found[id] ?? [] {
                places[name, default: []].append(id)
                if self.copies[id, default: []].insert(name).inserted {
                    changes.append(.copyBegun(guest: name, host: id))
                }
            }
        }
        var moved: [(guest: String, host: NodeID)] = []
        for name in self.guestOrder {
            guard var guest = self.guests[name], let there = places[name], there.count == 1, guest.host != there[0],
                self.mayBelong(guest, to: there[0])
            else { continue }
            if let old = guest.host, found[old] != nil, self.copies[old]?.remove(name) != nil {
                changes.append(.copyGone(guest: name, host: old))
            }
            guest.host = there[0]
            self.guests[name] = guest
            changes.append(.guest(guest, from: guest.stage))
            moved.append((guest: name, host: there[0]))
        }
        try await self.record(changes)
        return moved
    }

    /// A guest that failed because it booted slowly may have been moved like any other.
    private func mayBelong(_ guest: GuestRecord, to host: NodeID) -> Bool {
        switch guest.stage {
        case .booting, .running: true
        case .planned, .failed: self.hosts[host]?.state.isUsable ?? false
        case .removing, .removed: false
        }
    }

    // MARK: - Changing

    func add(_ guests: [GuestRecord]) {
        for guest in guests {
            self.guests[guest.identity.name] = guest
            self.guestOrder.append(guest.identity.name)
        }
        self.names = nil
    }

    func move(
        _ id: NodeID, _ event: HostState.Event, attempt: Int = 0, error: String = ""
    ) async throws(RunFailure) {
        var host = self.host(id)
        let before = host.state
        guard let after = before.after(event) else {
            preconditionFailure("\(id) cannot \(event) while it is \(before.text)")
        }
        host.state = after
        host.attempt = attempt
        host.error = error
        if case .doing(let stage) = after { host.reached = max(host.reached ?? stage, stage) }
        if event == .readmit { host.role = .spare }
        self.hosts[id] = host
        if after == .released {
            try await self.record([.hostReleased(id, from: before)])
            self.hosts[id] = nil
        } else {
            try await self.record([.host(host, from: before)])
        }
    }

    /// The first spare that is free becomes a worker; nil when there is none.
    func promoteSpare() async throws(RunFailure) -> NodeID? {
        guard let id = self.hostOrder.first(where: { self.hosts[$0].map(\.isFreeSpare) ?? false }) else { return nil }
        var host = self.host(id)
        host.role = .worker
        self.hosts[id] = host
        try await self.record([.host(host, from: host.state)])
        return id
    }

    /// - Parameter copy: the guest may be on its host from here on.
    func move(
        guest name: String, _ event: GuestStage.Event, to host: NodeID? = nil, copy: Bool = false, attempt: Int = 0,
        error: String = ""
    ) async throws(RunFailure) {
        var changes = [self.changed(name, event, to: host, attempt: attempt, error: error)]
        if copy, let place = self.guests[name]?.host, self.copies[place, default: []].insert(name).inserted {
            changes.insert(.copyBegun(guest: name, host: place), at: 0)
        }
        if event == .answer { self.noteSeen(name) }
        try await self.record(changes)
    }

    /// Guests that failed in an earlier run get another chance: where they may be already, else wherever there is room.
    func forgive() async throws(RunFailure) {
        var changes: [RecordChange] = []
        for guest in self.allGuests where guest.stage == .failed {
            let name = guest.identity.name
            if !self.mayBeThere(guest) { self.guests[name]?.host = nil }
            changes.append(self.changed(name, .replan, to: nil, attempt: 0, error: ""))
        }
        try await self.record(changes)
    }

    /// Gives guests their hosts, all in one record: there they are to be seen to, whatever was seen before.
    func settle(_ places: [String: NodeID]) async throws(RunFailure) {
        self.settled.subtract(places.keys)
        self.seen.subtract(places.keys)
        let changes = self.guestOrder.compactMap { name in
            places[name].map { self.changed(name, .replan, to: $0, attempt: 0, error: "") }
        }
        try await self.record(changes)
    }

    private func changed(
        _ name: String, _ event: GuestStage.Event, to host: NodeID?, attempt: Int, error: String
    ) -> RecordChange {
        var guest = self.guest(name)
        let before = guest.stage
        guard let after = before.after(event) else {
            preconditionFailure("\(name) cannot \(event) while it is \(before.rawValue)")
        }
        guest.stage = after
        guest.host = host ?? guest.host
        guest.attempt = attempt
        guest.error = error
        self.guests[name] = guest
        return .guest(guest, from: before)
    }

    /// A guest that was seen to run needs no second look in this run.
    func see(_ name: String, isSilent: Bool) {
        self.noteSeen(name)
        if isSilent { self.silent.insert(name) }
    }

    /// Whoever missed it before looks for it no more.
    private func noteSeen(_ name: String) {
        self.seen.insert(name)
        self.missing[name] = nil
    }

    func hasSeen(_ name: String) -> Bool { self.seen.contains(name) }

    func copyGone(_ guest: String, from host: NodeID) async throws(RunFailure) {
        self.copies[host]?.remove(guest)
        try await self.record([.copyGone(guest: guest, host: host)])
    }

    func beginRemoval(of names: [String]) async throws(RunFailure) {
        try await self.record(names.map { self.changed($0, .remove, to: nil, attempt: 0, error: "") })
    }

    /// Forgets all hosts, with what may still be on them, and the guests that are being removed.
    func abandonHosts() async throws(RunFailure) {
        for id in self.hostOrder where self.hosts[id] != nil {
            for guest in self.copies(on: id) { try await self.copyGone(guest, from: id) }
            if self.host(id).state != .undoing { try await self.move(id, .undo, error: self.host(id).error) }
            try await self.move(id, .release)
        }
        try await self.forget(self.guestOrder.filter { self.guests[$0] != nil })
    }

    /// Forgets those of `names` that are being removed and that no host has any more.
    func forget(_ names: [String]) async throws(RunFailure) {
        let copied = self.copies.values.reduce(into: Set<String>()) { $0.formUnion($1) }
        let gone = names.filter { name in
            self.guest(name).stage.after(.confirmRemoval) == .removed && !copied.contains(name)
        }
        let changes = gone.map { RecordChange.guestRemoved($0, from: self.guest($0).stage) }
        try await self.record(changes)
        for name in gone { self.guests[name] = nil }
        self.names = nil
    }

    private func record(_ changes: [RecordChange]) async throws(RunFailure) {
        guard !changes.isEmpty else { return }
        do {
            try await self.store.record(changes, of: self.deployment)
        } catch {
            throw .store(error)
        }
    }
}

extension HostRecord {
    /// Whether it may take the place of a worker.
    var isFreeSpare: Bool { self.role == .spare && self.state.isUsable }
}

extension HostState {
    /// Whether guests may be put on it, now or when it is ready.
    var isUsable: Bool {
        switch self {
        case .booked, .installing, .installed, .doing, .done: true
        case .setAside, .undoing, .released: false
        }
    }

    /// Whether `stage` lies behind it.
    func isPast(_ stage: HostStage) -> Bool {
        switch self {
        case .done(let last): stage <= last
        case .doing(let current): stage < current
        case .booked, .installing, .installed, .setAside, .undoing, .released: false
        }
    }
}

package import Basis
import Hypervisor
import Logging
import Placement

/// A guest on its way out of this node.
struct OutgoingFlight {
    let order: MigrateOrder
    let began: MonotonicInstant
    var progress: MigrationProgress?
    /// The agent is stopping: the copy is to be given up.
    var isAborted = false
}

/// A guest on its way into this node.
struct IncomingFlight {
    let order: IncomingOrder
    let ticket: MigrationTicket
    /// When the destination gives the flight up (T5): counted from when the source was last told that it may begin.
    var deadline: MonotonicInstant
    /// The way is open and the source was told so.
    var isReady = false
    /// Questions in a row that the source's agent left unanswered since the guest arrived.
    var silences = 0
    /// How the handover ended here: `resumed` or `dropped`.
    var ending: HandoverPhase?
    let bell = Bell()
}

/// An action on one of its two sides; a node that is both never exists.
struct HandoverKey: Hashable, Comparable {
    var action: ActionID
    var role: HandoverRecord.Role

    static func < (left: HandoverKey, right: HandoverKey) -> Bool {
        left.action == right.action ? left.role.rawValue < right.role.rawValue : left.action < right.action
    }
}

/// A guest whose handover nobody could settle: it is paused or its fate is unknown, it counts as demand where it is,
/// and it cannot be migrated until the two journals meet again or the operator decides (PROTOCOL.md §9).
package struct InDoubt: Hashable, Sendable {
    package var record: HandoverRecord
    package var reason: String
    package var since: MonotonicInstant
}

extension NodeAgent {
    /// Says what this side knows of a handover, durably, before it is acted upon. Tries until the store takes it: a
    /// decision that could be forgotten must not be made.
    func record(_ record: HandoverRecord) async {
        while !Task.isCancelled {
            do {
                try await self.ports.store.save(record)
                self.handovers[HandoverKey(action: record.action, role: record.role)] = record
                self.tell(.handover(record.action, record.vm, record.role, record.phase))
                return
            } catch {
                self.tell(.storeFailed(reason: "\(error)"))
                try? await self.ports.time.sleep(for: self.settings.timings.requestTimeout)
            }
        }
    }

    /// Nobody will ask for this handover again.
    func forget(_ action: ActionID, as role: HandoverRecord.Role) async {
        let key = HandoverKey(action: action, role: role)
        let record = self.handovers.removeValue(forKey: key)
        do {
            try await self.ports.store.forget(action, as: role)
        } catch {
            self.tell(.storeFailed(reason: "\(error)"))
            guard let record else { return }
            self.unforgotten[key] = record.vm
            self.revisionBase &+= 1
        }
    }

    /// Tries again to strike from the journal what it would not let go of.
    func forgetAgain() async {
        for (key, _) in self.unforgotten.sorted(by: { $0.key < $1.key }) {
            do {
                try await self.ports.store.forget(key.action, as: key.role)
                self.unforgotten[key] = nil
                self.revisionBase &+= 1
            } catch {
                self.log.debug("a handover stays in the journal", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Whether the journal still holds a handover of `vm` that is over.
    ///
    /// Nothing new may begin with that guest until it does not: after a restart the old decision would be taken for one
    /// about the copy that stands here then.
    func isUnforgotten(_ vm: VMID) -> Bool { self.unforgotten.values.contains(vm) }

    static let unforgottenReason = "the journal still holds its last handover"

    func doubt(_ record: HandoverRecord, reason: String) {
        guard self.inDoubt[record.vm]?.record != record else { return }
        self.inDoubt[record.vm] = InDoubt(record: record, reason: reason, since: self.now)
        self.revisionBase &+= 1
        self.tell(.inDoubt(record.vm, reason: reason))
    }

    func settleDoubt(of vm: VMID, how: String) {
        guard self.inDoubt.removeValue(forKey: vm) != nil else { return }
        self.revisionBase &+= 1
        self.tell(.settled(vm, how: how))
    }

    /// The right to flow in ends with its flight, whether it was used or not: tried until the hypervisor has taken it.
    func voidTickets() async {
        for ticket in self.ticketsToVoid {
            do {
                try await self.ports.hypervisor.closeIncoming(ticket)
                self.ticketsToVoid.removeAll { $0 == ticket }
            } catch {
                self.log.debug("a ticket could not be voided", metadata: ["ticket": "\(ticket)", "error": "\(error)"])
            }
        }
    }

    /// Whether memory of a guest flows out of here or into here; nil when the hypervisor does not say.
    ///
    /// A copy whose caller was cut off goes on by itself: until it has ended, nothing is decided that its end could belie.
    func isFlowing(_ vm: VMID) async -> Bool? {
        let sample = try? await self.ports.hypervisor.sample()
        return sample?.domains.first { $0.vm == vm }.map { $0.job != nil }
    }

    /// `vm` as the hypervisor shows it at this instant, with its mark; nil when it is not here.
    ///
    /// - Throws: ``HypervisorError``, also when the sample leaves out a domain that is here:
    ///   nothing may be concluded from that.
    func domain(_ vm: VMID) async throws(HypervisorError) -> DomainSample? {
        if let domain = try await self.ports.hypervisor.sample().domains.first(where: { $0.vm == vm }) { return domain }
        guard try await self.ports.hypervisor.presence(of: vm) == .absent else {
            throw .refused("\(vm) is on \(self.id), and the hypervisor's sample leaves it out")
        }
        return nil
    }

    /// What the hypervisor says now, so that the next snapshot shows what a flight changed.
    func refreshSample() async {
        guard let sample = try? await self.ports.hypervisor.sample(), let host = self.host else { return }
        self.monitor.observe(sample, capacity: host.capacity, reserved: self.settings.reserved)
    }

    /// Ends a flight of this node, whatever its initiator does meanwhile, and hints at it.
    func endFlight(
        _ action: ActionID, _ vm: VMID, _ direction: Reservation.Direction, with result: ActionResult
    ) async {
        if let ticket = self.incoming[action]?.ticket {
            // However it ended: a ticket that stayed open would let the guest in again, or keep the next one out.
            self.ticketsToVoid.append(ticket)
            await self.voidTickets()
        }
        await self.refreshSample()
        self.outgoing[action] = nil
        self.incoming[action] = nil
        self.reservation.settle(action, with: result, at: self.now)
        self.tell(.flightEnded(action, vm, direction, result))
        self.tellTransitions()
        self.monitorBell.ring()
        guard direction == .outgoing else { return }
        _ = await self.ask(action.isp.node, .actionDone(action, result))
    }
}

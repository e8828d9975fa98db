package import Basis
import Hypervisor
package import Placement

/// Guests in doubt: asked about again until the two journals, or the two hypervisors, say where they are.
extension NodeAgent {
    /// How often each guest in doubt is asked about.
    private var doubtInterval: Duration { self.settings.timings.actionPoll }

    func settleDoubts() async {
        while !Task.isCancelled {
            await self.voidTickets()
            await self.forgetAgain()
            for vm in self.inDoubt.keys.sorted() {
                guard let doubt = self.inDoubt[vm] else { continue }
                await self.lookInto(doubt)
            }
            try? await self.ports.time.sleep(for: self.doubtInterval)
        }
    }

    private func lookInto(_ doubt: InDoubt) async {
        switch doubt.record.role {
        case .destination: await self.lookIntoArrival(doubt.record)
        case .source: await self.lookIntoDeparture(doubt.record)
        }
    }

    /// A paused guest stands here: the source's agent is asked, then the source's hypervisor.
    private func lookIntoArrival(_ record: HandoverRecord) async {
        guard let presence = try? await self.ports.hypervisor.presence(of: record.vm) else { return }
        switch presence {
        case .absent, .shutOff, .running:
            // Somebody else settled it: the operator, or the hypervisor.
            self.settleDoubt(of: record.vm, how: "it is \(presence) on \(self.id)")
            return
        case .pausedIncoming, .pausedOutgoing, .pausedOtherwise:
            break
        }
        let reply = await self.ask(record.peer, .handover(record.action, vm: record.vm, .arrived))
        if case .handover(let decision) = reply, decision == .letGo || decision == .aborted {
            _ = await self.act(on: decision, record.action, record.vm, from: record.peer)
            return
        }
        if case .handover(.copying) = reply { return }
        if let decision = await self.decisionShown(bySourceOf: record) {
            _ = await self.act(on: decision, record.action, record.vm, from: record.peer)
        }
    }

    /// What the source must have decided, or can only decide now, by what its hypervisor shows; nil when that is open or
    /// the hypervisor does not answer.
    ///
    /// A copy that is gone there cannot be resumed by anybody any more, and one that runs there was kept. While memory
    /// flows the guest runs there as well, so the source is asked only after the guest has arrived.
    func decisionShown(bySourceOf record: HandoverRecord) async -> HandoverPhase? {
        guard await self.isFlowing(record.vm) == false else { return nil }
        return switch try? await self.ports.hypervisor.presence(of: record.vm, at: record.peerEndpoint) {
        case .absent, .shutOff: .letGo
        case .running: .aborted
        case .pausedIncoming, .pausedOutgoing, .pausedOtherwise, nil: nil
        }
    }

    /// A guest left from here, or may have: this side decides if it has not, and says it again.
    private func lookIntoDeparture(_ record: HandoverRecord) async {
        guard self.outgoing[record.action] == nil else { return }
        switch record.phase {
        case .letGo, .aborted:
            _ = await self.deliver(record, until: self.now)
        case .unknown:
            await self.withdraw(record)
        case .copying, .arrived, .resumed, .dropped:
            _ = await self.settleSource(record, because: "it was in doubt", until: self.now)
        }
    }

    /// What this side decided is lost with its journal, and the copy that stayed behind still stands here paused: so it
    /// was never said to be let go (ADR 0010), and no other can run unless the operator adopted it. The destination is
    /// told to drop its copy, and says whether it did or has let the guest run.
    ///
    /// The copy here runs again only when the answer leaves no other: one that was dropped does not come back, and one
    /// that nothing is known of at the destination, nor found there, could not run before it was let go.
    private func withdraw(_ record: HandoverRecord) async {
        let domain: DomainSample?
        do {
            domain = try await self.domain(record.vm)
        } catch {
            return
        }
        switch LeftBehind(domain, of: record.action, from: self.id) {
        case .paused: break
        case .flowing: return
        case .nothing, .pausedOtherwise, .running, .shutOff:
            self.settleDoubt(of: record.vm, how: "its copy on \(self.id) does not wait any more")
            return
        }
        switch await self.ask(record.peer, .handover(record.action, vm: record.vm, .aborted)) {
        case .handover(.dropped), .handover(.unknown): await self.decide(.aborted, on: record)
        case .handover(.resumed): await self.decide(.letGo, on: record)
        default: return
        }
    }

    private func decide(_ decision: HandoverPhase, on record: HandoverRecord) async {
        var decided = record
        decided.phase = decision
        await self.record(decided)
        _ = await self.deliver(decided, until: self.now)
    }

    /// The operator has fenced `node`: the paused copy here is the guest.
    ///
    /// - Returns: nil when it was let run, else why not.
    package func adopt(_ vm: VMID, fenced node: NodeID) async -> String? {
        guard let doubt = self.inDoubt[vm] else { return "\(vm) is not in doubt on \(self.id)" }
        let record = doubt.record
        switch (record.role, record.phase) {
        case (.destination, _):
            guard record.peer == node else { return "\(vm) came from \(record.peer), not from \(node)" }
            _ = await self.act(on: .letGo, record.action, vm, from: node)
        case (.source, .unknown):
            guard record.peer == node else { return "\(vm) was to go to \(record.peer), not to \(node)" }
            await self.decide(.aborted, on: record)
        case (.source, _):
            return "\(self.id) has decided what becomes of \(vm), and waits for the word of \(record.peer) only"
        }
        let runs = (try? await self.ports.hypervisor.presence(of: vm)) == .running
        return runs ? nil : "the hypervisor could not resume \(vm)"
    }

    package var guestsInDoubt: [InDoubt] {
        self.inDoubt.values.sorted { $0.record.vm < $1.record.vm }
    }
}

import Basis
import OrderedCollections
import Placement

/// Keeps the leases of an ISP's members alive, and asks nodes to confirm.
extension NodeAgent {
    /// Renews every member at each `renewInterval` until the task is cancelled; who answers "stale" is lost, who is
    /// silent is kept until its lease must be thought over.
    func renewMembers(of isp: ISPID) async {
        while !Task.isCancelled {
            try? await self.ports.time.sleep(for: self.settings.timings.renewInterval)
            guard let partition = self.ownISP?.procedure.partition, self.ownISP?.procedure.isp == isp else { return }
            let nodes = partition.nodes.filter { $0 != self.id }
            await withTaskGroup(of: Void.self) { group in
                for node in nodes { group.addTask { await self.renewMember(node, of: isp) } }
            }
            self.dropSilentMembers(of: isp)
        }
    }

    private func renewMember(_ node: NodeID, of isp: ISPID) async {
        guard let partition = self.ownISP?.procedure.partition, let member = partition[node] else { return }
        let sentAt = self.now
        let request = Request.renew(
            Token(isp: isp, epoch: member.epoch), firstOut: partition.firstOut(after: node, in: self.membership.view),
            wantSnapshot: false)
        let reply = await self.ask(node, request, for: isp)
        guard self.ownISP?.procedure.isp == isp else { return }
        switch reply {
        case .renew(.renewed(let revision, _, _)):
            self.ownISP?.procedure.memberRenewed(
                node, epoch: member.epoch, revision: revision, snapshot: nil, sentAt: sentAt)
        case .renew(.stale):
            self.ownISP?.procedure.memberLost(node, epoch: member.epoch)
            self.tell(.memberLost(isp, node, reason: "its lease had ended"))
        case .reserve, .released, .migrate, .noted, .incoming, .handover, .wait, .membership, .stopping, nil:
            break
        }
    }

    private func dropSilentMembers(of isp: ISPID) {
        guard let partition = self.ownISP?.procedure.partition, self.ownISP?.procedure.isp == isp else { return }
        for (node, member) in partition.members where node != self.id && !self.isFresh(member) {
            self.ownISP?.procedure.memberLost(node, epoch: member.epoch)
            self.tell(.memberLost(isp, node, reason: "it did not answer its renewals"))
        }
    }

    /// Whether the member's lease certainly still stands: now < (last renewal sent) + lease − margin.
    func isFresh(_ member: Partition.Member) -> Bool {
        self.now < member.renewedAt + self.settings.timings.lease - self.settings.timings.margin
    }

    /// Renews `nodes` now, with snapshots, and tells how each answered.
    func renew(_ nodes: [NodeID], of isp: ISPID) async -> [NodeID: Procedure.Renewal] {
        await withTaskGroup(of: (NodeID, Procedure.Renewal).self) { group in
            for node in nodes { group.addTask { (node, await self.confirm(node, of: isp)) } }
            var answers: [NodeID: Procedure.Renewal] = [:]
            for await (node, answer) in group { answers[node] = answer }
            return answers
        }
    }

    private func confirm(_ node: NodeID, of isp: ISPID) async -> Procedure.Renewal {
        guard let partition = self.ownISP?.procedure.partition, let member = partition[node] else { return .stale }
        let request = Request.renew(
            Token(isp: isp, epoch: member.epoch), firstOut: partition.firstOut(after: node, in: self.membership.view),
            wantSnapshot: true)
        for _ in 1...2 {
            let sentAt = self.now
            switch await self.ask(node, request, for: isp) {
            case .renew(.renewed(let revision, _, let snapshot)):
                return .renewed(revision, snapshot, sentAt: sentAt)
            case .renew(.stale):
                return .stale
            case .reserve, .released, .migrate, .noted, .incoming, .handover, .wait, .membership, .stopping, nil:
                continue
            }
        }
        return .silent
    }
}

package import Basis
import ClusterActors

/// P12: an ISP takes no more messages than `docs/protocol.md` promises under "Messages per ISP", and its summary counts
/// every one that was seen on the network.
package struct MessagesChecker: InvariantChecker {
    private struct GrantKey: Hashable {
        var node: NodeID
        var epoch: Epoch
    }

    /// What of an ISP the bound depends on and its summary does not say.
    private struct Seen {
        var grants: Set<GrantKey> = []
        /// The asker's numbers of its requests, so that repetitions by the network count once.
        var requests: Set<UInt64> = []
        var releases: Set<GrantKey> = []
        var met: Set<ISPID> = []
        /// How long each migration took that has ended, and how many have not.
        var migrations: [Duration] = []
        var underWay = 0
        /// What its summary counts, once it has ended. Releases that are among them follow in the same instant.
        var told: (messages: Int, at: MonotonicInstant)?
        var sent: Int { self.requests.count + self.releases.count }
    }

    private let nodes: Int
    private let bounds: InvariantBounds
    private var seen: [ISPID: Seen] = [:]

    /// - Parameter nodes: of the ring.
    package init(nodes: Int, _ bounds: InvariantBounds) {
        self.nodes = nodes
        self.bounds = bounds
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .told(let node, let event):
            return self.take(event, of: node, at: now)
        case .crashed(let node):
            self.seen = self.seen.filter { $0.key.node != node }
        case .requestSent(let exchange, let request):
            return self.count(request, exchange, at: now)
        case .replyArrived(let exchange, .reserve(let isp, _, _), .reserve(.granted(let grant))):
            guard self.seen[isp]?.told == nil else { return [] }
            self.seen[isp]?.grants.insert(GrantKey(node: exchange.asked, epoch: grant.epoch))
        case .requestArrived, .replySent, .replyArrived, .hosts, .paused, .resumed, .network, .sees, .queues, .tick:
            break
        }
        return []
    }

    private mutating func count(_ request: Request, _ exchange: Exchange, at now: MonotonicInstant) -> [Breach] {
        let isp: ISPID
        switch request {
        case .reserve(let asking, _, _): isp = asking
        case .renew(let token, _, _): isp = token.isp
        case .migrate(let order): isp = order.action.isp
        case .wait(let waiting, _, _, holding: true): isp = waiting
        case .release(let token):
            guard exchange.asker == token.isp.node else { return [] }
            return self.count(GrantKey(node: exchange.asked, epoch: token.epoch), of: token.isp, at: now)
        // One that holds nothing has yielded: its agent asks after the winner, so as not to start anew too early.
        case .wait(_, _, _, holding: false), .actionDone, .incoming, .handover, .ended, .membership:
            return []
        }
        guard exchange.asker == isp.node else { return [] }
        self.seen[isp]?.requests.insert(exchange.number)
        return self.uncounted(isp)
    }

    /// A grant that is heard of when the ISP has ended is given back by the agent, for nobody: of one that came too late,
    /// or once more of a member that was lost.
    private mutating func count(_ released: GrantKey, of isp: ISPID, at now: MonotonicInstant) -> [Breach] {
        if let told = self.seen[isp]?.told {
            guard told.at == now, self.seen[isp]?.grants.contains(released) == true else { return [] }
        }
        self.seen[isp]?.releases.insert(released)
        return self.uncounted(isp)
    }

    /// After its end an ISP has sent no more than its summary counts.
    private func uncounted(_ isp: ISPID) -> [Breach] {
        guard let seen = self.seen[isp], let told = seen.told, seen.sent > told.messages else { return [] }
        let what = "sent \(seen.sent) messages and counts \(told.messages)"
        return [Breach(.messagesBounded, node: isp.node, isp: isp, what)]
    }

    private mutating func take(_ event: AgentEvent, of node: NodeID, at now: MonotonicInstant) -> [Breach] {
        switch event {
        case .ispStarted(let key, _):
            // One ISP at a time: whatever the node's last one still sent has been sent.
            self.seen = self.seen.filter { $0.key.node != node }
            self.seen[key.isp] = Seen()
        case .waits(let isp, let others):
            self.seen[isp]?.met.formUnion(others)
        case .migrationOrdered(let action, _, _, _, _):
            self.seen[action.isp]?.underWay += 1
        case .migrationEnded(let action, _, _, _, _, let duration, _):
            self.seen[action.isp]?.underWay -= 1
            self.seen[action.isp]?.migrations.append(duration)
        case .ispEnded(let summary):
            let most = self.messagesMax(of: summary, self.seen[summary.key.isp] ?? Seen())
            if summary.messages > most {
                let what = "took \(summary.messages) messages, promised are at most \(most)"
                return [Breach(.messagesBounded, node: node, isp: summary.key.isp, what)]
            }
            self.seen[summary.key.isp]?.told = (summary.messages, now)
            return self.uncounted(summary.key.isp)
        default:
            break
        }
        return []
    }

    private func messagesMax(of summary: ISPSummary, _ seen: Seen) -> Int {
        let timings = self.bounds.timings
        let polls = { (duration: Duration, interval: Duration) in Int(duration / interval) }
        let reserve = 2 * (self.nodes - 1) * summary.sweeps
        let renew =
            (summary.membersPeak - 1)
            * (polls(summary.duration, timings.renewInterval) + 2 * (summary.solves + self.bounds.replansMax))
        let migrations = seen.migrations + Array(repeating: summary.duration, count: max(seen.underWay, 0))
        let migrate = migrations.reduce(0) { $0 + 2 + polls($1, timings.actionPoll) }
        let wait = seen.met.count * (polls(summary.duration, timings.waitPoll) + 2 * summary.sweeps)
        return reserve + renew + migrate + wait + seen.grants.count
    }
}

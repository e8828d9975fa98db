package import Basis
import ClusterActors

/// P9: a sweep goes clockwise from the initiator, asks each node at most once (and once more if it is silent), and
/// never passes the initiator.
package struct SweepChecker: InvariantChecker {
    private struct Sweep {
        /// The clockwise distance of the last node asked from the initiator, in nodes.
        var distance = 0
        /// The initiator's count of asks at that node.
        var ask: UInt32?
        var isRepeated = false
    }

    private let places: [NodeID: Int]
    private var sweeps: [ISPID: Sweep] = [:]

    /// - Parameter ring: all nodes, clockwise.
    package init(ring: [NodeID]) {
        self.places = Dictionary(uniqueKeysWithValues: ring.enumerated().map { ($1, $0) })
    }

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .told(_, .ispStarted(let key, _)):
            self.sweeps[key.isp] = Sweep()
        case .told(_, .sweepsAgain(let isp, _)):
            self.sweeps[isp] = Sweep()
        case .told(_, .ispEnded(let summary)):
            self.sweeps[summary.key.isp] = nil
        case .requestSent(let exchange, .reserve(let isp, _, let ask)):
            return self.check(exchange.asked, by: isp, ask: ask)
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .hosts, .crashed, .paused, .resumed,
            .network, .sees, .queues, .tick:
            break
        }
        return []
    }

    private mutating func check(_ node: NodeID, by isp: ISPID, ask: UInt32) -> [Breach] {
        guard var sweep = self.sweeps[isp], let place = self.places[node], let start = self.places[isp.node] else {
            let what = "asks \(node) without being on its way round the ring"
            return [Breach(.sweepAsksOnce, node: node, isp: isp, what)]
        }
        defer { self.sweeps[isp] = sweep }
        let distance = (place - start + self.places.count) % self.places.count
        if sweep.ask == ask, sweep.distance == distance, !sweep.isRepeated {
            sweep.isRepeated = true
            return []
        }
        let before = sweep.distance
        sweep = Sweep(distance: distance, ask: ask)
        guard distance <= before else { return [] }
        let what = "asks \(node), \(distance) nodes on, after one that is \(before) nodes on"
        return [Breach(.sweepAsksOnce, node: node, isp: isp, what)]
    }
}

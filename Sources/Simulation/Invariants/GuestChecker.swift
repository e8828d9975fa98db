package import Basis
import ClusterActors
import Hypervisor
import Placement

/// P10, by the hypervisors' word alone: never two running copies of a guest, never none that is whole, and in the end
/// just one, which runs, and nobody in doubt about it.
package struct GuestChecker: InvariantChecker {
    private var copies: [NodeID: [VMID: ModelledCopy]] = [:]
    private var guests: Set<VMID> = []
    /// What each agent says that nobody can say of.
    private var doubts: [NodeID: Set<VMID>] = [:]
    /// What each agent says that it has in flight.
    private var flying: [NodeID: Set<VMID>] = [:]

    package init() {}

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        switch fact {
        case .hosts(let views):
            return self.take(views)
        case .told(let node, .inDoubt(let vm, _)):
            self.doubts[node, default: []].insert(vm)
        case .told(let node, .settled(let vm, _)):
            self.doubts[node]?.remove(vm)
        case .told(let node, .flightBegan(_, let vm, _, _)):
            self.flying[node, default: []].insert(vm)
        case .told(let node, .flightEnded(_, let vm, _, _)):
            self.flying[node]?.remove(vm)
        case .crashed(let node):
            self.doubts[node] = nil
            self.flying[node] = nil
        case .told, .requestSent, .requestArrived, .replySent, .replyArrived, .paused, .resumed, .network, .sees,
            .queues, .tick:
            break
        }
        return []
    }

    private mutating func take(_ views: [ModelledHostView]) -> [Breach] {
        var touched: Set<VMID> = []
        for view in views {
            let before = self.copies[view.node, default: [:]]
            let after = Dictionary(uniqueKeysWithValues: view.copies.map { ($0.vm, $0) })
            for vm in Set(before.keys).union(after.keys) where before[vm] != after[vm] { touched.insert(vm) }
            self.copies[view.node] = after
        }
        return touched.sorted().flatMap { self.check($0) }
    }

    private mutating func check(_ vm: VMID) -> [Breach] {
        let here = self.copies.keys.sorted().compactMap { node in self.copies[node]?[vm].map { (node, $0) } }
        let running = here.filter { $0.1.presence == .running }.map(\.0)
        if !running.isEmpty { self.guests.insert(vm) }
        if running.count > 1 {
            let names = running.map(\.name).joined(separator: ", ")
            return [Breach(.oneGuest, node: running.last, "\(vm) runs on \(names)")]
        }
        if self.guests.contains(vm), !here.contains(where: { $0.1.isWhole }) {
            return [Breach(.oneGuest, node: here.first?.0, "no copy of \(vm) is left that is whole")]
        }
        return []
    }

    package mutating func conclude(at now: MonotonicInstant) -> [Breach] {
        let doubted = self.doubts.sorted { $0.key < $1.key }.flatMap { node, vms in
            vms.sorted().map { Breach(.oneGuest, node: node, "\($0) is still in doubt in the end") }
        }
        let flying = self.flying.values.reduce(into: Set<VMID>()) { $0.formUnion($1) }
        return doubted + self.guests.subtracting(flying).sorted().compactMap { self.checkEnd(of: $0) }
    }

    private func checkEnd(of vm: VMID) -> Breach? {
        let here = self.copies.keys.sorted().compactMap { node in self.copies[node]?[vm].map { (node, $0.presence) } }
        guard here.map(\.1) != [.running] else { return nil }
        let places = here.map { "\($0.1) on \($0.0)" }.joined(separator: ", ")
        return Breach(.oneGuest, node: here.first?.0, "\(vm) does not just run in the end: it is \(places)")
    }
}

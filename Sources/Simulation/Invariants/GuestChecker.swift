package import Basis
import ClusterActors
import Hypervisor
import Placement

/// P10, by the hypervisors' word alone: never two running copies of a guest, never none that is whole, and in the end
/// exactly one that runs.
package struct GuestChecker: InvariantChecker {
    private var copies: [NodeID: [VMID: ModelledCopy]] = [:]
    private var guests: Set<VMID> = []

    package init() {}

    package mutating func take(_ fact: Fact, at now: MonotonicInstant) -> [Breach] {
        guard case .hosts(let views) = fact else { return [] }
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
            return [Breach(.oneGuest, node: running.last, "\(vm) runs on \(running.map(\.name).joined(separator: ", "))")]
        }
        if self.guests.contains(vm), !here.contains(where: { $0.1.isWhole }) {
            return [Breach(.oneGuest, node: here.first?.0, "no copy of \(vm) is left that is whole")]
        }
        return []
    }

    package mutating func conclude(at now: MonotonicInstant) -> [Breach] {
        self.guests.sorted().compactMap { vm in
            let here = self.copies.keys.sorted().compactMap { node in self.copies[node]?[vm].map { (node, $0.presence) } }
            guard here.count(where: { $0.1 == .running }) != 1 else { return nil }
            let places = here.map { "\($0.1) on \($0.0)" }.joined(separator: ", ")
            return Breach(.oneGuest, node: here.first?.0, "\(vm) does not run in the end: it is \(places)")
        }
    }
}

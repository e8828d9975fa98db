import Basis
package import Placement

/// How long migrations will take, by the model of ``MigrationCost``: what pre-copy sends over the slower of the two
/// nodes' links. Setting up and switching over are not counted.
package struct PredictedDuration {
    private let nodes: [NodeID: Node]
    private let vms: [VMID: VirtualMachine]

    package init(of problem: PlacementProblem) {
        self.nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Of one hop that has the links to itself; 0 when the problem does not know the VM or a node.
    package func milliseconds(of migration: Migration) -> Int {
        Self.milliseconds(weight: self.weight(migration))
    }

    /// Of a plan: its steps one after another, and in each step as long as the busiest end of a link is busy.
    package func milliseconds(of steps: [[Migration]]) -> Int {
        steps.reduce(0) { $0 + self.milliseconds(ofStep: $1) }
    }

    private func milliseconds(ofStep step: [Migration]) -> Int {
        var arriving: [NodeID: Int] = [:]
        var leaving: [NodeID: Int] = [:]
        for migration in step {
            let weight = self.weight(migration)
            arriving[migration.to, default: 0] += weight
            leaving[migration.from, default: 0] += weight
        }
        return Self.milliseconds(weight: max(arriving.values.max() ?? 0, leaving.values.max() ?? 0))
    }

    private func weight(_ migration: Migration) -> Int {
        guard let vm = self.vms[migration.vm], let from = self.nodes[migration.from], let to = self.nodes[migration.to]
        else { return 0 }
        return MigrationCost(of: vm, from: from, to: to).weight
    }

    /// A weight of 1,000 is one MiB, 8.389 Mbit, over 1,000 Mbit/s; rounded up. All weights of a problem together are
    /// below 2⁵⁵: divided first, nothing overflows.
    private static func milliseconds(weight: Int) -> Int {
        ((weight + 999) / 1_000 * 8_389 + 999) / 1_000
    }
}

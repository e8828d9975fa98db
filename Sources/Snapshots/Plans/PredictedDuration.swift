import Basis
package import Placement

/// How long migrations will take, by the model of ``MigrationCost``: what pre-copy sends over the slower of the two
/// nodes' links. Told three times, since neither links nor guests are known exactly.
package struct PredictedDuration {
    /// What a prediction supposes.
    package enum Supposition: CaseIterable, Sendable {
        /// Links carry what they are rated at, and no guest writes to its memory.
        case best
        /// Links carry what they are rated at, and guests write as they did when they were measured.
        case expected
        /// Links carry ``worstLinkPercent`` of what they are rated at, guests write ``worstDirtyPercent`` of what was
        /// measured, and each step takes ``worstStepMilliseconds`` to begin and to switch over.
        case worst
    }

    /// What frames, packets and TCP leave of a link, in percent: the factor with which simulated migrations agreed with
    /// measured ones to 18 % (Lebre et al., "VMPlaceS", Euro-Par 2015).
    package static let worstLinkPercent = 88
    package static let worstDirtyPercent = 200
    package static let worstStepMilliseconds = 1_000

    private let nodes: [NodeID: Node]
    private let vms: [VMID: VirtualMachine]
    private let supposition: Supposition

    package init(of problem: PlacementProblem, _ supposition: Supposition = .expected) {
        self.nodes = Dictionary(problem.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.vms = Dictionary(problem.vms.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.supposition = supposition
    }

    /// Of one hop that has the links to itself; 0 when the problem does not know the VM or a node.
    package func milliseconds(of migration: Migration) -> Int { self.milliseconds(ofStep: [migration]) }

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
        let busiest = max(arriving.values.max() ?? 0, leaving.values.max() ?? 0)
        let overhead = self.supposition == .worst && busiest > 0 ? Self.worstStepMilliseconds : 0
        return Self.milliseconds(weight: busiest) + overhead
    }

    private func weight(_ migration: Migration) -> Int {
        guard var vm = self.vms[migration.vm], let from = self.nodes[migration.from], let to = self.nodes[migration.to]
        else { return 0 }
        var link = min(from.linkMbps, to.linkMbps)
        switch self.supposition {
        case .best: vm.dirtyMiBPerSecond = 0
        case .expected: break
        case .worst:
            // Beyond the link it makes no difference; so no product overflows.
            vm.dirtyMiBPerSecond = min(vm.dirtyMiBPerSecond, link) * Self.worstDirtyPercent / 100
            link = link * Self.worstLinkPercent / 100
        }
        return MigrationCost(of: vm, linkMbps: link, .transferTime).weight
    }

    /// A weight of 1,000 is one MiB, 8.389 Mbit, over 1,000 Mbit/s; rounded up. All weights of a problem together are
    /// below 2⁵⁵: divided first, nothing overflows.
    private static func milliseconds(weight: Int) -> Int {
        ((weight + 999) / 1_000 * 8_389 + 999) / 1_000
    }
}

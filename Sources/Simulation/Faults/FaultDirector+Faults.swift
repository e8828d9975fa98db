import Basis
import Hypervisor

/// Carries faults out, and ends each when its time is over.
extension FaultDirector {
    func begin(_ fault: Fault, for duration: Duration) async throws {
        switch fault {
        case .crash(let aim):
            try await self.crash(self.draw(aim), for: duration)
        case .pause(let aim):
            self.pause(self.draw(aim), for: duration)
        case .split(let count, let direction):
            self.split(count, direction, for: duration)
        case .unplug(let aim):
            guard let node = self.draw(aim) else { return }
            self.count()
            self.ring.network.setPlugged(false, node)
            self.networkChanged()
            self.enter(after: duration) {
                self.ring.network.setPlugged(true, node)
                self.networkChanged()
            }
        case .silentHypervisor(let aim):
            try await self.change(self.draw(aim), for: duration) { $0.isSilent = $1 }
        case .slowHypervisor(let aim, let delay):
            try await self.change(self.draw(aim), for: duration) { $0.answerDelay = $1 ? delay : .zero }
        case .stalledCopies(let aim):
            try await self.change(self.draw(aim), for: duration) { $0.copiesStall = $1 }
        case .failedMigration(let aim, let stage):
            try await self.change(self.draw(aim), for: duration) { $0.failNextMigration = $1 ? stage : nil }
        case .failingStore(let aim):
            guard let node = self.draw(aim) else { return }
            self.count()
            self.setStoreFails(true, of: node)
            self.enter(after: duration) { self.setStoreFails(false, of: node) }
        case .cutHost(let aim):
            guard let node = self.draw(aim) else { return }
            self.count()
            try await self.setLinks(of: node, areCut: true)
            self.enter(after: duration) { try await self.mend(node) }
        }
    }

    /// One of the nodes that the aim allows; any other when there is none.
    private func draw(_ aim: Fault.Aim) -> NodeID? {
        let targets = self.watch.sight.targets(of: aim, among: self.ring.nodes)
        return (targets.isEmpty ? self.ring.nodes : targets).randomElement(using: &self.generator)
    }

    private func count() {
        self.watch.countFault()
    }

    // MARK: - Agents

    private func crash(_ node: NodeID?, for duration: Duration) async throws {
        guard let node, let process = self.ring.members[node]?.process, process.state != .crashed else { return }
        process.crash()
        self.watch.take(.crashed(node))
        self.enter(after: duration) {
            if self.ring.members[node]?.process.state == .crashed { try await self.ring.start(node) }
        }
    }

    private func pause(_ node: NodeID?, for duration: Duration) {
        guard let node, let process = self.ring.members[node]?.process, process.state == .running else { return }
        process.pause()
        self.watch.take(.paused(node))
        let boot = process.boot
        self.enter(after: duration) {
            if self.ring.members[node]?.process.boot == boot { self.goOn(node) }
        }
    }

    func goOn(_ node: NodeID) {
        guard let process = self.ring.members[node]?.process, process.state == .paused else { return }
        self.watch.take(.resumed(node))
        process.resume()
    }

    // MARK: - Networks

    private func split(_ count: Int, _ direction: NetworkSplit.Direction, for duration: Duration) {
        let nodes = self.ring.nodes
        let first = Int.random(in: 0..<nodes.count, using: &self.generator)
        let inside = (0..<count).map { nodes[(first + $0) % nodes.count] }
        let split = self.ring.network.split(
            NetworkSplit(inside, from: nodes.filter { !inside.contains($0) }, direction))
        self.count()
        self.networkChanged()
        self.enter(after: duration) {
            self.ring.network.heal(split)
            self.networkChanged()
        }
    }

    /// While things go wrong, a cut may be open anywhere.
    private func networkChanged() {
        self.watch.take(.network(isClean: false))
    }

    // MARK: - Hypervisors

    private func change(
        _ node: NodeID?, for duration: Duration, _ edit: @escaping @Sendable (inout ModelledFaults, Bool) -> Void
    ) async throws {
        guard let node else { return }
        self.count()
        var faults = self.hypervisorFaults[node] ?? ModelledFaults()
        edit(&faults, true)
        try await self.setFaults(faults, on: node)
        self.enter(after: duration) {
            var faults = self.hypervisorFaults[node] ?? ModelledFaults()
            edit(&faults, false)
            try await self.setFaults(faults, on: node)
        }
    }

    func setFaults(_ faults: ModelledFaults, on node: NodeID) async throws {
        guard let host = self.operators[node] else { return }
        self.hypervisorFaults[node] = faults
        try await self.ring.hosts.run { try await host.setFaults(faults) }
    }

    private func setLinks(of node: NodeID, areCut: Bool) async throws {
        let fleet = self.ring.fleet
        let others = self.ring.nodes.filter { $0 != node }
        try await self.ring.hosts.run {
            for other in others { await fleet.setLink(between: node, and: other, isCut: areCut) }
        }
    }

    func mend(_ node: NodeID) async throws {
        try await self.setLinks(of: node, areCut: false)
    }
}

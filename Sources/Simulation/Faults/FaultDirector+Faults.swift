import Basis
import Hypervisor

/// Carries faults out, and ends each when its time is over.
extension FaultDirector {
    func begin(_ fault: Fault, on node: NodeID, for duration: Duration) async throws {
        switch fault {
        case .crash:
            self.crash(node, for: duration)
        case .pause:
            self.pause(node, for: duration)
        case .split(let count, let direction):
            self.split(count, from: node, direction, for: duration)
        case .unplug:
            self.count()
            self.ring.network.setPlugged(false, node)
            self.networkChanged()
            self.enter(after: duration) {
                self.ring.network.setPlugged(true, node)
                self.networkChanged()
            }
        case .silentHypervisor:
            try await self.change(node, for: duration) { $0.isSilent = $1 }
        case .slowHypervisor(let delay):
            try await self.change(node, for: duration) { $0.answerDelay = $1 ? delay : .zero }
        case .stalledCopies:
            try await self.change(node, for: duration) { $0.copiesStall = $1 }
        case .failedMigration(let stage):
            try await self.change(node, for: duration) { $0.failNextMigration = $1 ? stage : nil }
        case .failingStore:
            self.count()
            self.setStoreFails(true, of: node)
            self.enter(after: duration) { self.setStoreFails(false, of: node) }
        case .cutHost:
            self.count()
            try await self.setLinks(of: node, areCut: true)
            self.enter(after: duration) { try await self.mend(node) }
        }
    }

    /// One of the nodes that the aim allows; any other when there is none.
    func draw(_ aim: Fault.Aim) -> NodeID {
        let targets = self.watch.sight.targets(of: aim, among: self.ring.nodes)
        let nodes = targets.isEmpty ? self.ring.nodes : targets
        return nodes[Int.random(in: 0..<nodes.count, using: &self.generator)]
    }

    /// Lets the ambushes whose moment has come strike: agents at the very instant, all else a little later.
    func spring(at fact: Fact) {
        let since = self.ring.world.now - self.began
        for index in self.ambushes.indices.reversed() {
            let ambush = self.ambushes[index]
            guard ambush.from <= since, let node = ambush.moment.teller(of: fact) else { continue }
            self.ambushes.remove(at: index)
            switch ambush.fault {
            case .crash:
                self.ring.world.schedule(after: ambush.delay) { self.crash(node, for: ambush.lasts) }
            case .pause:
                self.ring.world.schedule(after: ambush.delay) { self.pause(node, for: ambush.lasts) }
            case .split, .unplug, .silentHypervisor, .slowHypervisor, .stalledCopies, .failedMigration, .failingStore,
                .cutHost:
                self.enter(after: ambush.delay) { try await self.begin(ambush.fault, on: node, for: ambush.lasts) }
            }
            return
        }
    }

    private func count() {
        self.watch.countFault()
    }

    // MARK: - Agents

    private func crash(_ node: NodeID, for duration: Duration) {
        guard !self.isCalm, let process = self.ring.members[node]?.process, process.state != .crashed else { return }
        process.crash()
        self.watch.take(.crashed(node))
        self.enter(after: duration) {
            if self.ring.members[node]?.process.state == .crashed { try await self.ring.start(node) }
        }
    }

    private func pause(_ node: NodeID, for duration: Duration) {
        guard !self.isCalm, let process = self.ring.members[node]?.process, process.state == .running else { return }
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

    private func split(
        _ count: Int, from node: NodeID, _ direction: NetworkSplit.Direction, for duration: Duration
    ) {
        let nodes = self.ring.nodes
        let first = nodes.firstIndex(of: node) ?? 0
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
        _ node: NodeID, for duration: Duration, _ edit: @escaping @Sendable (inout ModelledFaults, Bool) -> Void
    ) async throws {
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

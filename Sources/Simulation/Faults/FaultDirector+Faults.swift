import Basis
import ClusterActors
import Hypervisor
import Placement

/// Carries faults out, and ends each when its time is over.
extension FaultDirector {
    func begin(_ fault: Fault, on node: NodeID, for duration: Duration) async throws {
        switch fault {
        case .crash, .crashWithoutDisk, .pause:
            self.strike(fault, node, for: duration)
        case .departure:
            self.depart(node, for: duration)
        case .split(let count, let direction):
            self.watch.count(fault)
            self.split(count, from: node, direction, for: duration)
        case .unplug:
            self.watch.count(fault)
            self.ring.network.setPlugged(false, node)
            self.networkChanged()
            self.enter(after: duration) {
                self.ring.network.setPlugged(true, node)
                self.networkChanged()
            }
        case .slowLinks(let delay, let percent):
            try await self.slowDown(node, fault, by: delay, bandwidthPercent: percent, for: duration)
        case .silentHypervisor:
            try await self.change(node, fault, for: duration) { $0.isSilent = $1 }
        case .slowHypervisor(let delay):
            try await self.change(node, fault, for: duration) { $0.answerDelay = $1 ? delay : .zero }
        case .stalledCopies:
            try await self.change(node, fault, for: duration) { $0.copiesStall = $1 }
        case .failedMigration(let stage):
            try await self.change(node, fault, for: duration) { $0.failNextMigration = $1 ? stage : nil }
        case .failingStore:
            self.watch.count(fault)
            self.setStoreFails(true, of: node)
            self.enter(after: duration) { self.setStoreFails(false, of: node) }
        case .cutHost:
            self.watch.count(fault)
            try await self.setLinks(of: node, areCut: true)
            self.enter(after: duration) { try await self.mend(node) }
        case .rapidWrites:
            self.watch.count(fault)
            try await self.writeRapidly(self.watch.sight.guests(on: node), for: duration)
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
            case .crash, .crashWithoutDisk, .pause:
                self.ring.world.schedule(after: ambush.delay) { self.strike(ambush.fault, node, for: ambush.lasts) }
            case .departure, .split, .unplug, .slowLinks, .silentHypervisor, .slowHypervisor, .stalledCopies,
                .failedMigration, .failingStore, .cutHost, .rapidWrites:
                self.enter(after: ambush.delay) { try await self.begin(ambush.fault, on: node, for: ambush.lasts) }
            }
            return
        }
    }

    // MARK: - Agents

    /// A fault that hits an agent at this very instant.
    private func strike(_ fault: Fault, _ node: NodeID, for duration: Duration) {
        guard !self.isCalm, let member = self.ring.members[node], member.process.state != .crashed else { return }
        if fault == .pause {
            guard member.process.state == .running else { return }
            self.watch.count(fault)
            self.pause(node, member.process, for: duration)
        } else {
            self.watch.count(fault)
            if fault == .crashWithoutDisk { member.store.erase() }
            self.end(node, member.process)
            self.enterStart(of: node, after: duration)
        }
    }

    func end(_ node: NodeID, _ process: SimulatedProcess) {
        self.departing.remove(node)
        process.crash()
        self.watch.take(.crashed(node))
    }

    private func enterStart(of node: NodeID, after duration: Duration) {
        self.enter(after: duration) {
            if self.ring.members[node]?.process.state == .crashed { try await self.ring.start(node) }
        }
    }

    /// How long a departing agent takes at most to end in good order.
    private static let goodbyeMax = Duration.seconds(10)

    /// Says goodbye, and ends as a daemon does that was asked to. It starts when `duration` has passed since, or in the
    /// calm.
    private func depart(_ node: NodeID, for duration: Duration) {
        guard let member = self.ring.members[node], member.process.state == .running else { return }
        let (agent, process) = (member.agent, member.process)
        self.watch.count(.departure)
        self.departing.insert(node)
        process.start {
            await agent.stop(grace: Self.goodbyeMax)
            // Not from within: what runs in a process cannot end it.
            self.ring.world.schedule(after: .zero) {
                guard process.state != .crashed else { return }
                self.end(node, process)
                self.enterStart(of: node, after: duration)
            }
        }
    }

    private func pause(_ node: NodeID, _ process: SimulatedProcess, for duration: Duration) {
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
        self.networkChanged()
        self.enter(after: duration) {
            self.ring.network.heal(split)
            self.networkChanged()
        }
    }

    private func slowDown(
        _ node: NodeID, _ fault: Fault, by delay: Duration, bandwidthPercent: Int, for duration: Duration
    ) async throws {
        self.ring.network.setDelay(delay, of: node)
        self.networkChanged()
        self.enter(after: duration) {
            self.ring.network.setDelay(.zero, of: node)
            self.networkChanged()
        }
        try await self.change(node, fault, for: duration) { $0.linkPercent = $1 ? bandwidthPercent : 100 }
    }

    /// While things go wrong, a cut may be open anywhere.
    private func networkChanged() {
        self.watch.take(.network(isClean: false))
    }

    // MARK: - Hypervisors

    private func change(
        _ node: NodeID, _ fault: Fault, for duration: Duration,
        _ edit: @escaping @Sendable (inout ModelledFaults, Bool) -> Void
    ) async throws {
        self.watch.count(fault)
        var faults = self.hypervisorFaults[node] ?? ModelledFaults()
        edit(&faults, true)
        try await self.setFaults(faults, on: node)
        self.enter(after: duration) {
            var faults = self.hypervisorFaults[node] ?? ModelledFaults()
            edit(&faults, false)
            try await self.setFaults(faults, on: node)
        }
    }

    /// What no link of a host carries away.
    private static let rapidMiBPerSecond = 20_000

    private func writeRapidly(_ vms: [VMID], for duration: Duration) async throws {
        for vm in vms {
            guard let guest = self.usual[vm] else { continue }
            try await self.setDemand(
                of: vm, cpuMillicores: guest.cpuMillicores, dirtyMiBPerSecond: Self.rapidMiBPerSecond)
        }
        self.enter(after: duration) { for vm in vms { try await self.makeUsual(vm) } }
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

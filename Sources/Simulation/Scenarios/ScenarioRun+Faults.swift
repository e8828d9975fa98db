import Basis
import ClusterActors
import Hypervisor
import Placement

// What a scenario does to its ring. Each returns what went wrong in doing it, in words.

extension ScenarioRun {
    // MARK: - The operator

    func say(_ command: OperatorCommand, to node: NodeID, expecting refusal: String?) async -> String? {
        guard self.ring.members[node]?.process.state == .running else { return "the agent of \(node) does not run" }
        do {
            let scenario = self.scenario
            let answer = try await self.ring.ask(node) { agent in
                await Self.say(command, to: agent, of: scenario)
            }
            switch (answer, refusal) {
            case (nil, nil): return nil
            case (nil, let wanted?): return "\(node) did not refuse, with words like \"\(wanted)\""
            case (let words?, let wanted?): return words.contains(wanted) ? nil : "\(node) refused otherwise: \(words)"
            case (let words?, nil): return "\(node) refused: \(words)"
            }
        } catch {
            return "\(node): \(error)"
        }
    }

    /// - Returns: the refusal; nil when it was done.
    private static func say(
        _ command: OperatorCommand, to agent: NodeAgent, of scenario: Scenario
    ) async -> String? {
        switch command {
        case .injectOverload: return await agent.injectOverload()
        case .injectUnderload: return await agent.injectUnderload()
        case .injectDemand(let vm, let cpu): return await agent.injectDemand(of: vm, cpuMillicores: cpu)
        case .drain: return await agent.drain()
        case .undrain: return await agent.undrain()
        case .pause: return await agent.pause()
        case .resume: return await agent.resumeAgent()
        case .apply(let isp):
            if case .refused(let reason) = await agent.apply(isp) { return reason }
        case .adopt(let vm, let fenced): return await agent.adopt(vm, fenced: fenced)
        case .cancel: return await agent.cancel(nil)
        case .join(let seed): return await agent.join(seed: RingWorld.describe(seed))
        case .leave: await agent.leave(grace: Scenario.stopGrace)
        case .reload(let changes):
            let before = scenario.settingsByNode[agent.id] ?? scenario.settings
            return await agent.reconfigure(changes.reduce(before) { $1.applied(to: $0) ?? $0 })
        }
        return nil
    }

    // MARK: - Faults

    func bring(_ fault: ScenarioFault) async -> String? {
        do {
            switch fault {
            case .crash(let node): self.ring.members[node]?.process.crash()
            case .loseJournal(let node): self.ring.members[node]?.store.erase()
            case .failJournal(let node):
                self.ring.members[node]?.store.beforeAccess = { throw JournalFault() }
            case .healJournal(let node): self.ring.members[node]?.store.beforeAccess = nil
            case .restart(let node): return try await self.restart(node)
            case .stop(let node): try await self.stop(node)
            case .pauseAgent(let node, let duration?): self.ring.members[node]?.process.pause(for: duration)
            case .pauseAgent(let node, nil): self.ring.members[node]?.process.pause()
            case .continueAgent(let node): self.ring.members[node]?.process.resume()
            case .crashHost(let node): try await self.crashHost(node)
            case .rebootHost(let node): try await self.onFleet { await $0.reboot(node) }
            case .stallHypervisor(let node): try await self.change(node) { $0.isSilent = true }
            case .slowHypervisor(let node, let delay): try await self.change(node) { $0.answerDelay = delay }
            case .stallCopies(let node): try await self.change(node) { $0.copiesStall = true }
            case .healHypervisor(let node): try await self.change(node) { $0 = ModelledFaults() }
            case .failNextMigration(let node, let stage): try await self.failNextMigration(of: node, at: stage)
            case .setDemand(let vm, let cpu): return try await self.setDemand(of: vm, cpuMillicores: cpu)
            case .boot(let guest, let node): try await self.boot(guest, on: node)
            case .cut, .split, .unplug, .plug, .heal: self.changeNetwork(fault)
            case .cutCopies(let one, let other):
                try await self.onFleet { await $0.setLink(between: one, and: other, isCut: true) }
            case .mendCopies(let one, let other):
                try await self.onFleet { await $0.setLink(between: one, and: other, isCut: false) }
            case .messages(let rule): self.rules.insert(rule, at: 0)
            case .letThrough: self.rules = []
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func changeNetwork(_ fault: ScenarioFault) {
        switch fault {
        case .cut(let one, let other): self.ring.network.split(NetworkSplit([one], from: [other]))
        case .split(let left, let right): self.ring.network.split(NetworkSplit(left, from: right))
        case .unplug(let node): self.ring.network.setPlugged(false, node)
        case .plug(let node): self.ring.network.setPlugged(true, node)
        default: self.ring.network.healAll()
        }
    }

    private func restart(_ node: NodeID) async throws -> String? {
        guard self.ring.members[node]?.process.state == .crashed else { return "the agent of \(node) runs" }
        try await self.ring.start(node)
        return nil
    }

    private func stop(_ node: NodeID) async throws {
        try await self.ring.ask(node) { await $0.stop(grace: Scenario.stopGrace) }
        // A daemon ends when its agent's tasks have: what they still do at this instant is done before time goes on.
        try await self.ring.sleep(.zero)
        self.ring.members[node]?.process.crash()
    }

    /// Power failure: the agent goes with its host.
    private func crashHost(_ node: NodeID) async throws {
        self.ring.members[node]?.process.crash()
        try await self.onFleet { await $0.crash(node) }
    }

    private func onFleet(_ work: @escaping @Sendable (ModelledFleet) async throws -> Void) async throws {
        let fleet = self.ring.fleet
        try await self.ring.hosts.run { try await work(fleet) }
    }

    /// Does something as the operator of a modelled host.
    private func onHost(
        _ node: NodeID, _ work: @escaping @Sendable (ModelledDriver) async throws -> Void
    ) async throws {
        try await self.onFleet { fleet in
            let driver = await fleet.driver(for: node)
            try await work(driver)
            await driver.close()
        }
    }

    private func change(_ node: NodeID, _ edit: (inout ModelledFaults) -> Void) async throws {
        var faults = self.faults[node] ?? ModelledFaults()
        edit(&faults)
        self.faults[node] = faults
        try await self.onHost(node) { [faults] in try await $0.setFaults(faults) }
    }

    /// It happens once, so it is not remembered among the faults that last.
    private func failNextMigration(of node: NodeID, at stage: ModelledFaults.Stage) async throws {
        var faults = self.faults[node] ?? ModelledFaults()
        faults.failNextMigration = stage
        try await self.onHost(node) { [faults] in try await $0.setFaults(faults) }
    }

    private func setDemand(of vm: VMID, cpuMillicores: Int) async throws -> String? {
        guard let node = try await self.ring.runningPlaces()[vm]?.first else { return "\(vm) runs nowhere" }
        try await self.onHost(node) { try await $0.setDemand(of: vm, cpuMillicores: cpuMillicores) }
        return nil
    }

    private func boot(_ guest: ModelledGuest, on node: NodeID) async throws {
        self.vms.insert(guest.vm)
        try await self.onHost(node) { try await $0.boot(guest) }
    }
}

private struct JournalFault: Error, CustomStringConvertible {
    var description: String { "the disk refuses it" }
}

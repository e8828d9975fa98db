import Basis
import Hypervisor
import Placement

/// Watches the node's load, and starts an ISP when a trigger holds and the node is free.
extension NodeAgent {
    func watchLoad() async {
        while !Task.isCancelled {
            let next = self.now + self.settings.triggers.sampleInterval
            if !self.reservation.isRecovering {
                await self.takeSample()
                await self.lookAtTriggers()
            }
            // Rung when the node becomes free, an ISP ends or the operator says something.
            await self.monitorBell.wait(until: next, on: self.ports.time)
        }
    }

    /// Reads the hypervisor. Never throws: a hypervisor that is away is a state of the node.
    func takeSample() async {
        do {
            let description: HostDescription
            if let known = self.host, !self.hypervisorIsAway {
                description = known
            } else {
                description = try await self.ports.hypervisor.describeHost()
            }
            let sample = try await self.ports.hypervisor.sample()
            if self.host != description {
                self.host = description
                self.revisionBase &+= 1
            }
            self.monitor.observe(sample, capacity: description.capacity, reserved: self.settings.reserved)
            if self.hypervisorIsAway {
                self.hypervisorIsAway = false
                self.tell(.hypervisorBack(description.hypervisor))
            }
        } catch {
            guard !self.hypervisorIsAway || self.host == nil else { return }
            if !self.hypervisorIsAway { self.tell(.hypervisorAway(reason: "\(error)")) }
            self.hypervisorIsAway = true
        }
    }

    /// Takes the hypervisor's hints: samples at once when something changed, so that nothing waits for the next tick.
    func watchHypervisor() async {
        for await event in self.ports.hypervisor.events() {
            switch event {
            case .changed(let vm):
                for flight in self.incoming.values where flight.order.vm == vm { flight.bell.ring() }
            case .connected:
                self.monitorBell.ring()
            case .disconnected:
                if !self.hypervisorIsAway {
                    self.hypervisorIsAway = true
                    self.tell(.hypervisorAway(reason: "the connection was lost"))
                }
            }
        }
    }

    // MARK: - Triggers

    private func lookAtTriggers() async {
        self.reservation.expire(at: self.now)
        self.tellTransitions()
        let before = Set(self.watch.all.map(\.triggerClass))
        let holding = self.conditions
        if holding != before {
            self.watch.update(holding: holding, birth: self.newBirth(), at: self.now, using: &self.generator)
            for began in TriggerClass.allCases where holding.contains(began) && !before.contains(began) {
                self.tell(.triggerBegan(began, load: self.monitor.load, capacity: self.host?.capacity ?? .zero))
            }
            for ended in TriggerClass.allCases where before.contains(ended) && !holding.contains(ended) {
                self.tell(.triggerEnded(ended))
            }
        }
        await self.askWinners()
        self.startDueISP()
    }

    /// Which conditions hold at this moment.
    var conditions: Set<TriggerClass> {
        guard let host = self.host, !self.hypervisorIsAway else { return [] }
        var holding: Set<TriggerClass> = []
        if self.marks.isDraining {
            if self.monitor.vmCount > 0 { holding.insert(.drain) }
            return holding
        }
        if self.monitor.overloadHolds {
            holding.insert(.overload)
        } else if self.injected.contains(.underload) {
            holding.insert(.underload)
        } else if self.settings.triggers.underloadEnabled,
            self.monitor.isUnderloaded(capacity: host.capacity, reserved: self.settings.reserved)
        {
            holding.insert(.underload)
        }
        return holding
    }

    /// Whether the condition that started an ISP of this class still holds, looked at before each of its steps.
    func holds(_ triggerClass: TriggerClass) -> Bool {
        guard let host = self.host else { return false }
        return switch triggerClass {
        case .drain: self.marks.isDraining && self.monitor.vmCount > 0
        case .overload: self.monitor.isOverloaded(capacity: host.capacity, reserved: self.settings.reserved)
        case .underload:
            self.monitor.vmCount > 0
                && (self.injected.contains(.underload)
                    || self.monitor.isUnderloaded(capacity: host.capacity, reserved: self.settings.reserved))
        case .brokenConstraint: false
        }
    }

    /// After a yield the trigger is looked at again only when the winner is over (PROTOCOL.md §6).
    private func askWinners() async {
        for (triggerClass, winner) in self.watch.waitingForWinner {
            guard let trigger = self.watch.trigger(triggerClass) else { continue }
            let key = ISPKey(
                triggerClass: triggerClass, birth: trigger.birth,
                isp: ISPID(node: self.id, boot: self.boot, sequence: self.ispsStarted))
            let reply = await self.ask(winner.node, .wait(isp: key.isp, key: key, on: winner, holding: false))
            let waited = self.now - (self.yieldedAt ?? self.now)
            if case .wait(.wait) = reply, waited < self.settings.timings.blockedWait { continue }
            if reply == nil, waited < self.settings.timings.deadInitiatorGrace { continue }
            self.watch.winnerIsOver(triggerClass, at: self.now, using: &self.generator)
        }
    }

    private func startDueISP() {
        guard self.settings.mode != .off, self.whyNotStart == nil, let trigger = self.watch.due(at: self.now) else {
            return
        }
        self.startISP(trigger)
    }
}

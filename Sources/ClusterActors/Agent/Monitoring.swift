import Basis
import Hypervisor
import Placement

/// Watches the node's load, and starts an ISP when a trigger holds and the node is free.
extension NodeAgent {
    func watchLoad() async {
        while !self.monitorBell.isClosed {
            let next = self.now + self.settings.triggers.sampleInterval
            if !self.reservation.isRecovering {
                await self.takeSample()
                self.lookAtTriggers()
            }
            // Rung when the node becomes free, an ISP ends or the operator says something.
            await self.monitorBell.waitUntilClosed(or: next, on: self.ports.time)
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
                for (_, flight) in self.incoming.sorted(by: { $0.key < $1.key }) where flight.order.vm == vm {
                    flight.bell.ring()
                }
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

    private func lookAtTriggers() {
        self.reservation.expire(at: self.now)
        self.tellTransitions()
        let before = Set(self.watch.all.map(\.triggerClass))
        if let holding = self.conditions, holding != before {
            self.watch.update(holding: holding, birth: self.newBirth(), at: self.now, using: &self.generator)
            for began in TriggerClass.allCases where holding.contains(began) && !before.contains(began) {
                self.tell(.triggerBegan(began, load: self.monitor.load, capacity: self.host?.capacity ?? .zero))
            }
            for ended in TriggerClass.allCases where before.contains(ended) && !holding.contains(ended) {
                self.tell(.triggerEnded(ended))
            }
        }
        self.startDueISP()
    }

    /// Which conditions hold at this moment; nil while the hypervisor does not say, which is no reason for any to end.
    var conditions: Set<TriggerClass>? {
        guard let host = self.host, !self.hypervisorIsAway else { return nil }
        var holding: Set<TriggerClass> = []
        if self.marks.isDraining {
            if self.monitor.vmCount > 0 { holding.insert(.drain) }
            return holding
        }
        if self.isOverloadDue(on: host) {
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

    /// What the operator injected needs no second look.
    private func isOverloadDue(on host: HostDescription) -> Bool {
        if self.injected.contains(.overload) {
            return self.monitor.isOverloaded(capacity: host.capacity, reserved: self.settings.reserved)
        }
        return self.settings.triggers.overloadEnabled && self.monitor.overloadHolds
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

    /// After a yield the trigger is looked at again only when the winner is over, or was waited for long enough
    /// (PROTOCOL.md §6). A task of its own: a silent winner must not hold up the watch over the load.
    func awaitWinner(_ winner: ISPID, of loser: ISPKey) async {
        let deadline = self.now + self.settings.timings.blockedWait
        let bell = Bell()
        self.winnerBells[loser.triggerClass] = bell
        while !Task.isCancelled, self.now < deadline, !(await self.isOver(winner, askedFor: loser)) {
            await bell.wait(
                until: min(deadline, self.now + self.settings.timings.waitPoll), on: self.ports.time)
        }
        if self.winnerBells[loser.triggerClass] === bell { self.winnerBells[loser.triggerClass] = nil }
        self.watch.winnerIsOver(winner, for: loser.triggerClass, at: self.now, using: &self.generator)
        self.monitorBell.ring()
    }

    private func isOver(_ winner: ISPID, askedFor loser: ISPKey) async -> Bool {
        switch await self.ask(winner.node, .wait(isp: loser.isp, key: loser, on: winner, holding: false)) {
        case .wait(let answer): answer == .ended
        case .reserve, .renew, .released, .migrate, .noted, .incoming, .handover, .membership, .stopping, nil:
            self.isSurelyOver(winner)
        }
    }

    private func startDueISP() {
        guard self.settings.mode != .off, self.whyNotStart == nil, let trigger = self.watch.due(at: self.now) else {
            return
        }
        self.startISP(trigger)
    }
}

import Basis
import Settings

/// How hosts get their operating system, before anything else is done on them: once for each host and deployment.
extension DeploymentRun {
    /// Installs the system on workers that lack it, and with them on spares, so that one that takes a place has it. A host
    /// that does not get it is set aside; nothing of the deployment is on it. What was begun on a spare alone is ended too.
    ///
    /// That a host is being installed is on record before anybody is asked, and that it is done afterwards: a run that is
    /// stopped in between has the next one install it again.
    func installSystems(_ crew: Crew) async throws(RunFailure) {
        guard let installer = self.installer else { return }
        let hosts = await crew.roster.allHosts.filter { $0.state.isUsable && $0.lacksSystem }
        guard hosts.contains(where: { $0.role == .worker || $0.state == .installing }) else { return }
        var waiting = hosts.map(\.host.id)
        var failures: [NodeID: HostFailure] = [:]
        var generator = SplitMix64(seed: self.fleet.seed)
        let began = self.time.now
        let attempts = crew.context.schedule.attempts
        for attempt in 1...attempts {
            try await Self.move(waiting, .install, attempt, after: failures, crew)
            self.meter.note(.installing(hosts: waiting.count))
            failures = try await self.ask(installer, waiting, isLast: attempt == attempts, crew)
            let done = waiting.filter { failures[$0] == nil }
            try await Self.move(done, .confirmInstallation, attempt, after: [:], crew)
            for id in done { self.meter.finish(.install, id.name, since: began) }
            waiting.removeAll { failures[$0] == nil }
            guard !waiting.isEmpty, attempt < attempts else { break }
            let delay = crew.context.schedule.delay(after: attempt, using: &generator)
            for id in waiting {
                guard let failure = failures[id] else { continue }
                self.meter.note(
                    .retried(.install, entity: id.name, attempt: attempt, failure: failure, delay: delay))
            }
            try await crew.context.sleep(delay)
        }
        try await self.setAside(hosts.filter { failures[$0.host.id] != nil }, failures, crew)
    }

    /// All at once: what is to be written at the same time becomes one transaction.
    private static func move(
        _ hosts: [NodeID], _ event: HostState.Event, _ attempt: Int, after failures: [NodeID: HostFailure], _ crew: Crew
    ) async throws(RunFailure) {
        try await Windowed.run(hosts, atOnce: hosts.count) { id throws(RunFailure) in
            try await crew.roster.move(id, event, attempt: attempt, error: failures[id]?.description ?? "")
        }
    }

    /// A host in the middle of its installation is neither prepared nor let go on nobody's word: what an earlier run left
    /// behind may still install it.
    func confirmInstaller(for record: DeploymentRecord?) throws(DeploymentError) {
        let hosts = (record?.hosts ?? []).filter { $0.state == .installing }
        guard self.installer != nil || hosts.isEmpty else { throw .unsettled(hosts: hosts.map(\.host.id)) }
    }

    /// Waits, before any host is let go, for what an earlier run left behind. That is not recorded: the next destroy asks
    /// again, which takes no time then.
    func settleInstallations(_ crew: Crew) async throws(RunFailure) {
        let count = await crew.roster.allHosts.count { $0.state == .installing }
        guard let installer = self.installer, count > 0 else { return }
        self.meter.note(.settling(hosts: count))
        do throws(InstallationFailure) {
            try await installer.settle(self.fleet.name)
        } catch {
            throw error == .cancelled || Task.isCancelled ? .cancelled : .installation(error)
        }
    }

    /// - Parameter isLast: what fails as a whole then ends the run, as a spare would not mend it. A refusal by an installer
    ///   that others of the deployment have their system from is taken for a word on these hosts all the same.
    /// - Returns: the hosts that do not have their system.
    private func ask(
        _ installer: any SystemInstaller, _ hosts: [NodeID], isLast: Bool, _ crew: Crew
    ) async throws(RunFailure) -> [NodeID: HostFailure] {
        do throws(InstallationFailure) {
            return try await installer.install(on: hosts, for: self.fleet.name)
        } catch {
            if error == .cancelled || Task.isCancelled { throw .cancelled }
            let mayBeTheirs =
                if case .refused = error { await crew.roster.allHosts.contains { !$0.lacksSystem } } else { false }
            guard error.canRetryHelp, !isLast || mayBeTheirs else { throw .installation(error) }
            let failure = HostFailure.refused(step: "an installation", words: error.description)
            return Dictionary(uniqueKeysWithValues: hosts.map { ($0, failure) })
        }
    }

    /// All of them before a spare takes a place: it may be one of them.
    private func setAside(
        _ hosts: [HostRecord], _ failures: [NodeID: HostFailure], _ crew: Crew
    ) async throws(RunFailure) {
        for host in hosts {
            let id = host.host.id
            guard let failure = failures[id] else { continue }
            try await crew.roster.move(id, .giveUp, error: failure.description)
            self.meter.note(.hostSetAside(id, failure: failure))
            await crew.context.spread.leave(id)
        }
        for host in hosts where host.role == .worker { _ = try await self.promoteSpare(crew) }
    }
}

extension HostRecord {
    /// Whether it has no operating system of the deployment's, as far as the deployment has them installed: nothing was
    /// begun on it that comes after that.
    var lacksSystem: Bool { self.reached == nil && self.state != .installed }
}

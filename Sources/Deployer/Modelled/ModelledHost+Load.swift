package import Basis
package import Settings

/// What a modelled guest is told to do, and the processor time that it had for it. It goes with the guest.
package struct ModelledLoading: Hashable, Sendable {
    package private(set) var load = InjectedLoad.idle
    private var since = MonotonicInstant.zero
    private var until = MonotonicInstant.zero
    private var percentNanoseconds: Int64 = 0

    package init() {}

    /// What it does at `now`.
    package func load(at now: MonotonicInstant) -> InjectedLoad { now < self.until ? self.load : .idle }

    mutating func begin(_ task: GuestTask, at now: MonotonicInstant) {
        self.percentNanoseconds = self.spent(by: now)
        self.load = task.load
        self.since = now
        self.until = task.load == .idle ? now : now + task.duration
    }

    /// In percent of a CPU times nanoseconds.
    func spent(by now: MonotonicInstant) -> Int64 {
        let span = max(.zero, min(now, self.until) - self.since)
        return self.percentNanoseconds + span.inNanoseconds * Int64(self.load.cpuPercent)
    }
}

extension ModelledHost: LoadableHost {
    /// A modelled guest gets all that it wants.
    package func inject(
        _ task: GuestTask, into guest: String, within limit: Duration
    ) async throws(HostFailure) -> InjectionAnswer {
        try await self.does(.check, within: limit, changing: true) {}
        guard let present = self.contents.guests[guest], present.isRunning else { return .notHere }
        guard !present.isHanging else { return .silent(words: "its agent does not answer") }
        self.contents.guests[guest]?.loading.begin(task, at: self.time.now)
        return .done
    }

    package func processorTimes(within limit: Duration) async throws(HostFailure) -> ProcessorTimes {
        try await self.does(.check, within: limit, changing: true) {}
        let now = self.time.now
        let running = self.contents.guests.values.filter(\.isRunning)
        return ProcessorTimes(
            takenAtNanoseconds: now.nanoseconds,
            guests: running.map { guest in
                ProcessorTimes.Guest(
                    name: guest.definition.name, vcpus: guest.definition.vcpus,
                    nanoseconds: guest.loading.spent(by: now) / 100 * Int64(guest.definition.vcpus))
            })
    }

    /// A modelled agent knows at once what its guests want.
    package func believedDemands(within limit: Duration) async -> [String: Int] {
        guard self.contents.agent != nil else { return [:] }
        guard !self.isAgentSilent else {
            try? await self.sleep(limit)
            return [:]
        }
        guard (try? await self.does(.check, within: limit, changing: true, {})) != nil else { return [:] }
        let now = self.time.now
        return self.contents.guests.filter(\.value.isRunning).mapValues { guest in
            guest.loading.load(at: now).cpuPercent * guest.definition.vcpus * Self.millicoresPerPercent
        }
    }

    private static let millicoresPerPercent = 10
}

extension ModelledHosts: LoadableHosts {
    /// A host that the inventory does not list is modelled anew.
    package func loadable(_ host: FleetHost, of deployment: String) -> any LoadableHost { self.modelled(host) }
}

import Basis
import Settings
import Synchronization

/// Agents, and the guests that they move: where guests are is asked of the hosts, since a record may be old.
extension DeploymentRun {
    // MARK: - The ring

    /// Has dvmsd run on all hosts of the fleet, in one ring; or on none, when its file names none.
    func startAgents(_ crew: Crew) async throws(RunFailure) {
        guard let agents = self.agents else {
            if await crew.roster.hasAgents { try await self.stopAgents(crew) }
            return
        }
        let ring = await crew.roster.ring
        if ring.count >= AgentConfig.hostsMin { try await self.startAgents(agents, ring, crew) }
    }

    /// The program goes from host to host as the image did; each agent starts as soon as its host has all. A host that no
    /// longer answers has failed, with its guests; one that does goes on without an agent.
    private func startAgents(
        _ agents: any AgentSource, _ ring: [FleetHost], _ crew: Crew
    ) async throws(RunFailure) {
        let config = agents.config(of: ring)
        let reachable = await crew.roster.workers
        try await Windowed.run(ring, atOnce: self.fleet.limits.hostsAtOnce) { host throws(RunFailure) in
            guard reachable.contains(host.id) else { return }
            try await self.orSetAside(host.id, crew) { () async throws(RunFailure) in
                do throws(RunFailure) {
                    try await crew.driver(host.id).start { () throws(HostFailure) in
                        try agents.agent(of: host, with: config)
                    }
                } catch .host(let failure) {
                    await crew.context.spread.leave(host.id)
                    try await crew.driver(host.id).confirmAnswers()
                    self.meter.note(.agentFailed(host.id, failure: failure))
                } catch {
                    throw error
                }
            }
        }
    }

    /// From here on guests stay where they are, on all hosts that answer.
    func stopAgents(_ crew: Crew) async throws(RunFailure) {
        let hosts = await crew.roster.allHosts.filter { $0.reached == .agent }.map(\.host.id)
        try await Windowed.run(hosts, atOnce: self.fleet.limits.hostsAtOnce) { id throws(RunFailure) in
            do throws(RunFailure) {
                try await crew.driver(id).stopAgent()
            } catch .host(let failure) {
                self.meter.note(.removalFailed(id.name, why: "dvmsd could not be stopped: \(failure)"))
            } catch {
                throw error
            }
        }
    }

    // MARK: - Guests that moved

    /// What hosts say of the deployment's guests.
    struct Whereabouts: Sendable {
        /// Only of hosts that answered.
        var found: [NodeID: [String]] = [:]
        var silent: Set<NodeID> = []

        func hosts(of guest: String) -> [NodeID] {
            self.found.filter { $0.value.contains(guest) }.map(\.key).sorted()
        }
    }

    /// Asks every host which guests it has, and puts that on record.
    @discardableResult
    func locateGuests(_ crew: Crew) async throws(RunFailure) -> Whereabouts {
        let whereabouts = Mutex(Whereabouts())
        let hosts = await crew.roster.allHosts.filter { $0.reached.map { $0 >= .prepare } ?? false }.map(\.host.id)
        try await Windowed.run(hosts, atOnce: self.fleet.limits.hostsAtOnce) { id throws(RunFailure) in
            do throws(RunFailure) {
                let names = try await crew.driver(id).guestsThere()
                whereabouts.withLock { $0.found[id] = names }
            } catch .host {
                whereabouts.withLock { _ = $0.silent.insert(id) }
            } catch {
                throw error
            }
        }
        let seen = whereabouts.withLock { $0 }
        for (guest, host) in try await crew.roster.take(seen.found) {
            self.meter.note(.guestFound(guest, on: host))
        }
        return seen
    }

    /// Guests of hosts that failed while agents ran may have been moved before that. One that may be on another host which
    /// is silent as well is not made anew.
    func lookForHomeless(_ crew: Crew) async throws(RunFailure) {
        guard await crew.roster.hasAgents else { return }
        let silent = try await self.locateGuests(crew).silent
        var mayHaveIt: Set<NodeID> = []
        for id in silent where await crew.roster.host(id).reached == .agent { mayHaveIt.insert(id) }
        for guest in await crew.roster.homeless {
            let others = mayHaveIt.filter { $0 != guest.host }.sorted().map(\.name).joined(separator: ", ")
            guard !others.isEmpty else { continue }
            let why = "its host failed, and it may be on \(others), which is silent; mend that and apply again"
            try await crew.roster.move(guest: guest.identity.name, .giveUp, error: why)
            self.meter.note(.guestFailed(guest.identity.name, why: why))
        }
    }

    /// Looks for guests that do not run on the host that they have on record. A guest that ran before is made anew only
    /// when all hosts deny it and the user said so; one that never answered, when all hosts deny it twice.
    func findMissing(_ crew: Crew) async throws(RunFailure) {
        let deadline = self.time.now + self.fleet.timeouts.check
        var denied: Set<String> = []
        while true {
            let missing = await crew.roster.takeMissing()
            guard !missing.isEmpty else { return }
            let whereabouts = try await self.locateGuests(crew)
            // Several of one host: while one is booted again, the others may be missed once more, or be seen to.
            for (guest, host) in missing where await !crew.roster.hasSeen(guest) {
                switch Finding(whereabouts, of: guest, missedOn: host) {
                case .elsewhere(let place):
                    try await self.runGuests(of: place, crew)
                case .stopped:
                    try await self.bootAgain(guest, on: host, crew)
                case .denied where await self.mayBeMadeAnew(guest, crew):
                    if denied.insert(guest).inserted {
                        await crew.roster.miss(guest, on: host)
                    } else {
                        try await crew.roster.copyGone(guest, from: host)
                        try await self.bootAgain(guest, on: host, crew)
                    }
                case .denied:
                    await self.lose(guest, "no host has it any more; --replace-lost has it made anew", crew)
                case .notFound(let silent):
                    await self.lose(guest, "no host that answers has it; mend \(silent) and apply again", crew)
                case .several(let places) where self.time.now < deadline:
                    await crew.roster.miss(guest, on: places.contains(host) ? host : places[0])
                case .several(let places):
                    let names = places.map(\.name).joined(separator: " and ")
                    await self.lose(
                        guest,
                        "it is on \(names), and it is not decided where it runs: ask the agents there with "
                            + "`dvms status`, and apply again", crew)
                }
            }
            guard await crew.roster.hasMissing else { return }
            try await crew.context.sleep(Self.lookInterval)
        }
    }

    /// Between two looks for a guest that is on its way.
    private static let lookInterval = Duration.seconds(2)

    /// What a look at all hosts says of a guest that does not run where it was.
    private enum Finding {
        case elsewhere(NodeID)
        /// It is where it was, and on no other host.
        case stopped
        /// All hosts answered, and none has it.
        case denied
        case notFound(silent: String)
        case several([NodeID])

        init(_ whereabouts: Whereabouts, of guest: String, missedOn host: NodeID) {
            let places = whereabouts.hosts(of: guest)
            if places.count > 1 {
                self = .several(places)
            } else if let place = places.first {
                self = place == host ? .stopped : .elsewhere(place)
            } else if whereabouts.silent.isEmpty {
                self = .denied
            } else {
                self = .notFound(silent: whereabouts.silent.sorted().map(\.name).joined(separator: ", "))
            }
        }
    }

    private func mayBeMadeAnew(_ guest: String, _ crew: Crew) async -> Bool {
        if self.replacesLost { return true }
        return await !crew.roster.isSettled(guest)
    }

    /// Nothing is done on a host that was set aside or left alone meanwhile, and nothing noted of its guests.
    private func bootAgain(_ guest: String, on host: NodeID, _ crew: Crew) async throws(RunFailure) {
        guard await crew.roster.workers.contains(host) else { return }
        try await crew.roster.move(guest: guest, .replan, error: "it was found not to run")
        try await self.runGuests(of: host, crew)
    }

    /// As ``bootAgain(_:on:_:)``, nothing on a host that is no worker any more.
    private func runGuests(of host: NodeID, _ crew: Crew) async throws(RunFailure) {
        guard await crew.roster.workers.contains(host) else { return }
        try await self.orSetAside(host, crew) { () async throws(RunFailure) in
            try await crew.driver(host).runGuests()
        }
    }

    private func lose(_ guest: String, _ why: String, _ crew: Crew) async {
        await crew.roster.see(guest, isSilent: true)
        self.meter.note(.guestFailed(guest, why: why))
    }
}

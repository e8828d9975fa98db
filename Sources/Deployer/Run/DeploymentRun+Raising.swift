import Basis
import Settings

/// How a fleet is made: look at the hosts, give guests their places, make hosts ready and boot guests; again for those
/// whose host was set aside.
extension DeploymentRun {
    func raise(_ plan: DeploymentPlan, _ crew: Crew) async throws(RunFailure) {
        let atOnce = self.fleet.limits.hostsAtOnce
        if crew.context.doGuestsMove { try await self.locateGuests(crew) }
        try await Windowed.run(plan.hostsToReadmit, atOnce: atOnce) { id throws(RunFailure) in
            guard await !self.leavesAlone(id, crew) else { return }
            if self.installer != nil, await crew.roster.host(id).lacksSystem {
                // There is nothing that could answer, and nothing to clean.
                return try await crew.roster.move(id, .readmit)
            }
            do throws(RunFailure) {
                try await crew.driver(id).readmit()
            } catch .host {
                // It stays set aside, with the error on record.
            } catch {
                throw error
            }
        }
        try await self.removeGuests(plan.guestsToRemove, crew)
        try await self.admitAgain(plan, crew)
        try await self.fillWorkers(crew)
        try await crew.roster.forgive()

        var isFirst = true
        repeat {
            try await self.probeWorkers(crew)
            if !isFirst { try await self.lookForHomeless(crew) }
            try await self.place(crew, isFirst: isFirst)
            isFirst = false
            try await self.makeReady(crew)
            try await self.findMissing(crew)
            if await crew.roster.homeless.isEmpty { try await self.startAgents(crew) }
        } while await !crew.roster.homeless.isEmpty
        try await self.endSpread(of: .image, crew)
        // Also of a run that was stopped in the middle of it, when the ring was larger.
        if self.agents != nil { try await self.endSpread(of: .agentProgram, crew) }
    }

    /// Whether guests that ran before are on a host that was set aside, because agents moved them there: to have it
    /// back would take their only copies off it.
    private func leavesAlone(_ id: NodeID, _ crew: Crew) async -> Bool {
        guard crew.context.doGuestsMove, !self.replacesLost, await crew.roster.hasSettledGuests(on: id) else {
            return false
        }
        await crew.roster.leaveAlone(id)
        self.meter.note(.hostLeftAlone(id, failure: .refused(step: "to become a spare", words: "VMs run on it")))
        return true
    }

    // MARK: - Guests that the fleet no longer has

    private func removeGuests(_ names: [String], _ crew: Crew) async throws(RunFailure) {
        guard !names.isEmpty else { return }
        try await crew.roster.beginRemoval(of: names)
        var silent: Set<NodeID> = []
        for _ in 1...Self.removalRoundsMax {
            try await self.removeCopies(of: names, crew)
            // One that moved meanwhile is taken off where it is now.
            guard crew.context.doGuestsMove else { break }
            let whereabouts = try await self.locateGuests(crew)
            silent = whereabouts.silent
            if names.allSatisfy({ whereabouts.hosts(of: $0).isEmpty }) { break }
        }
        guard silent.isEmpty else {
            // One of them may be there: its name and its address are not free.
            let hosts = silent.sorted().map(\.name).joined(separator: ", ")
            for name in names {
                self.meter.note(.removalFailed(name, why: "it may be on \(hosts); mend that and apply again"))
            }
            return
        }
        try await crew.roster.forget(names)
    }

    /// How often guests that agents move are looked for before they are removed by a later apply.
    private static let removalRoundsMax = 3

    private func removeCopies(of names: [String], _ crew: Crew) async throws(RunFailure) {
        try await Windowed.run(names, atOnce: self.fleet.limits.bootsAtOnce) { name throws(RunFailure) in
            for id in await crew.roster.hosts(havingCopyOf: name) {
                do throws(RunFailure) {
                    try await crew.driver(id).remove(guest: name)
                } catch .host(let failure) {
                    self.meter.note(.removalFailed(name, why: failure.description))
                } catch {
                    throw error
                }
            }
        }
    }

    /// New guests under the names of some that are gone now.
    private func admitAgain(_ plan: DeploymentPlan, _ crew: Crew) async throws(RunFailure) {
        var guests: [(String, GuestTemplate)] = []
        for guest in plan.newGuests where await !crew.roster.has(guest: guest.name) {
            guests.append((guest.name, guest.template))
        }
        guard !guests.isEmpty else { return }
        do {
            let pool = AddressPool(plan.base.network.subnet)
            await crew.roster.add(try await self.store.admit(guests, to: self.fleet.name, pool: pool))
        } catch {
            throw .store(error)
        }
    }

    // MARK: - Hosts

    /// Spares that are there take the places of workers that are not.
    private func fillWorkers(_ crew: Crew) async throws(RunFailure) {
        while await crew.roster.workers.count < self.fleet.booking.hosts {
            guard try await self.promoteSpare(crew) else { return }
        }
    }

    func promoteSpare(_ crew: Crew) async throws(RunFailure) -> Bool {
        guard let id = try await crew.roster.promoteSpare() else { return false }
        self.meter.note(.sparePromoted(id))
        return true
    }

    /// Looks at all workers; those that fail give their places to spares, which are looked at in turn.
    private func probeWorkers(_ crew: Crew) async throws(RunFailure) {
        while true {
            try await self.installSystems(crew)
            var waiting: [NodeID] = []
            for id in await crew.roster.workers where await !crew.roster.isProbed(id) { waiting.append(id) }
            guard !waiting.isEmpty else { return }
            try await Windowed.run(waiting, atOnce: self.fleet.limits.hostsAtOnce) { id throws(RunFailure) in
                try await self.orSetAside(id, crew) { () async throws(RunFailure) in
                    try await crew.driver(id).pass(.probe)
                }
            }
        }
    }

    /// Brings all workers through their other stages, and boots the guests of each as soon as it is ready.
    private func makeReady(_ crew: Crew) async throws(RunFailure) {
        let workers = await crew.roster.workers
        // All of them at once: the turnstile says how many do something.
        try await Windowed.run(workers, atOnce: workers.count) { id throws(RunFailure) in
            try await self.orSetAside(id, crew) { () async throws(RunFailure) in
                let driver = crew.driver(id)
                if await !crew.roster.hasPassed(id) {
                    try await crew.context.hosts.pass(orThrow: .cancelled) { () async throws(RunFailure) in
                        for stage in HostStage.beforeGuests where stage != .probe { try await driver.pass(stage) }
                    }
                    await crew.roster.pass(id)
                }
                try await driver.runGuests()
            }
        }
    }

    /// All hosts have the file, or have failed: none lets another one fetch it any more. Not before: a spare that takes a
    /// place late gets it from those that have it.
    private func endSpread(of kind: SpreadKind, _ crew: Crew) async throws(RunFailure) {
        let usable = await crew.roster.workers
        try await Windowed.run(usable, atOnce: self.fleet.limits.hostsAtOnce) { id throws(RunFailure) in
            try await crew.driver(id).endSpread(of: kind)
        }
    }

    /// Runs `part`; a host that fails in it for good is set aside, and a spare takes its place. One on which guests ran
    /// before is left alone instead, unless the user said that they may be made anew.
    func orSetAside(
        _ id: NodeID, _ crew: Crew, _ part: () async throws(RunFailure) -> Void
    ) async throws(RunFailure) {
        do throws(RunFailure) {
            try await part()
        } catch .host(let failure) {
            if !self.replacesLost, await crew.roster.hasSettledGuests(on: id) {
                await crew.roster.leaveAlone(id)
                await crew.context.spread.leave(id)
                return self.meter.note(.hostLeftAlone(id, failure: failure))
            }
            try await crew.roster.move(id, .giveUp, error: failure.description)
            self.meter.note(.hostSetAside(id, failure: failure))
            await crew.context.spread.leave(id)
            try await crew.driver(id).evacuate()
            _ = try await self.promoteSpare(crew)
        } catch {
            throw error
        }
    }

    // MARK: - Places

    /// Gives each guest without a usable host one: the first time by the fleet's distribution; later first on hosts that
    /// have no guest yet, which are the spares that took a place.
    private func place(_ crew: Crew, isFirst: Bool) async throws(RunFailure) {
        let homeless = await crew.roster.homeless
        guard !homeless.isEmpty else { return }
        var rooms = await crew.roster.rooms(for: self.fleet)
        var places: [String: NodeID] = [:]
        var needs = homeless.map(\.need)
        if !isFirst {
            let empty = rooms.filter { $0.guests == 0 }
            let first = Distribution(of: needs, over: empty, by: self.fleet.distribution, seed: self.fleet.seed)
            places = first.places
            needs = first.left
            rooms = rooms.filter { $0.guests > 0 } + first.rooms
        }
        let rest = Distribution(of: needs, over: rooms, by: self.fleet.distribution, seed: self.fleet.seed)
        places.merge(rest.places) { first, _ in first }

        if let shortage = rest.shortage {
            let isUntouched = self.meter.failures.isEmpty && rooms.allSatisfy { $0.guests == 0 }
            if isFirst, isUntouched { throw .noRoom(shortage) }
            for guest in rest.left {
                let why = "no host has room for it: \(shortage)"
                try await crew.roster.move(guest: guest.name, .giveUp, error: why)
                self.meter.note(.guestFailed(guest.name, why: why))
            }
        }
        try await crew.roster.settle(places)
    }
}

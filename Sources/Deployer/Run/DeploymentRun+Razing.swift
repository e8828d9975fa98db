import Basis
import Settings

/// How a fleet is taken back: each host on its own, from its records; what a host confirmed is forgotten.
extension DeploymentRun {
    func raze(_ crew: Crew) async throws(RunFailure) {
        try await self.settleInstallations(crew)
        let names = await crew.roster.allGuests.map(\.identity.name)
        try await crew.roster.beginRemoval(of: names)
        if crew.context.doGuestsMove {
            try await self.stopAgents(crew)
            try await self.locateGuests(crew)
        }
        let hosts = await crew.roster.allHosts.map(\.host.id)
        try await Windowed.run(hosts, atOnce: self.fleet.limits.hostsAtOnce) { id throws(RunFailure) in
            do throws(RunFailure) {
                try await crew.driver(id).undo()
            } catch .host(let failure) {
                try await crew.roster.move(id, .undo, error: failure.description)
                self.meter.note(.removalFailed(id.name, why: failure.description))
            } catch {
                throw error
            }
        }
        // A host that stays may have any guest that moves: then no name and no address is free yet.
        let isEveryHostGone = await crew.roster.allHosts.isEmpty
        if !crew.context.doGuestsMove || isEveryHostGone { try await crew.roster.forget(names) }
    }

    /// Gives back what was booked, when nothing of the deployment is left on it; or when whoever gave the hosts has taken
    /// them back, and what could not be taken off them is no longer the deployment's to take off.
    ///
    /// - Returns: whether it was cancelled before its end.
    func letGo(_ crew: Crew) async throws(DeploymentError) -> Bool {
        do throws(BookingFailure) {
            if await !crew.roster.allHosts.isEmpty {
                guard try await self.booking.isOver(self.fleet.name) else { return false }
                do throws(RunFailure) {
                    try await crew.roster.abandonHosts()
                } catch .store(let error) {
                    throw .store(error)
                } catch {
                    preconditionFailure("records fail by their store alone, not with \(error)")
                }
            }
            try await self.booking.release(self.fleet.name) { self.meter.note(.booking($0)) }
            return false
        } catch {
            switch error {
            case .cancelled: return true
            case .store(let error): throw .store(error)
            default: throw .booking(error)
            }
        }
    }
}

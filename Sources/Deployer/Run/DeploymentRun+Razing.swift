import Basis
import Settings

/// How a fleet is taken back: each host on its own, from its records; what a host confirmed is forgotten.
extension DeploymentRun {
    func raze(_ crew: Crew) async throws(RunFailure) {
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
        try await crew.roster.forget(names)
    }
}

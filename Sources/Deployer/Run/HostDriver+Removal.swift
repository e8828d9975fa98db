import Basis
import Settings

/// How a host and its guests are taken back.
extension HostDriver {
    /// Nobody fetches the file any more. A host that does not answer now is noted; the next run takes it back.
    func endSpread(of kind: SpreadKind) async throws(RunFailure) {
        do throws(RunFailure) {
            try await self.trying(RunStage(kind), self.id.name) { _, _ in
            } deed: { () async throws(HostFailure) in
                try await self.host.endSpread(of: kind, within: self.context.fleet.timeouts.removal)
            }
        } catch .host(let failure) {
            self.context.meter.note(.spreadNotEnded(self.id, kind, failure: failure))
        } catch {
            throw error
        }
    }

    /// Removes one guest, whether or not it is here.
    func remove(guest name: String) async throws(RunFailure) {
        try await self.context.meter.measure(.removal, name) { () async throws(RunFailure) in
            try await self.trying(.removal, name) { _, _ in
            } deed: { () async throws(HostFailure) in
                try await self.host.removeGuest(named: name, within: self.context.fleet.timeouts.removal)
            }
            try await self.roster.copyGone(name, from: self.id)
        }
    }

    /// Removes what guests the host may have, some at a time.
    func removeGuests() async throws(RunFailure) {
        let names = await self.roster.copies(on: self.id)
        let atOnce = self.context.fleet.limits.bootsPerHost
        try await Windowed.run(names, atOnce: atOnce) { name throws(RunFailure) in try await self.remove(guest: name) }
    }

    /// Puts on record what guests the host has, by its own word: a record may be old, and whoever asked all hosts may
    /// have had no answer of this one. Its agent ends before that, so that it takes none in afterwards.
    private func findGuests() async throws(RunFailure) {
        try await self.stopAgent()
        var names: [String] = []
        try await self.trying(.removal, self.id.name) { _, _ in
        } deed: { () async throws(HostFailure) in
            names = try await self.host.guests(within: self.context.fleet.timeouts.removal)
        }
        _ = try await self.roster.take([self.id: names])
    }

    /// Takes back all that was done here, the last first, and lets go of the host.
    func undo() async throws(RunFailure) {
        try await self.roster.move(self.id, .undo)
        let reached = await self.roster.host(self.id).reached
        let limit = self.context.fleet.timeouts.removal
        if self.context.doGuestsMove, let reached, reached >= .prepare { try await self.findGuests() }
        try await self.removeGuests()
        try await self.context.meter.measure(.removal, self.id.name) { () async throws(RunFailure) in
            try await self.trying(.removal, self.id.name) { _, _ in
            } deed: { () async throws(HostFailure) in
                guard let reached else { return }
                if reached >= .agent { try await self.host.removeAgent(within: limit) }
                if reached >= .image { try await self.host.remove(self.context.image, within: limit) }
                if reached >= .network { try await self.host.remove(self.context.network, within: limit) }
                if reached >= .prepare {
                    for step in PreparationStep.allCases.reversed() {
                        try await self.host.undo(step, within: limit)
                    }
                }
            }
        }
        try await self.roster.move(self.id, .release)
    }

    /// After the host was given up for something else than silence: takes its guests off, so that they do not run twice.
    func evacuate() async throws(RunFailure) {
        do throws(RunFailure) {
            try await self.stopAgent()
        } catch .host {
            return
        } catch {
            throw error
        }
        for name in await self.roster.copies(on: self.id) {
            do throws(HostFailure) {
                try await self.host.removeGuest(named: name, within: self.context.fleet.timeouts.removal)
            } catch {
                // What stays is on record as a stray, and is removed as soon as the host answers.
                return
            }
            try await self.roster.copyGone(name, from: self.id)
        }
        // What stays goes with destroy, which goes by what was ever begun here.
        guard let reached = await self.roster.host(self.id).reached, reached >= .image else { return }
        try? await self.host.endSpread(of: .image, within: self.context.fleet.timeouts.removal)
    }

    /// Looks at a host that was set aside, and cleans it of guests that live elsewhere now.
    func readmit() async throws(RunFailure) {
        try await self.confirmAnswers()
        try await self.stopAgent()
        try await self.removeGuests()
        try await self.endSpread(of: .image)
        try await self.roster.move(self.id, .readmit)
    }
}

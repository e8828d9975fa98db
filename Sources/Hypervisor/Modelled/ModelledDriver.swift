package import Basis
package import Placement

/// The driver of one host of a ``ModelledFleet``, in the same process.
package struct ModelledDriver: ModelledClient {
    package let node: NodeID
    package let time: any TimeSource
    let fleet: ModelledFleet
    let session: ModelledFleet.SessionID
    let feed: HypervisorEventFeed

    package func ask(_ request: ModelledRequest) async throws(HypervisorError) -> ModelledReply {
        try await self.receive(self.fleet.ask(request, of: self.node, in: self.session))
    }

    package func presence(
        of vm: VMID, at host: MigrationEndpoint
    ) async throws(HypervisorError) -> DomainPresence {
        try await self.fleet.presence(of: vm, at: host, askedBy: self.node)
    }

    package func migrate(
        _ order: MigrationOrder, onProgress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws(HypervisorError) {
        let updates = await self.fleet.migrate(order, from: self.node, in: self.session)
        for await update in updates {
            switch update {
            case .progress(let progress): onProgress(progress)
            case .ended(let answer):
                _ = try await self.receive(answer)
                return
            }
        }
        // The stream ends without an end of the migration only when this task is cancelled.
        _ = await self.fleet.ask(.abortMigration(order.ticket.vm), of: self.node, in: self.session)
        throw .aborted("\(order.ticket.vm): cancelled")
    }

    package func events() -> AsyncStream<HypervisorEvent> {
        self.feed.listen()
    }

    /// Ends this driver as the death of its process would: calls under way fail, events end, migrations go on.
    package func close() async {
        self.feed.finish()
        await self.fleet.end(self.session, of: self.node)
    }

    /// An answer has had its effect when it is on its way; only the caller waits.
    private func receive(_ answer: ModelledFleet.Answer) async throws(HypervisorError) -> ModelledReply {
        if answer.delay > .zero {
            do { try await self.fleet.time.sleep(for: answer.delay) } catch {
                throw .aborted("cancelled before \(self.node) answered")
            }
        }
        if case .failure(let error) = answer.reply { throw error }
        return answer.reply
    }
}

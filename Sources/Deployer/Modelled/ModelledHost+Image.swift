import Basis

/// An image over the modelled network: from other hosts, as far as they live, and from the deployer.
extension ModelledHost {
    package func ensure(
        _ image: ImageReference, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        let deadline = self.time.now + limit
        let wasThere = self.contents.image == image
        if !wasThere, self.contents.image != nil {
            self.contents.image = nil
            await self.network.set(0, of: self.id)
        }
        try await self.does(.image, within: limit, changing: !wasThere) {}
        var arrival = FileArrival(wasThere: wasThere)
        if !wasThere {
            await self.network.set(damagedFrom: self.damagedFrom, of: self.id)
            await self.network.set(isFetching: true, self.id)
            let outcome = await self.outcome(of: image, from: sources, until: deadline, &arrival)
            await self.network.set(isFetching: false, self.id)
            try outcome.get()
            self.contents.image = image
        }
        if self.spend({ if case .damagesImage = $0 { true } else { false } }) {
            self.contents.image = nil
            await self.network.set(0, of: self.id)
            throw .imageCorrupt(expected: image.sha256 ?? "", found: String(repeating: "0", count: 64))
        }
        return arrival
    }

    package func admit(
        _ reader: ExchangeReader, to image: ImageReference, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant {
        guard !self.isDead else {
            try await self.sleep(min(Self.silence, limit))
            throw .unreachable(detail: "no answer from \(self.id)")
        }
        self.contents.readers.insert(reader.name)
        do throws(InvalidSSHTarget) {
            return ExchangeGrant(target: try SSHTarget(host: self.id.name, user: "modelled"), hostKeys: [])
        } catch {
            throw .refused(step: "letting \(reader.name) in", words: error.description)
        }
    }

    package func endSpread(within limit: Duration) async throws(HostFailure) {
        try await self.does(.check, within: limit, changing: !self.contents.readers.isEmpty) {
            self.contents.readers = []
        }
    }

    package func remove(_ image: ImageReference, within limit: Duration) async throws(HostFailure) {
        try await self.does(.removal, within: limit, changing: self.contents.image?.name == image.name) {
            self.contents.readers = []
            if self.contents.image?.name == image.name { self.contents.image = nil }
        }
        await self.network.set(0, of: self.id)
    }

    // MARK: - Inside

    private var damagedFrom: Int? {
        self.faults.lazy.compactMap { if case .servesDamaged(let chunk) = $0 { chunk } else { nil } }.first
    }

    private func outcome(
        of image: ImageReference, from sources: [any DeployableHost], until deadline: MonotonicInstant,
        _ arrival: inout FileArrival
    ) async -> Result<Void, HostFailure> {
        do throws(HostFailure) {
            let limit = deadline - self.time.now
            for source in sources {
                do throws(HostFailure) {
                    _ = try await source.admit(
                        ExchangeReader(name: self.id.name, publicKey: ""), to: image, within: limit)
                    try await self.fetch(from: source.id, until: deadline, &arrival)
                } catch {
                    if error == .cancelled || self.isDead || self.time.now >= deadline { throw error }
                    let chunk = await self.network.chunks(of: self.id)
                    arrival.passedOver.append(.init(source: source.id.name, chunk: chunk, why: error.description))
                }
            }
            try await self.fetch(from: nil, until: deadline, &arrival)
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// - Parameter source: nil: the deployer.
    private func fetch(
        from source: NodeID?, until deadline: MonotonicInstant, _ arrival: inout FileArrival
    ) async throws(HostFailure) {
        var chunk = await self.network.chunks(of: self.id)
        while chunk < ModelledNetwork.imageChunks {
            if let source { try await self.wait(for: chunk, at: source, until: deadline) }
            let arrives = await self.network.send(to: self.id, from: source)
            guard arrives <= deadline else {
                try await self.sleep(deadline - self.time.now)
                throw .timedOut(step: ModelledDeed.image.rawValue, limit: .zero)
            }
            try await self.sleep(arrives - self.time.now)
            if let source {
                guard await self.network.wait(for: chunk, at: source) == .there else {
                    try await self.sleep(min(Self.silence, deadline - self.time.now))
                    throw .unreachable(detail: "no answer from \(source)")
                }
                if await self.network.isDamaged(chunk, at: source) {
                    throw .refused(step: "chunk \(chunk)", words: "it arrived damaged from \(source)")
                }
                arrival.fromHosts[source.name, default: 0] += 1
            } else {
                arrival.fromHere += 1
            }
            chunk += 1
            await self.network.set(chunk, of: self.id)
            if self.faults.contains(.diesWithChunks(chunk)) {
                await self.die()
                try await self.sleep(min(Self.silence, deadline - self.time.now))
                throw .unreachable(detail: "no answer from \(self.id)")
            }
        }
    }

    /// So long a source may have nobody who fetches: it may not have begun yet.
    private static let absence = Duration.seconds(30)
    private static let lookInterval = Duration.milliseconds(100)

    /// Returns when the source has the chunk.
    private func wait(
        for chunk: Int, at source: NodeID, until deadline: MonotonicInstant
    ) async throws(HostFailure) {
        let patience = min(self.time.now + Self.absence, deadline)
        while true {
            switch await self.arrival(of: chunk, at: source, until: deadline) {
            case _ where Task.isCancelled: throw .cancelled
            case .there: return
            case .never where self.time.now < patience: try await self.sleep(Self.lookInterval)
            case .never: throw .refused(step: "chunk \(chunk)", words: "\(source) does not get it")
            case .silent:
                try await self.sleep(min(Self.silence, deadline - self.time.now))
                throw .unreachable(detail: "no answer from \(source)")
            case nil: throw .timedOut(step: ModelledDeed.image.rawValue, limit: .zero)
            }
        }
    }

    /// Nil when the deadline came first.
    private func arrival(
        of chunk: Int, at source: NodeID, until deadline: MonotonicInstant
    ) async -> ModelledNetwork.Wait? {
        let network = self.network
        let time = self.time
        return await withTaskGroup(of: ModelledNetwork.Wait?.self) { group in
            group.addTask { await network.wait(for: chunk, at: source) }
            group.addTask {
                _ = try? await time.sleep(until: deadline)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}

import Basis

/// Files over the modelled network: from other hosts, as far as they live, and from the deployer.
extension ModelledHost {
    package func ensure(
        _ file: SpreadFile, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        let (deadline, held) = (self.time.now + limit, self.held(file.kind))
        let wasThere = self.contents.files[file.kind] == file
        if !wasThere, self.contents.files[file.kind] != nil {
            self.contents.files[file.kind] = nil
            await self.network.set(0, of: held)
        }
        try await self.does(file.kind.deed, within: limit, changing: !wasThere) {}
        await self.network.set(hasEnded: false, held)
        var arrival = FileArrival(wasThere: wasThere)
        if !wasThere {
            await self.network.set(damagedFrom: self.damagedFrom(file.kind), of: held)
            await self.network.set(isFetching: true, held)
            let outcome = await self.outcome(of: file, from: sources, until: deadline, &arrival)
            await self.network.set(isFetching: false, held)
            try outcome.get()
            self.contents.files[file.kind] = file
        }
        if case .image = file, self.spend({ if case .damagesImage = $0 { true } else { false } }) {
            self.contents.files[.image] = nil
            await self.network.set(0, of: held)
            throw .fileCorrupt(expected: file.sha256 ?? "", found: String(repeating: "0", count: 64))
        }
        return arrival
    }

    package func admit(
        _ reader: ExchangeReader, to file: SpreadFile, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant {
        guard !self.isDead else {
            try await self.sleep(min(Self.silence, limit))
            throw .unreachable(detail: "no answer from \(self.id)")
        }
        self.contents.readers[file.kind, default: []].insert(reader.name)
        do throws(InvalidSSHTarget) {
            return ExchangeGrant(target: try SSHTarget(host: self.id.name, user: "modelled"), hostKeys: [])
        } catch {
            throw .refused(step: "letting \(reader.name) in", words: error.description)
        }
    }

    package func endSpread(of kind: SpreadKind, within limit: Duration) async throws(HostFailure) {
        try await self.does(.check, within: limit, changing: self.contents.readers[kind] != nil) {
            self.contents.readers[kind] = nil
        }
        await self.network.set(hasEnded: true, self.held(kind))
    }

    package func remove(_ image: ImageReference, within limit: Duration) async throws(HostFailure) {
        let isThere =
            if case .image(let there)? = self.contents.files[.image] { there.name == image.name } else { false }
        try await self.does(.removal, within: limit, changing: isThere) {
            self.contents.readers[.image] = nil
            if isThere { self.contents.files[.image] = nil }
        }
        await self.network.set(0, of: self.held(.image))
    }

    // MARK: - Inside

    func held(_ kind: SpreadKind) -> ModelledNetwork.Held { ModelledNetwork.Held(kind, by: self.id) }

    private func damagedFrom(_ kind: SpreadKind) -> Int? {
        self.faults.lazy.compactMap { if case .servesDamaged(let chunk, kind) = $0 { chunk } else { nil } }.first
    }

    private func outcome(
        of file: SpreadFile, from sources: [any DeployableHost], until deadline: MonotonicInstant,
        _ arrival: inout FileArrival
    ) async -> Result<Void, HostFailure> {
        do throws(HostFailure) {
            let limit = deadline - self.time.now
            for source in sources {
                do throws(HostFailure) {
                    _ = try await source.admit(
                        ExchangeReader(name: self.id.name, publicKey: ""), to: file, within: limit)
                    try await self.fetch(file.kind, from: source.id, until: deadline, &arrival)
                } catch {
                    if error == .cancelled || self.isDead || self.time.now >= deadline { throw error }
                    let chunk = await self.network.chunks(of: self.held(file.kind))
                    arrival.passedOver.append(.init(source: source.id.name, chunk: chunk, why: error.description))
                }
            }
            try await self.fetch(file.kind, from: nil, until: deadline, &arrival)
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// - Parameter source: nil: the deployer.
    private func fetch(
        _ kind: SpreadKind, from source: NodeID?, until deadline: MonotonicInstant, _ arrival: inout FileArrival
    ) async throws(HostFailure) {
        var chunk = await self.network.chunks(of: self.held(kind))
        let other = source.map { ModelledNetwork.Held(kind, by: $0) }
        while chunk < ModelledNetwork.chunks(of: kind) {
            if let other { try await self.wait(for: chunk, at: other, until: deadline) }
            let arrives = await self.network.send(to: self.id, from: source)
            guard arrives <= deadline else {
                try await self.sleep(deadline - self.time.now)
                throw .timedOut(step: kind.deed.rawValue, limit: .zero)
            }
            try await self.sleep(arrives - self.time.now)
            if let other, let source {
                guard await self.network.wait(for: chunk, at: other) == .there else {
                    try await self.sleep(min(Self.silence, deadline - self.time.now))
                    throw .unreachable(detail: "no answer from \(source)")
                }
                if await self.network.isDamaged(chunk, at: other) {
                    throw .refused(step: "chunk \(chunk)", words: "it arrived damaged from \(source)")
                }
                arrival.fromHosts[source.name, default: 0] += 1
            } else {
                arrival.fromHere += 1
            }
            chunk += 1
            await self.network.set(chunk, of: self.held(kind))
            if self.faults.contains(.diesWithChunks(chunk, of: kind)) {
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
        for chunk: Int, at source: ModelledNetwork.Held, until deadline: MonotonicInstant
    ) async throws(HostFailure) {
        let patience = min(self.time.now + Self.absence, deadline)
        while true {
            switch await self.arrival(of: chunk, at: source, until: deadline) {
            case _ where Task.isCancelled: throw .cancelled
            case .there: return
            case .never where self.time.now < patience: try await self.sleep(Self.lookInterval)
            case .never: throw .refused(step: "chunk \(chunk)", words: "\(source.host) does not get it")
            case .silent:
                try await self.sleep(min(Self.silence, deadline - self.time.now))
                throw .unreachable(detail: "no answer from \(source.host)")
            case nil: throw .timedOut(step: source.kind.deed.rawValue, limit: .zero)
            }
        }
    }

    /// Nil when the deadline came first.
    private func arrival(
        of chunk: Int, at source: ModelledNetwork.Held, until deadline: MonotonicInstant
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

extension SpreadKind {
    fileprivate var deed: ModelledDeed {
        switch self {
        case .image: .image
        case .agentProgram: .program
        }
    }
}

import Basis

/// How hosts get files from each other.
package struct SpreadAccess: Sendable {
    /// Of files on this machine; one for all hosts, so that each file is read once.
    package var manifests: FileManifests
    /// Where other hosts find this one; nil: they get nothing from it.
    package var entrance: FileExchange.Entrance?
    /// On the host; nil: `~/.ssh/authorized_keys`.
    package var authorizedKeysFile: String?
    package var limits: ExchangeLimits

    package init(
        manifests: FileManifests = FileManifests(), entrance: FileExchange.Entrance? = nil,
        authorizedKeysFile: String? = nil, limits: ExchangeLimits = ExchangeLimits()
    ) {
        self.manifests = manifests
        self.entrance = entrance
        self.authorizedKeysFile = authorizedKeysFile
        self.limits = limits
    }
}

extension ShellHost {
    package func ensure(
        _ file: SpreadFile, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        let step = "copying \(file.kind.words)"
        let place = try self.place(of: file)
        let began = self.shell.time.now
        if case .agentProgram = file {
            try await self.run(step, AgentScripts.makeFolder, [self.agentFolder], within: limit)
        }
        let offer: OfferedFile
        do throws(HostFailure) {
            offer = try await self.offered(file)
        } catch {
            // The file may be gone by now from this machine, and it may be on the host.
            let present = try await self.run(step, HostScripts.fileSum, [place.path], within: limit)
            guard let wanted = file.sha256, present.filter({ !$0.isNewline }) == wanted else { throw error }
            return FileArrival(wasThere: true)
        }
        let admissions = sources.map { source in
            let limit = self.access.limits.connect * 2
            return ExchangeSource(name: source.id.name) { reader in
                do throws(HostFailure) {
                    return .success(try await source.admit(reader, to: file, within: limit))
                } catch {
                    return .failure(ExchangeRefusal(why: error.description))
                }
            }
        }
        do throws(HostShellFailure) {
            return try await self.exchange(of: file.kind).obtain(
                offer, as: self.id.name, from: admissions, within: limit - (self.shell.time.now - began))
        } catch {
            throw HostFailure(error, step: step)
        }
    }

    package func admit(
        _ reader: ExchangeReader, to file: SpreadFile, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant {
        let offer = try await self.offered(file)
        do throws(HostShellFailure) {
            return try await self.exchange(of: file.kind).admit(reader, to: offer, within: limit)
        } catch {
            throw HostFailure(error, step: "letting \(reader.name) fetch \(file.kind.words)")
        }
    }

    package func endSpread(of kind: SpreadKind, within limit: Duration) async throws(HostFailure) {
        do throws(HostShellFailure) {
            try await self.exchange(of: kind).end(within: limit)
        } catch {
            throw HostFailure(error, step: "ending the spread of \(kind.words)")
        }
    }

    package func remove(_ image: ImageReference, within limit: Duration) async throws(HostFailure) {
        try self.check([image.name], step: "removing the image")
        try await self.endSpread(of: .image, within: limit)
        try await self.run(
            "removing the image", #"rm -f -- "$1" "$1".*.part"#, [self.path(of: image)], within: limit)
    }

    private func exchange(of kind: SpreadKind) throws(HostShellFailure) -> FileExchange {
        try FileExchange(
            shell: self.shell,
            place: FileExchange.Place(
                folder: "\(self.folder)/\(kind.folder)", mark: "dvms-\(kind.folder):\(self.deployment):",
                authorizedKeysFile: self.access.authorizedKeysFile, entrance: self.access.entrance),
            limits: self.access.limits)
    }

    /// Where the file is used on the host, and its permissions.
    private func place(of file: SpreadFile) throws(HostFailure) -> (path: String, mode: Int) {
        switch file {
        case .image(let image):
            try self.check([image.name], step: "copying the image")
            return (self.path(of: image), 0o644)
        case .agentProgram:
            return ("\(self.agentFolder)/dvmsd", 0o755)
        }
    }

    /// - Throws: ``HostFailure/fileCorrupt(expected:found:)`` when what is here is not the file that is named.
    private func offered(_ file: SpreadFile) async throws(HostFailure) -> OfferedFile {
        let place = try self.place(of: file)
        do throws(HostShellFailure) {
            let manifest = try await self.access.manifests.manifest(of: file.path)
            guard manifest.digest == file.sha256 ?? manifest.digest else {
                throw .transferDamaged(path: file.path, expected: file.sha256 ?? "", found: manifest.digest)
            }
            return OfferedFile(path: file.path, manifest: manifest, destination: place.path, mode: place.mode)
        } catch {
            throw HostFailure(error, step: "copying \(file.kind.words)")
        }
    }
}

extension SpreadKind {
    /// In the deployment's folder on hosts, and in the marks of its keys there. Not in the agent's own folder, as a host may be
    /// asked to let others in before that is made.
    fileprivate var folder: String {
        switch self {
        case .image: "spread"
        case .agentProgram: "agent-spread"
        }
    }
}

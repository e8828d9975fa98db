import Basis

/// How hosts get images from each other.
package struct ImageAccess: Sendable {
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
    private static let imageStep = "copying the image"

    package func ensure(
        _ image: ImageReference, from sources: [any DeployableHost], within limit: Duration
    ) async throws(HostFailure) -> FileArrival {
        try self.check([image.name], step: Self.imageStep)
        let began = self.shell.time.now
        let file: OfferedFile
        do throws(HostFailure) {
            file = try await self.offered(image)
        } catch {
            // The file may be gone by now from this machine, and it may be on the host.
            let present = try await self.run(
                Self.imageStep, HostScripts.imageSum, [self.path(of: image)], within: limit)
            guard let wanted = image.sha256, present.filter({ !$0.isNewline }) == wanted else { throw error }
            return FileArrival(wasThere: true)
        }
        let admissions = sources.map { source in
            let limit = self.images.limits.connect * 2
            return ExchangeSource(name: source.id.name) { reader in
                do throws(HostFailure) {
                    return .success(try await source.admit(reader, to: image, within: limit))
                } catch {
                    return .failure(ExchangeRefusal(why: error.description))
                }
            }
        }
        do throws(HostShellFailure) {
            return try await self.exchange().obtain(
                file, as: self.id.name, from: admissions, within: limit - (self.shell.time.now - began))
        } catch {
            throw HostFailure(error, step: Self.imageStep)
        }
    }

    package func admit(
        _ reader: ExchangeReader, to image: ImageReference, within limit: Duration
    ) async throws(HostFailure) -> ExchangeGrant {
        try self.check([image.name], step: Self.imageStep)
        let file = try await self.offered(image)
        do throws(HostShellFailure) {
            return try await self.exchange().admit(reader, to: file, within: limit)
        } catch {
            throw HostFailure(error, step: "letting \(reader.name) fetch the image")
        }
    }

    package func endSpread(within limit: Duration) async throws(HostFailure) {
        do throws(HostShellFailure) {
            try await self.exchange().end(within: limit)
        } catch {
            throw HostFailure(error, step: "ending the spread of the image")
        }
    }

    package func remove(_ image: ImageReference, within limit: Duration) async throws(HostFailure) {
        try self.check([image.name], step: "removing the image")
        try await self.endSpread(within: limit)
        try await self.run(
            "removing the image", #"rm -f -- "$1" "$1".*.part"#, [self.path(of: image)], within: limit)
    }

    private func exchange() throws(HostShellFailure) -> FileExchange {
        try FileExchange(
            shell: self.shell,
            place: FileExchange.Place(
                folder: "\(self.folder)/spread", mark: "dvms-spread:\(self.deployment):",
                authorizedKeysFile: self.images.authorizedKeysFile, entrance: self.images.entrance),
            limits: self.images.limits)
    }

    /// - Throws: ``HostFailure/imageCorrupt(expected:found:)`` when the file is not the one that the fleet names.
    private func offered(_ image: ImageReference) async throws(HostFailure) -> OfferedFile {
        do throws(HostShellFailure) {
            let manifest = try await self.images.manifests.manifest(of: image.file)
            guard manifest.digest == image.sha256 ?? manifest.digest else {
                throw .transferDamaged(path: image.file, expected: image.sha256 ?? "", found: manifest.digest)
            }
            return OfferedFile(path: image.file, manifest: manifest, destination: self.path(of: image), mode: 0o644)
        } catch {
            throw HostFailure(error, step: Self.imageStep)
        }
    }
}

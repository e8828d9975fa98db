/// A file of this machine that hosts are to have.
package struct OfferedFile: Hashable, Sendable {
    /// On this machine.
    package var path: String
    package var manifest: FileManifest
    /// On the host: absolute, in a folder that exists.
    package var destination: String
    /// Permissions, as of `chmod`, for instance 0o644.
    package var mode: Int

    package init(path: String, manifest: FileManifest, destination: String, mode: Int) {
        self.path = path
        self.manifest = manifest
        self.destination = destination
        self.mode = mode
    }
}

/// A host that wants to fetch from another one.
package struct ExchangeReader: Hashable, Sendable {
    /// Letters, digits, `.`, `_` and `-`.
    package var name: String
    /// Type and base64, without a comment.
    package var publicKey: String

    package init(name: String, publicKey: String) {
        self.name = name
        self.publicKey = publicKey
    }
}

/// How a reader comes to a source that lets it in.
package struct ExchangeGrant: Hashable, Sendable {
    package var target: SSHTarget
    /// Lines of a known_hosts file.
    package var hostKeys: [String]

    package init(target: SSHTarget, hostKeys: [String]) {
        self.target = target
        self.hostKeys = hostKeys
    }
}

/// Why a source does not let a reader in.
package struct ExchangeRefusal: Error, Hashable, Sendable {
    package var why: String

    package init(why: String) {
        self.why = why
    }
}

/// A host that may have the file, and how it is asked to let another one in.
package struct ExchangeSource: Sendable {
    package var name: String
    package var admit: @Sendable (ExchangeReader) async -> Result<ExchangeGrant, ExchangeRefusal>

    package init(
        name: String, admit: @escaping @Sendable (ExchangeReader) async -> Result<ExchangeGrant, ExchangeRefusal>
    ) {
        self.name = name
        self.admit = admit
    }
}

/// Where the chunks of a file came from.
package struct FileArrival: Hashable, Sendable {
    /// The whole file was there before.
    package var wasThere: Bool
    /// How many chunks came from which host.
    package var fromHosts: [String: Int] = [:]
    /// How many came from the deployer.
    package var fromHere = 0
    /// Sources that did not give all that they were asked, in their order.
    package var passedOver: [PassedOver] = []

    package struct PassedOver: Hashable, Sendable {
        package var source: String
        /// From which on the next source was used.
        package var chunk: Int
        package var why: String

        package init(source: String, chunk: Int, why: String) {
            self.source = source
            self.chunk = chunk
            self.why = why
        }
    }

    package init(wasThere: Bool = false) {
        self.wasThere = wasThere
    }
}

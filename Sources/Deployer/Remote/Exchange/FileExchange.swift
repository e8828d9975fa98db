import Basis

/// One host's part in bringing a file to many: it gets chunks from other hosts or from here, and lets others have them.
///
/// A value acts for one folder on one host, which it makes and takes away. Everything may be run again at any time.
package struct FileExchange: Sendable {
    private let shell: any HostShell
    private let place: Place
    private let limits: ExchangeLimits

    /// Where on the host, and how other hosts come there.
    package struct Place: Hashable, Sendable {
        /// On the host, absolute, for this purpose alone; of letters, digits, `/`, `.`, `_` and `-`.
        package var folder: String
        /// In the lines that let others in: what all lines of this folder have, of letters, digits, `.`, `_`, `:` and `-`.
        package var mark: String
        /// The file of authorised keys on the host; nil: `~/.ssh/authorized_keys`.
        package var authorizedKeysFile: String?
        /// Nil: no other host is let in.
        package var entrance: Entrance?

        package init(folder: String, mark: String, authorizedKeysFile: String? = nil, entrance: Entrance? = nil) {
            self.folder = folder
            self.mark = mark
            self.authorizedKeysFile = authorizedKeysFile
            self.entrance = entrance
        }
    }

    /// Where its sshd is, and which file of this machine vouches for it.
    package struct Entrance: Hashable, Sendable {
        package var target: SSHTarget
        package var knownHostsFile: String

        package init(target: SSHTarget, knownHostsFile: String) {
            self.target = target
            self.knownHostsFile = knownHostsFile
        }
    }

    /// - Throws: ``HostShellFailure/couldNotStart(detail:)`` for a folder or a mark that cannot stand in a line of authorised keys.
    package init(
        shell: any HostShell, place: Place, limits: ExchangeLimits = ExchangeLimits()
    ) throws(HostShellFailure) {
        for text in [place.folder, place.mark] where !Self.isPlain(text) {
            throw .couldNotStart(detail: "'\(ShellQuote.shown(text))' cannot stand in a file of authorised keys")
        }
        self.shell = shell
        self.place = place
        self.limits = limits
    }

    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0.isOfName || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }
    }

    // MARK: - Getting the file

    /// Has the file on the host, whole, in place of what was there: from `sources` in their order, and the rest from here.
    ///
    /// - Parameter sources: other hosts that have it, or get it at the same time, as often as there are; each is asked to let this
    ///   host in, and passed over when it does not.
    package func obtain(
        _ file: OfferedFile, as reader: String, from sources: [ExchangeSource], within limit: Duration
    ) async throws(HostShellFailure) -> FileArrival {
        let deadline = self.shell.time.now + limit
        let wantsKey = !sources.isEmpty
        var answer = try await self.ask(
            ExchangeScripts.begin, about: file, arguments: wantsKey ? ["key"] : [],
            input: .bytes(Array(file.manifest.text.utf8)), until: deadline)
        var arrival = FileArrival(wasThere: answer.isComplete)
        if let first = answer.missing.first, wantsKey {
            let open = await self.grants(of: sources, to: reader, key: answer.publicKey, from: first, &arrival)
            if !open.isEmpty { answer = try await self.fetch(file, from: open, until: deadline, &arrival) }
        }
        if !answer.isComplete {
            arrival.fromHere = answer.missing.count
            answer = try await self.ask(
                ExchangeScripts.push, about: file,
                arguments: ["\(answer.missing.count)", "\(ExchangeLimits.seconds(self.left(until: deadline)))"],
                input: .ranges(answer.missing.map(file.manifest.announced), of: file.path), until: deadline)
        }
        guard answer.isComplete else {
            throw .transferRefused(path: file.destination, words: "\(answer.missing.count) chunks did not arrive")
        }
        return arrival
    }

    /// Those of OpenSSH's own choice, the ones first for which processors have instructions.
    private static let ciphers =
        "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr"

    private func fetch(
        _ file: OfferedFile, from sources: [(name: String, grant: ExchangeGrant)], until deadline: MonotonicInstant,
        _ arrival: inout FileArrival
    ) async throws(HostShellFailure) -> ExchangeAnswer {
        let options = try OpenSSHOptions(
            identityFile: "\(self.place.folder)/key", knownHostsFile: "\(self.place.folder)/known_hosts",
            connectLimit: self.limits.connect)
        let calls = sources.enumerated().map { number, source in
            let target = source.grant.target
            return ExchangeScripts.from(
                number,
                ["ssh"] + options.arguments(for: target) + [
                    "-S", "none", "-c", Self.ciphers, "--", target.host, "serve",
                ])
        }
        let hostKeys = sources.flatMap(\.grant.hostKeys).map { $0 + "\n" }.joined()
        let answer = try await self.ask(
            ExchangeScripts.fetch + calls.joined() + ExchangeScripts.finish, about: file,
            arguments: [
                "\(ExchangeLimits.seconds(self.limits.silence))", "\(ExchangeLimits.seconds(self.limits.chunk))",
                "\(ExchangeLimits.beats(self.limits.waiting))",
            ],
            input: .bytes(Array(hostKeys.utf8)), until: deadline)
        for (number, count) in answer.got where sources.indices.contains(number) {
            arrival.fromHosts[sources[number].name, default: 0] += count
        }
        arrival.passedOver += answer.passedOver.filter { sources.indices.contains($0.source) }.map {
            FileArrival.PassedOver(source: sources[$0.source].name, chunk: $0.chunk, why: $0.why)
        }
        return answer
    }

    /// Of those sources that let this host in; the others are passed over. All are asked at once: one that is silent holds up no
    /// other.
    ///
    /// - Parameter key: nil: the host could not make one.
    private func grants(
        of sources: [ExchangeSource], to reader: String, key: String?, from chunk: Int, _ arrival: inout FileArrival
    ) async -> [(name: String, grant: ExchangeGrant)] {
        let noKey = ExchangeRefusal(why: "the host has no ssh to fetch with, or its key is none")
        let answers = await withTaskGroup(of: (Int, Result<ExchangeGrant, ExchangeRefusal>).self) { group in
            var answers = [Result<ExchangeGrant, ExchangeRefusal>](repeating: .failure(noKey), count: sources.count)
            guard let key else { return answers }
            for (index, source) in sources.enumerated() {
                group.addTask { (index, await source.admit(ExchangeReader(name: reader, publicKey: key))) }
            }
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
        var open: [(name: String, grant: ExchangeGrant)] = []
        for (source, answer) in zip(sources, answers) {
            switch answer {
            case .success(let grant): open.append((source.name, grant))
            case .failure(let refusal):
                arrival.passedOver.append(.init(source: source.name, chunk: chunk, why: refusal.why))
            }
        }
        return open
    }

    // MARK: - Letting others have it

    /// Lets another host fetch the file, and nothing else, until ``end(within:)``.
    ///
    /// - Returns: how it comes here.
    package func admit(
        _ reader: ExchangeReader, to file: OfferedFile, within limit: Duration
    ) async throws(HostShellFailure) -> ExchangeGrant {
        guard let entrance = self.place.entrance else {
            throw .couldNotStart(detail: "other hosts have no way to this one")
        }
        guard Self.isPlain(reader.name) else {
            throw .couldNotStart(detail: "'\(ShellQuote.shown(reader.name))' cannot stand in a file of authorised keys")
        }
        let hostKeys = try await self.hostKeys(of: entrance)
        _ = try await self.ask(
            ExchangeScripts.admit, about: file,
            arguments: [
                self.place.authorizedKeysFile ?? "", "\(self.place.mark)\(reader.name)", reader.publicKey,
                ExchangeScripts.serve, "\(ExchangeLimits.beats(self.limits.absence))",
            ],
            until: self.shell.time.now + limit)
        return ExchangeGrant(target: entrance.target, hostKeys: hostKeys)
    }

    /// The lines of this machine's known_hosts that vouch for the host, as another one needs them.
    private func hostKeys(of entrance: Entrance) async throws(HostShellFailure) -> [String] {
        let target = entrance.target
        let name = target.port == SSHTarget.portByDefault ? target.host : "[\(target.host)]:\(target.port)"
        let found = try await LocalShell(time: self.shell.time).run(
            HostCommand(
                script: #"ssh-keygen -F "$1" -f "$2""#, arguments: [name, entrance.knownHostsFile],
                limit: self.limits.connect))
        let lines = found.outputText.split(whereSeparator: \.isNewline).map(String.init)
        let keys = lines.filter { !$0.hasPrefix("#") && $0.utf8.count < Self.hostKeyBytesMax }
        guard !keys.isEmpty else {
            throw .hostKeyUnknown(host: target.host, port: target.port, knownHosts: entrance.knownHostsFile)
        }
        return keys
    }

    /// Of one line; an RSA key of 16384 bits has 2,800.
    private static let hostKeyBytesMax = 8_192

    /// Takes back what this type did on the host, but for the file itself: keys, lines of authorised keys, chunks.
    package func end(within limit: Duration) async throws(HostShellFailure) {
        let result = try await self.shell.run(
            HostCommand(
                script: ExchangeScripts.end,
                arguments: [self.place.folder, self.place.authorizedKeysFile ?? "", self.place.mark], limit: limit))
        guard result.isSuccess else {
            throw .transferRefused(path: self.place.folder, words: ShellQuote.shown(result.errorText))
        }
    }

    // MARK: - Inside

    private func left(until deadline: MonotonicInstant) -> Duration {
        max(deadline - self.shell.time.now, .seconds(1))
    }

    private func ask(
        _ script: String, about file: OfferedFile, arguments: [String], input: HostCommand.Input = .none,
        until deadline: MonotonicInstant
    ) async throws(HostShellFailure) -> ExchangeAnswer {
        let manifest = file.manifest
        let facts = [
            self.place.folder, manifest.digest, "\(manifest.byteCount)", "\(manifest.chunkBytes)",
            "\(manifest.chunkCount)", file.destination, String(file.mode, radix: 8),
        ]
        let result = try await self.shell.run(
            HostCommand(
                script: script, arguments: facts + arguments, input: input, limit: self.left(until: deadline)))
        let answer = ExchangeAnswer(result.outputText)
        if result.ending == .exited(ExchangeScripts.damagedStatus), let found = answer.damagedDigest {
            throw .transferDamaged(path: file.destination, expected: manifest.digest, found: found)
        }
        guard result.isSuccess else {
            let words = result.errors.isEmpty ? result.ending.description : ShellQuote.shown(result.errorText)
            throw .transferRefused(path: file.destination, words: words)
        }
        return answer
    }
}

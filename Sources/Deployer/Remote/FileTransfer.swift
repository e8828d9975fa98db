import Basis
import Glibc

/// Files to and from a host, over whatever its shell is carried by.
extension HostShell {
    /// Copies a file of this machine to the host. Whoever looks there sees the old file or the new one, never a part.
    ///
    /// - Parameters:
    ///   - file: on this machine.
    ///   - destination: absolute, in a folder that exists.
    ///   - mode: permissions, as of `chmod`, for instance 0o644.
    ///   - limit: for the whole of it.
    /// - Returns: the SHA-256 of what arrived, in hexadecimal.
    @discardableResult
    package func put(
        _ file: String, to destination: String, mode: Int, limit: Duration
    ) async throws(HostShellFailure) -> String {
        let digest = try LocalFile.digest(of: file)
        let result = try await self.run(
            HostCommand(
                script: TransferScripts.put, arguments: [destination, digest, String(mode, radix: 8)],
                input: .file(file), limit: limit))
        guard !result.isSuccess else { return digest }
        if result.ending == .exited(TransferScripts.damagedStatus) {
            throw .transferDamaged(path: destination, expected: digest, found: result.outputText)
        }
        throw .transferRefused(path: destination, words: ShellQuote.shown(result.errorText))
    }

    /// Copies a file of the host to this machine, in the same way.
    ///
    /// - Returns: the SHA-256 of what arrived, in hexadecimal.
    @discardableResult
    package func get(
        _ source: String, to file: String, limit: Duration
    ) async throws(HostShellFailure) -> String {
        let part = "\(file).\(CommandEnvelope.freshNonce()).part"
        defer { unlink(part) }
        let result = try await self.run(
            HostCommand(script: TransferScripts.get, arguments: [source], output: .file(part), limit: limit))
        guard result.isSuccess else {
            throw .transferRefused(path: source, words: ShellQuote.shown(result.errorText))
        }
        let expected = String(result.errorText.prefix { $0 != " " })
        let found = try LocalFile.digest(of: part)
        guard found == expected else { throw .transferDamaged(path: file, expected: expected, found: found) }
        guard rename(part, file) == 0 else {
            throw .transferRefused(path: file, words: String(cString: strerror(errno)))
        }
        return found
    }
}

private enum TransferScripts {
    /// What arrived is not what was sent.
    static let damagedStatus = 65

    /// `$1` destination, `$2` SHA-256, `$3` mode. A connection that breaks ends the input early: then the sum differs,
    /// and the part is taken away.
    static let put = #"""
        case $1 in /*) ;; *) echo "not an absolute path" >&2; exit 64 ;; esac
        if [ -d "$1" ]; then echo "a folder is there" >&2; exit 73; fi
        umask 077
        part=$(mktemp "$1.XXXXXX") || exit 73
        trap 'rm -f "$part"' EXIT
        trap 'exit 75' HUP INT TERM PIPE
        cat >"$part" || exit 73
        sum=$(sha256sum <"$part") || exit 73
        sum=${sum%% *}
        if [ "$sum" != "$2" ]; then printf %s "$sum"; exit 65; fi
        chmod "$3" "$part" && mv -f "$part" "$1" || exit 73
        """#

    /// `$1` source. The sum is taken of what was read, by reading it again: a file that changes meanwhile is found out.
    static let get = #"""
        if [ ! -f "$1" ]; then echo "no such file" >&2; exit 66; fi
        cat <"$1" && sha256sum <"$1" >&2
        """#
}

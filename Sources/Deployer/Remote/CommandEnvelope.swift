import Basis

/// How a script travels to a shell on the other side of two pipes, and how its end comes back.
///
/// The script goes ahead of the command's own input, so that it needs no place in a command line that a login shell of
/// any kind reads first, and is not limited by it. It ends with a mark: a script of which only the beginning arrived is
/// not run. The beginning and the end of the command are told in marks on *both* streams, before the first byte and after
/// the last byte of each. So what a login shell prints when it starts is not taken for the command's, an exit status 255
/// of a command is not taken for a failure of ssh, a connection that breaks is not taken for an end, and a process that
/// the command left in the background holds nobody up.
package struct CommandEnvelope: Sendable {
    /// Between the time limit and the end by force, on the host.
    package static let killGrace = Duration.seconds(5)

    /// What ``HostCommand`` is to be carried.
    private let command: HostCommand
    /// 32 hexadecimal digits that no output holds by chance.
    package let nonce: String

    package init(_ command: HostCommand, nonce: String = Self.freshNonce()) {
        self.command = command
        self.nonce = nonce
    }

    /// From the system's generator: it decides nothing, and must only differ from all others.
    package static func freshNonce() -> String {
        (0..<2).map { _ in
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// What the host's `/bin/sh` runs: tells that it begins, reads the script, runs it under `timeout`, tells its end.
    ///
    /// Without single quotes and newlines, so that it stands in single quotes for any login shell. Its own messages,
    /// such as that a child was killed, go nowhere; the command's errors go where descriptor 3 leads.
    private static let receiver = #"""
        exec 3>&2 2>/dev/null; m() { printf "\036%s %03d\n" "$1" "$2"; printf "\036%s %03d\n" "$1" "$2" >&3; }; \#
        m "$2" 998; s=$(head -c "$1"); r=999; \#
        case $s in *"#$2") timeout -k 5 "$3" /bin/sh -c "${s%"#$2"}"; r=$?;; esac; m "$2" "$r"
        """#

    private var sealedScript: String {
        let arguments = self.command.arguments.isEmpty ? "" : "set -- \(ShellQuote.words(self.command.arguments))\n"
        return "exec 2>&3 3>&-\n\(arguments)\(self.command.script)\n#\(self.nonce)"
    }

    /// The command line for a shell to start with: `/bin/sh` and its arguments.
    package var words: [String] {
        let seconds = max(1, (self.command.limit.inMilliseconds + 999) / 1_000)
        return ["/bin/sh", "-c", Self.receiver, "dvms", "\(self.sealedScript.utf8.count)", self.nonce, "\(seconds)"]
    }

    /// The bytes ahead of the command's own input.
    ///
    /// - Throws: ``HostShellFailure/scriptTooLong(bytes:bytesMax:)``.
    package func head() throws(HostShellFailure) -> [UInt8] {
        let script = Array(self.sealedScript.utf8)
        guard script.count <= HostCommand.scriptBytesMax else {
            throw .scriptTooLong(bytes: script.count, bytesMax: HostCommand.scriptBytesMax)
        }
        return script
    }
}

/// One stream of an enveloped command, read piece by piece until its end mark.
package struct EnvelopedStream: Sendable {
    private static let markStart: UInt8 = 0x1E
    /// In place of the status in the mark before the command: no command ends with it.
    private static let beginning = 998

    /// The mark without its status.
    private let mark: [UInt8]
    /// Bytes that may be the beginning of the mark; fewer than it has.
    private var pending: [UInt8] = []
    /// Whether the command has begun: what came before is not its own.
    package private(set) var hasBegun = false
    /// As the shell has it in `$?`; nil before the end mark has come.
    package private(set) var status: Int?

    /// - Parameter nonce: of 32 digits.
    package init(nonce: String) {
        precondition(nonce.utf8.count == 32, "a nonce has 32 digits")
        self.mark = [Self.markStart] + Array(nonce.utf8) + [UInt8(ascii: " ")]
    }

    /// Of a whole mark: its first byte, the nonce, a blank, three digits and a newline.
    package static let markByteCount = 1 + 32 + 1 + 3 + 1

    /// Takes what came, and gives the bytes of the command that are known to be none of a mark. What comes after the end
    /// mark belongs to nobody; nor does what was given until ``hasBegun`` became true.
    package mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        guard self.status == nil else { return [] }
        let held = self.pending.isEmpty ? bytes : self.pending + bytes
        self.pending = []
        var searched = 0
        while let start = held[searched...].firstIndex(of: Self.markStart) {
            let rest = held[start...].prefix(Self.markByteCount)
            if rest.count == Self.markByteCount, let status = self.status(in: rest) {
                if status == Self.beginning, !self.hasBegun {
                    self.hasBegun = true
                    return self.take(Array(held[rest.endIndex...]))
                }
                self.status = status
                return Array(held[..<start])
            }
            if rest.count < Self.markByteCount, zip(rest, self.mark).allSatisfy({ $0 == $1 }) {
                self.pending = Array(rest)
                return Array(held[..<start])
            }
            searched = start + 1
        }
        return held
    }

    /// The stream is over: what was held back was none of the mark, unless that came.
    package mutating func finish() -> [UInt8] {
        defer { self.pending = [] }
        return self.pending
    }

    private func status(in sealed: ArraySlice<UInt8>) -> Int? {
        guard sealed.starts(with: self.mark) else { return nil }
        let digits = sealed.dropFirst(self.mark.count)
        guard digits.last == UInt8(ascii: "\n") else { return nil }
        return Int(String(decoding: digits.dropLast(), as: UTF8.self))
    }
}

/// The first bytes of a stream, and how many more there were.
package struct KeptBytes: Sendable {
    package private(set) var bytes: [UInt8] = []
    package private(set) var droppedCount = 0
    private let bytesMax: Int

    package init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    package mutating func append(_ more: [UInt8]) {
        let room = max(0, self.bytesMax - self.bytes.count)
        self.bytes += more.prefix(room)
        self.droppedCount += max(0, more.count - room)
    }
}

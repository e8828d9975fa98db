/// What a head is given to run a command on itself and on the other hosts of its branch, and how its answer is read.
///
/// Nothing is installed: the relay is a script of POSIX shell that calls the head's own ssh. Each host gets the same
/// envelope as from a direct connection, so its end is told as surely, and bytes come through as they are.
package struct Relay: Sendable {
    /// For connecting from the head, and for telling, beyond the command's own limit.
    private static let margin = Duration.seconds(30)

    private let command: HostCommand
    private let envelope: CommandEnvelope

    package init(_ command: HostCommand, nonce: String = CommandEnvelope.freshNonce()) {
        self.command = command
        self.envelope = CommandEnvelope(command, nonce: nonce)
    }

    /// The command for the head.
    ///
    /// - Parameters:
    ///   - children: where the head finds them; the head itself is number 0 of the answer, they are 1 and so on.
    ///   - options: of the head's own ssh; its paths are those of the head.
    package func command(
        for children: [SSHTarget], options: OpenSSHOptions
    ) throws(HostShellFailure) -> HostCommand {
        let input: [UInt8]
        switch self.command.input {
        case .none: input = []
        case .bytes(let bytes): input = bytes
        case .file, .ranges: throw .couldNotStart(detail: "a relay takes no file as input")
        }
        let starts = children.enumerated().map { index, target in
            let words = ["ssh"] + options.arguments(for: target) + ["-S", "none", "--", target.host]
            return "one \(index + 1) \(ShellQuote.words(words)) \"$remote\" &\n"
        }.joined()
        let tellings = (0...children.count).map { "tell \($0)\n" }.joined()
        let script = Self.head + starts + "one 0 \(ShellQuote.words(self.envelope.words)) &\nwait\n" + tellings
        let limit = self.command.limit + CommandEnvelope.killGrace + Self.margin
        return HostCommand(
            script: script,
            arguments: [
                "exec \(ShellQuote.words(self.envelope.words))",
                "\(self.command.outputBytesMax + EnvelopedStream.markByteCount)",
                "\(EnvelopedStream.markByteCount)",
            ],
            input: .bytes(try self.envelope.head() + input), limit: limit,
            outputBytesMax: (children.count + 1) * 2 * (self.command.outputBytesMax + RelayAnswer.overheadBytesMax))
    }

    /// `$1` what a child's login shell runs, `$2` bytes that are kept of a stream with the mark ahead of it, `$3` bytes of the
    /// mark behind it.
    private static let head = #"""
        command -v ssh >/dev/null || exit 69
        work=$(mktemp -d) || exit 73
        trap 'rm -rf "$work"' EXIT
        trap 'exit 75' HUP INT TERM PIPE
        cat >"$work/in"
        remote=$1 kept=$2 mark=$3
        one() {
            number=$1 begun=$(date +%s)
            shift
            "$@" <"$work/in" >"$work/$number.out" 2>"$work/$number.err"
            echo $(($(date +%s) - begun)) >"$work/$number.seconds"
        }
        part() {
            if [ "$2" -le $((kept + mark)) ]; then cat "$1"; else head -c "$kept" "$1"; tail -c "$mark" "$1"; fi
        }
        tell() {
            out=$(($(wc -c <"$work/$1.out"))) err=$(($(wc -c <"$work/$1.err")))
            printf 'host %d %d %d %d\n' "$1" "$(cat "$work/$1.seconds")" "$out" "$err"
            part "$work/$1.out" "$out"
            part "$work/$1.err" "$err"
        }

        """#

    /// What the head said of one host; nil when it said nothing of it, or not all.
    ///
    /// - Parameter failure: what ssh's words mean for this host.
    package func outcome(
        of record: RelayAnswer.Record?, failure: (String) -> HostShellFailure
    ) -> HostReport.Outcome? {
        guard let record else { return nil }
        let streams = [record.output, record.errors].map { part -> (bytes: [UInt8], status: Int?) in
            var stream = EnvelopedStream(nonce: self.envelope.nonce)
            let bytes = stream.take(part.bytes)
            return (bytes + stream.finish(), stream.status)
        }
        guard let status = streams[0].status, streams[1].status == status, status <= 255 else {
            return .failed(failure(String(decoding: streams[1].bytes, as: UTF8.self)))
        }
        let duration = Duration.seconds(record.seconds)
        if [124, 137].contains(status), duration >= self.command.limit {
            return .failed(.timedOut(limit: self.command.limit, mayStillRun: false))
        }
        return .ended(
            CommandResult(
                ending: CommandEnding(shellStatus: status), output: streams[0].bytes,
                outputBytesDropped: record.output.dropped, errors: streams[1].bytes,
                errorBytesDropped: record.errors.dropped, duration: duration))
    }

    package func answer(in bytes: [UInt8]) -> RelayAnswer {
        RelayAnswer(bytes, keptBytes: self.command.outputBytesMax + 2 * EnvelopedStream.markByteCount)
    }
}

/// What a head tells of the hosts of its branch: `host <number> <seconds> <bytes> <bytes>`, then as many of each stream as are
/// kept. Total: of any bytes those records are read that are whole.
package struct RelayAnswer: Sendable {
    /// Of one record, besides the streams: the line and four marks.
    static let overheadBytesMax = 256

    /// Of any number in a line: no stream is as long, and so few of them can be added without a thought.
    private static let numberMax = 1 << 53

    package struct Part: Hashable, Sendable {
        package var bytes: [UInt8]
        /// How many more there were.
        package var dropped: Int
    }

    package struct Record: Hashable, Sendable {
        /// From the start of the head's ssh to its end.
        package var seconds: Int
        package var output: Part
        package var errors: Part
    }

    /// By number; 0 is the head.
    package private(set) var records: [Int: Record] = [:]

    /// - Parameter keptBytes: the most that is sent of a stream.
    package init(_ bytes: [UInt8], keptBytes: Int) {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let words = rest[..<end].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            let numbers = words.dropFirst().compactMap(Int.init)
            guard words.count == 5, words[0] == "host", numbers.count == 4,
                numbers.allSatisfy({ (0...Self.numberMax).contains($0) })
            else { return }
            let counts = numbers.dropFirst(2).map { min($0, keptBytes) }
            rest = rest[(end + 1)...]
            guard rest.count >= counts[0], rest.count - counts[0] >= counts[1] else { return }
            let output = Part(bytes: Array(rest.prefix(counts[0])), dropped: numbers[2] - counts[0])
            rest = rest.dropFirst(counts[0])
            let errors = Part(bytes: Array(rest.prefix(counts[1])), dropped: numbers[3] - counts[1])
            rest = rest.dropFirst(counts[1])
            self.records[numbers[0]] = Record(seconds: numbers[1], output: output, errors: errors)
        }
    }
}

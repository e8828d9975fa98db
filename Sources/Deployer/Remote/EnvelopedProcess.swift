import Basis
import Subprocess

/// A local process, `ssh` or a shell, through which one enveloped command runs.
struct EnvelopedProcess: Sendable {
    /// After the command's limit and its end by force: for the end to be told, over a slow link too.
    private static let tellingMargin = Duration.seconds(5)
    /// For the process to end by itself once the end of the command was told.
    private static let lingering = Duration.milliseconds(300)

    /// Found through `PATH`.
    var program: String
    var arguments: [String]
    var command: HostCommand
    var envelope: CommandEnvelope
    var time: any TimeSource

    /// What came of it.
    enum Outcome: Sendable {
        case ended(CommandResult)
        /// The process ended without a word about the command's end; what it said, and its status if it exited.
        case broken(status: Int?, words: String)
    }

    /// - Throws: ``HostShellFailure/scriptTooLong(bytes:bytesMax:)``, ``HostShellFailure/couldNotStart(detail:)``,
    ///   ``HostShellFailure/timedOut(limit:mayStillRun:)``, ``HostShellFailure/cancelled``.
    func run() async throws(HostShellFailure) -> Outcome {
        let head = try self.envelope.head()
        let input = try CommandInput(self.command.input)
        let sink = try CommandSink(self.command, nonce: self.envelope.nonce)
        let began = self.time.now
        let raced = await withTaskGroup(of: Result<Outcome, HostShellFailure>?.self) { group in
            group.addTask { await self.talk(head: head, input: input, sink: sink, began: began) }
            group.addTask {
                let limit = max(self.command.limit, .seconds(1)) + CommandEnvelope.killGrace + Self.tellingMargin
                return (try? await self.time.sleep(for: limit)) == nil
                    ? nil : .failure(.timedOut(limit: self.command.limit, mayStillRun: true))
            }
            defer { group.cancelAll() }
            // The sleep gives nil when it is cancelled, which leaves the other's word.
            while let result = await group.next() {
                if let result { return result }
            }
            return .failure(.cancelled)
        }
        // Looked at last: a cancelled process looks like a broken one.
        if Task.isCancelled { throw .cancelled }
        let outcome = try raced.get()
        if let failure = sink.failure { throw failure }
        if case .ended(let result) = outcome, [124, 137].contains(result.ending.shellStatus),
            result.duration >= self.command.limit
        {
            throw .timedOut(limit: self.command.limit, mayStillRun: false)
        }
        return outcome
    }

    private func talk(
        head: [UInt8], input: CommandInput, sink: CommandSink, began: MonotonicInstant
    ) async -> Result<Outcome, HostShellFailure> {
        BrokenPipes.areErrors()
        do {
            let run = try await Subprocess.run(
                .name(self.program),
                arguments: Arguments(self.arguments), input: .inputWriter,
                output: .sequence, error: .sequence
            ) { execution in
                await self.exchange(execution, head: head, input: input, sink: sink)
            }
            let exited: Int? = if case .exited(let status) = run.terminationStatus { Int(status) } else { nil }
            guard let status = sink.status else {
                return .success(.broken(status: exited, words: sink.errorText))
            }
            return .success(.ended(sink.result(status: status, duration: self.time.now - began)))
        } catch {
            return .failure(.couldNotStart(detail: "\(self.program) did not run: \(ShellQuote.shown("\(error)"))"))
        }
    }

    /// Writes what is to be read, and reads until both streams have told the end, or are over.
    private func exchange(
        _ execution: Execution<CustomWriteInput, SequenceOutput, SequenceOutput>, head: [UInt8], input: CommandInput,
        sink: CommandSink
    ) async {
        await withTaskGroup(of: Finished.self) { group in
            group.addTask {
                // A command that ends before it has read everything closes the pipe: that is its business.
                try? await input.write(after: head, to: execution.standardInputWriter)
                return .writing
            }
            for (stream, sequence) in [
                (CommandSink.Stream.output, execution.standardOutput), (.errors, execution.standardError),
            ] {
                group.addTask {
                    // A stream that cannot be read any more is over; the missing end mark says the rest.
                    var buffers = sequence.makeAsyncIterator()
                    while let buffer = try? await buffers.next() {
                        sink.take(buffer.withUnsafeBytes { Array($0) }, from: stream)
                    }
                    return .reading
                }
            }
            group.addTask {
                await sink.bothEndsTold()
                // Whatever still holds the streams is none of the command's: a process in the background.
                guard (try? await self.time.sleep(for: Self.lingering)) != nil else { return .writing }
                try? execution.send(signal: .terminate)
                return .lingered
            }
            var streamsOpen = 2
            while streamsOpen > 0, let finished = await group.next() {
                if finished == .reading { streamsOpen -= 1 }
                if finished == .lingered { streamsOpen = 0 }
            }
            sink.close()
            group.cancelAll()
        }
    }

    private enum Finished {
        case writing
        case reading
        case lingered
    }
}

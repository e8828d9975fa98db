import Dispatch
import Glibc

/// The signals that mean something to the daemon, as a stream.
///
/// A class, because the sources must stay alive as long as signals shall be heard.
final class Signals: Sendable {
    enum Signal: Sendable {
        /// End in good order: SIGTERM, SIGINT.
        case stop
        /// Read the config and the certificates again: SIGHUP.
        case reload
    }

    let stream: AsyncStream<Signal>
    private let continuation: AsyncStream<Signal>.Continuation
    // Safe because it is set once and never touched again.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    /// Returns when every signal would be heard: one that comes while it is ignored and no source is in place yet
    /// would be lost.
    init() async {
        let (stream, continuation) = AsyncStream<Signal>.makeStream(bufferingPolicy: .bufferingNewest(16))
        self.stream = stream
        self.continuation = continuation
        var sources: [any DispatchSourceSignal] = []
        for (number, meaning) in [(SIGTERM, Signal.stop), (SIGINT, .stop), (SIGHUP, .reload)] {
            // Otherwise the default action ends the process before the source is asked.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(meaning) }
            await withCheckedContinuation { registered in
                source.setRegistrationHandler { registered.resume() }
                source.resume()
            }
            sources.append(source)
        }
        self.sources = sources
        // A peer that closed its end is an error of one write, not the end of the daemon.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Nothing more is waited for.
    func end() {
        self.continuation.finish()
    }
}

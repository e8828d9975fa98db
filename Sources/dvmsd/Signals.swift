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

    init() {
        let (stream, continuation) = AsyncStream<Signal>.makeStream(bufferingPolicy: .bufferingNewest(16))
        self.stream = stream
        self.continuation = continuation
        self.sources = [(SIGTERM, Signal.stop), (SIGINT, .stop), (SIGHUP, .reload)].map { number, meaning in
            // Otherwise the default action ends the process before the source is asked.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(meaning) }
            source.resume()
            return source
        }
        // A peer that closed its end is an error of one write, not the end of the daemon.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Nothing more is waited for.
    func end() {
        self.continuation.finish()
    }
}

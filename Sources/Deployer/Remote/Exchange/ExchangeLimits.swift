import Basis

/// How long a host waits for another one before it turns to the next.
package struct ExchangeLimits: Hashable, Sendable {
    /// For a connection to another host, and for letting a host fetch.
    package var connect = Duration.seconds(10)
    /// Without a word of a source; from the first call on, so that connecting counts. At least five seconds, as a source
    /// that waits itself speaks every two.
    package var silence = Duration.seconds(20)
    /// For one chunk, once it has begun: with 4 MiB, 70 KB/s are enough.
    package var chunk = Duration.seconds(60)
    /// As long may a source say that it waits itself. Longer than ``silence``, so that behind a host that died its
    /// own children turn away from it first, and the others wait for them.
    package var waiting = Duration.seconds(90)
    /// So long a source may have nobody who fetches, before it says that it does not get the file: between two ways of fetching
    /// other hosts are asked to let it in. Shorter than ``waiting``.
    package var absence = Duration.seconds(30)

    /// How often a source that waits says so.
    static let heartbeat = Duration.seconds(2)

    package init() {}

    /// In ``heartbeat``s.
    static func beats(_ duration: Duration) -> Int { max(1, Self.seconds(duration) / Self.seconds(Self.heartbeat)) }

    /// For `timeout` of the host, which takes whole seconds here.
    static func seconds(_ duration: Duration) -> Int { max(1, Int((duration.inMilliseconds + 999) / 1_000)) }
}

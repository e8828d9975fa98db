#if Libvirt
    import Basis
    import Foundation

    /// A clock on which nothing is ever late: sleeping ends by cancellation only.
    struct TimeThatStands: TimeSource {
        var now: MonotonicInstant { .zero }
        var wallClockMilliseconds: UInt64 { 0 }

        func sleep(until deadline: MonotonicInstant) async throws {
            let (never, continuation) = AsyncStream.makeStream(of: Never.self)
            for await _ in never {}
            continuation.finish()
            throw CancellationError()
        }
    }

    /// A clock on which every deadline has passed.
    struct TimeThatIsUp: TimeSource {
        var now: MonotonicInstant { .distantFuture }
        var wallClockMilliseconds: UInt64 { 0 }

        func sleep(until deadline: MonotonicInstant) async throws {
            try Task.checkCancellation()
        }
    }

    /// What a blocking call is held up by, until a test opens it.
    ///
    /// `@unchecked Sendable` is safe because `lock` guards the only `var`.
    final class Gate: @unchecked Sendable {
        private let lock = NSCondition()
        private var isOpen = false

        func open() {
            self.lock.lock()
            self.isOpen = true
            self.lock.broadcast()
            self.lock.unlock()
        }

        func waitUntilOpen() {
            self.lock.lock()
            while !self.isOpen { self.lock.wait() }
            self.lock.unlock()
        }
    }
#endif

import Basis
import Testing

@Suite("The system's time")
struct SystemTimeSourceTests {
    private let time = SystemTimeSource()

    @Test("never goes back, and is the same for every user in a process")
    func monotonic() {
        var last = self.time.now
        for _ in 0..<10_000 {
            let next = SystemTimeSource().now
            #expect(next >= last)
            last = next
        }
        #expect(last >= .zero)
    }

    @Test("does not wait for what has passed")
    func pastDeadline() async throws {
        try await self.time.sleep(until: self.time.now)
        try await self.time.sleep(until: MonotonicInstant(nanoseconds: .min))
    }

    @Test("does not wake before the deadline")
    func wakesAfterTheDeadline() async throws {
        let deadline = self.time.now + .milliseconds(1)
        try await self.time.sleep(until: deadline)
        #expect(self.time.now >= deadline)
    }

    @Test("stops waiting when the task is cancelled, even for a deadline that never comes")
    func cancellation() async {
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.time.sleep(until: .distantFuture) }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }

    @Test("knows the year")
    func wallClock() {
        // 2024-01-01 and 2200-01-01, in milliseconds since 1970.
        #expect((1_704_067_200_000...7_258_118_400_000).contains(self.time.wallClockMilliseconds))
    }
}

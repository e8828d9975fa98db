/// So many may do something at the same time; the others wait in the order in which they came.
actor Permits {
    private var free: Int
    private var waiting: [(number: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var next = 0

    init(_ count: Int) {
        precondition(count > 0, "with no permit nobody ever gets one")
        self.free = count
    }

    /// Runs `body` when its turn comes.
    ///
    /// - Throws: ``RunFailure/cancelled`` when the calling task is cancelled before that; else what `body` throws.
    nonisolated func with<Value>(
        _ body: () async throws(RunFailure) -> Value
    ) async throws(RunFailure) -> Value {
        guard await self.take() else { throw .cancelled }
        do throws(RunFailure) {
            let value = try await body()
            await self.giveBack()
            return value
        } catch {
            await self.giveBack()
            throw error
        }
    }

    private func take() async -> Bool {
        guard !Task.isCancelled else { return false }
        if self.free > 0 {
            self.free -= 1
            return true
        }
        let number = self.next
        self.next += 1
        return await withTaskCancellationHandler {
            // No cancellation comes in between: this turn of the actor ends with the continuation in the queue.
            await withCheckedContinuation { self.waiting.append((number, $0)) }
        } onCancel: {
            // Unstructured, as a cancellation handler cannot wait for the actor. It ends at once.
            Task { await self.cancel(number) }
        }
    }

    private func cancel(_ number: Int) {
        guard let index = self.waiting.firstIndex(where: { $0.number == number }) else { return }
        self.waiting.remove(at: index).continuation.resume(returning: false)
    }

    private func giveBack() {
        if self.waiting.isEmpty {
            self.free += 1
        } else {
            self.waiting.removeFirst().continuation.resume(returning: true)
        }
    }
}

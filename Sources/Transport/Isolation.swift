extension Actor {
    /// Calls `body` in the isolation of this actor, if the caller is on `executor`, which is the actor's.
    ///
    /// `assumeIsolated` does the same after a longer check and with two allocations, which is half of what it costs to
    /// answer a short request.
    ///
    /// - Parameters:
    ///   - executor: the executor of this actor.
    ///   - body: captures nothing; what it needs is in `input`.
    /// - Returns: nil when the caller is elsewhere.
    @inlinable
    package nonisolated func ifIsolated<Input, Output>(
        on executor: some SerialExecutor, _ input: Input, _ body: @escaping (isolated Self, Input) -> Output
    ) -> Output? {
        guard executor.isIsolatingCurrentContext() ?? false else { return nil }
        // Safe because isolation is a matter of the type only, which is what `assumeIsolated` relies on as well, and
        // the executor has just said that this is the actor's isolation.
        return unsafeBitCast(body, to: ((Self, Input) -> Output).self)(self, input)
    }
}

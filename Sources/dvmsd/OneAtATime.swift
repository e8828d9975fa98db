/// Runs what must not overlap, in the order in which it is asked for.
actor OneAtATime {
    private var isRunning = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Runs `body` when all that was asked for before has ended.
    func run<Value: Sendable>(_ body: @Sendable () async -> Value) async -> Value {
        if self.isRunning {
            // Who ends next hands its turn on, so that nobody comes between.
            await withCheckedContinuation { self.waiting.append($0) }
        }
        self.isRunning = true
        let value = await body()
        if self.waiting.isEmpty {
            self.isRunning = false
        } else {
            self.waiting.removeFirst().resume()
        }
        return value
    }
}

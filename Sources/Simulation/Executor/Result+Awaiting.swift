extension Result where Success: Sendable, Failure == any Error {
    /// What `body` returns or throws.
    init(awaiting body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}

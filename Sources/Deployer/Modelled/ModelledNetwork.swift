package import Basis

/// The network between modelled hosts and the deployer, as far as an image passes over it.
///
/// Each has one interface for sending and one for receiving, on which chunks pass one after the other, so that what a shape of
/// a spread costs shows: `n` copies take `n` times as long as one, because the deployer has only one interface.
package actor ModelledNetwork {
    /// Of the image, and of a chunk of it.
    package static let imageChunks = 64
    package static let chunkBytes = 16 * 1_048_576

    private let time: any TimeSource
    /// Of one chunk on an interface.
    private let chunkTime: Duration
    private var sendingUntil: [NodeID?: MonotonicInstant] = [:]
    private var receivingUntil: [NodeID: MonotonicInstant] = [:]
    private var hosts: [NodeID: Progress] = [:]
    private var lastTicket = 0

    /// How far a host is with the image: it has the first chunks.
    private struct Progress {
        var chunks = 0
        /// Somebody brings it more.
        var isFetching = false
        var isDead = false
        /// What it sends from this chunk on is not what it should be.
        var damagedFrom: Int?
        var waiting: [Int: (chunk: Int, continuation: CheckedContinuation<Void, Never>)] = [:]
    }

    /// What came of waiting for a chunk.
    package enum Wait: Hashable, Sendable {
        case there
        /// The source is silent.
        case silent
        /// It has not got it, and does not get it.
        case never
    }

    /// - Parameter megabitsPerSecond: of each interface.
    package init(megabitsPerSecond: Int, time: any TimeSource) {
        self.time = time
        self.chunkTime = .nanoseconds(Int64(Self.chunkBytes) * 8 * 1_000 / Int64(megabitsPerSecond))
    }

    func chunks(of id: NodeID) -> Int { self.hosts[id]?.chunks ?? 0 }

    func set(_ chunks: Int, of id: NodeID) { self.change(id) { $0.chunks = chunks } }

    func set(isFetching: Bool, _ id: NodeID) { self.change(id) { $0.isFetching = isFetching } }

    func set(isDead: Bool, _ id: NodeID) { self.change(id) { $0.isDead = isDead } }

    func set(damagedFrom chunk: Int?, of id: NodeID) { self.change(id) { $0.damagedFrom = chunk } }

    func isDamaged(_ chunk: Int, at source: NodeID) -> Bool {
        self.hosts[source]?.damagedFrom.map { $0 <= chunk } ?? false
    }

    /// Takes interfaces for a chunk, behind what passes over them already.
    ///
    /// - Parameter source: nil: the deployer.
    /// - Returns: when it has arrived.
    func send(to id: NodeID, from source: NodeID?) -> MonotonicInstant {
        let free = max(self.time.now, self.sendingUntil[source] ?? .zero, self.receivingUntil[id] ?? .zero)
        self.sendingUntil[source] = free + self.chunkTime
        self.receivingUntil[id] = free + self.chunkTime
        return free + self.chunkTime
    }

    /// Returns when the source has the chunk or is known never to have it, or when the calling task is cancelled.
    func wait(for chunk: Int, at source: NodeID) async -> Wait {
        while self.pending(chunk, source) == nil, !Task.isCancelled {
            self.lastTicket += 1
            let ticket = self.lastTicket
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    if Task.isCancelled { return continuation.resume() }
                    self.hosts[source, default: Progress()].waiting[ticket] = (chunk, continuation)
                }
            } onCancel: {
                // Unstructured, because a cancellation cannot wait for this actor; it only wakes the one that waits.
                Task { await self.wake(ticket, at: source) }
            }
        }
        return self.pending(chunk, source) ?? .silent
    }

    private func wake(_ ticket: Int, at source: NodeID) {
        self.hosts[source]?.waiting.removeValue(forKey: ticket)?.continuation.resume()
    }

    private func pending(_ chunk: Int, _ source: NodeID) -> Wait? {
        let progress = self.hosts[source] ?? Progress()
        if progress.isDead { return .silent }
        if progress.chunks > chunk { return .there }
        return progress.isFetching ? nil : .never
    }

    private func change(_ id: NodeID, _ body: (inout Progress) -> Void) {
        var progress = self.hosts[id] ?? Progress()
        body(&progress)
        let isOver = progress.isDead || !progress.isFetching
        let woken = progress.waiting.filter { isOver || $0.value.chunk < progress.chunks }
        for ticket in woken.keys { progress.waiting[ticket] = nil }
        self.hosts[id] = progress
        for ticket in woken.keys.sorted() { woken[ticket]?.continuation.resume() }
    }
}

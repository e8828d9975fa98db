package import Basis

/// The network between modelled hosts and the deployer, as far as files pass over it.
///
/// Each has one interface for sending and one for receiving, on which chunks pass one after the other, so that what a shape of
/// a spread costs shows: `n` copies take `n` times as long as one, because the deployer has only one interface.
package actor ModelledNetwork {
    /// Of the image, of dvmsd, and of a chunk of either.
    package static let imageChunks = 64
    package static let programChunks = 4
    package static let chunkBytes = 16 * 1_048_576

    private let time: any TimeSource
    /// Of one chunk on an interface.
    private let chunkTime: Duration
    private var sendingUntil: [NodeID?: MonotonicInstant] = [:]
    private var receivingUntil: [NodeID: MonotonicInstant] = [:]
    private var progress: [Held: Progress] = [:]
    private var dead: Set<NodeID> = []
    private var lastTicket = 0

    /// A file on a host, whole or not.
    package struct Held: Hashable, Sendable {
        package let kind: SpreadKind
        package let host: NodeID

        package init(_ kind: SpreadKind, by host: NodeID) {
            self.kind = kind
            self.host = host
        }
    }

    /// How far a host is with a file: it has the first chunks.
    private struct Progress {
        var chunks = 0
        /// Somebody brings it more.
        var isFetching = false
        /// It lets nobody fetch, until it gets the file once more.
        var hasEnded = false
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

    static func chunks(of kind: SpreadKind) -> Int {
        switch kind {
        case .image: Self.imageChunks
        case .agentProgram: Self.programChunks
        }
    }

    func chunks(of held: Held) -> Int { self.progress[held]?.chunks ?? 0 }

    func set(_ chunks: Int, of held: Held) { self.change(held) { $0.chunks = chunks } }

    func set(isFetching: Bool, _ held: Held) { self.change(held) { $0.isFetching = isFetching } }

    func set(hasEnded: Bool, _ held: Held) { self.change(held) { $0.hasEnded = hasEnded } }

    func set(isDead: Bool, _ id: NodeID) {
        if isDead { self.dead.insert(id) } else { self.dead.remove(id) }
        for kind in SpreadKind.allCases { self.change(Held(kind, by: id)) { _ in } }
    }

    func set(damagedFrom chunk: Int?, of held: Held) { self.change(held) { $0.damagedFrom = chunk } }

    func isDamaged(_ chunk: Int, at source: Held) -> Bool {
        self.progress[source]?.damagedFrom.map { $0 <= chunk } ?? false
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
    func wait(for chunk: Int, at source: Held) async -> Wait {
        while self.pending(chunk, source) == nil, !Task.isCancelled {
            self.lastTicket += 1
            let ticket = self.lastTicket
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    if Task.isCancelled { return continuation.resume() }
                    self.progress[source, default: Progress()].waiting[ticket] = (chunk, continuation)
                }
            } onCancel: {
                // Unstructured, because a cancellation cannot wait for this actor; it only wakes the one that waits.
                Task { await self.wake(ticket, at: source) }
            }
        }
        return self.pending(chunk, source) ?? .silent
    }

    private func wake(_ ticket: Int, at source: Held) {
        self.progress[source]?.waiting.removeValue(forKey: ticket)?.continuation.resume()
    }

    private func pending(_ chunk: Int, _ source: Held) -> Wait? {
        let progress = self.progress[source] ?? Progress()
        if self.dead.contains(source.host) { return .silent }
        if progress.hasEnded { return .never }
        if progress.chunks > chunk { return .there }
        return progress.isFetching ? nil : .never
    }

    private func change(_ held: Held, _ body: (inout Progress) -> Void) {
        var progress = self.progress[held] ?? Progress()
        body(&progress)
        let isOver = self.dead.contains(held.host) || progress.hasEnded || !progress.isFetching
        let woken = progress.waiting.filter { isOver || $0.value.chunk < progress.chunks }
        for ticket in woken.keys { progress.waiting[ticket] = nil }
        self.progress[held] = progress
        for ticket in woken.keys.sorted() { woken[ticket]?.continuation.resume() }
    }
}

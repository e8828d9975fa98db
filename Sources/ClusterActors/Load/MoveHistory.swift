package import Basis
package import Placement

/// Which guests were moved lately, so that they are left alone and do not go back and forth.
///
/// A moved guest stays for `cooldown`, doubling with each further move up to `cooldownMax`; a move back to where it
/// came from within `pingPongWindow` is refused.
package struct MoveHistory: Sendable {
    /// One move that brought the guest nearer to here: where it was before, and when it left.
    package struct Past: Hashable, Sendable {
        package var from: NodeID
        package var at: MonotonicInstant

        package init(from: NodeID, at: MonotonicInstant) {
            self.from = from
            self.at = at
        }
    }

    /// How many past moves of one guest are kept.
    package static let pastMovesMax = 8

    private var settings: MigrationSettings
    private var moves: [VMID: [Past]] = [:]
    /// Which ISP brought each guest here.
    private var movers: [VMID: ISPID] = [:]
    /// Moves that were refused because they would have gone back.
    package private(set) var refusedReturns = 0

    package init(settings: MigrationSettings) {
        self.settings = settings
    }

    package mutating func use(_ settings: MigrationSettings) {
        self.settings = settings
    }

    /// `vm` has arrived here from `source` by order of `isp`, after the moves `earlier` (oldest first) that its source
    /// told of.
    package mutating func arrived(
        _ vm: VMID, from source: NodeID, by isp: ISPID, earlier: [Past], at now: MonotonicInstant
    ) {
        // Guests also go without a migration: shut down, destroyed.
        self.moves = self.moves.filter { !self.recent($0.value, at: now).isEmpty }
        self.movers = self.movers.filter { self.moves[$0.key] != nil }
        self.movers[vm] = isp
        let all = earlier + [Past(from: source, at: now)]
        self.moves[vm] = Array(self.recent(all, at: now).suffix(Self.pastMovesMax))
    }

    package mutating func left(_ vm: VMID) {
        self.moves[vm] = nil
        self.movers[vm] = nil
    }

    /// Whether `isp` brought the guest here: its plan may move it on, as one that steps aside must.
    package func wasMoved(_ vm: VMID, by isp: ISPID) -> Bool {
        self.movers[vm] == isp
    }

    /// The guest's past moves that still matter, oldest first.
    package func past(of vm: VMID, at now: MonotonicInstant) -> [Past] {
        self.recent(self.moves[vm] ?? [], at: now)
    }

    /// Everything that a restart must not forget.
    package func all(at now: MonotonicInstant) -> [(vm: VMID, past: [Past])] {
        self.moves.keys.sorted().map { ($0, self.past(of: $0, at: now)) }.filter { !$0.past.isEmpty }
    }

    package mutating func restore(_ vm: VMID, past: [Past]) {
        self.moves[vm] = Array(past.suffix(Self.pastMovesMax))
    }

    /// How much longer `vm` must stay; nil when it may go.
    package func cooldownLeft(of vm: VMID, at now: MonotonicInstant) -> Duration? {
        let past = self.past(of: vm, at: now)
        guard let last = past.last else { return nil }
        let doubled = self.settings.cooldown * (1 << min(past.count - 1, 20))
        let left = min(doubled, self.settings.cooldownMax) - (now - last.at)
        return left > .zero ? left : nil
    }

    /// The nodes `vm` came from so recently that it may not go back.
    package func banned(_ vm: VMID, at now: MonotonicInstant) -> [NodeID] {
        var nodes: [NodeID] = []
        for past in self.moves[vm] ?? [] where now - past.at < self.settings.pingPongWindow {
            if !nodes.contains(past.from) { nodes.append(past.from) }
        }
        return nodes
    }

    package mutating func countRefusedReturn() {
        self.refusedReturns += 1
    }

    /// Moves older than any effect they could have.
    private func recent(_ past: [Past], at now: MonotonicInstant) -> [Past] {
        let horizon = max(self.settings.pingPongWindow, self.settings.cooldownMax)
        return past.filter { now - $0.at < horizon }
    }
}

import Basis
import ClusterActors

/// One machine, spoken to by hand.
final class MembershipBench {
    var machine: Membership
    var rng = SplitMix64(seed: 9)
    var now = MonotonicInstant(nanoseconds: 5_000_000_000)

    /// n0 in a ring of `count`, started; its first exchanges are answered.
    init(_ count: Int, boot: UInt64 = 1, settings: MembershipSettings = MembershipSettings()) throws {
        let config = try RingConfig(members: (0..<count).map(Self.member))
        self.machine = Membership(
            config: config, local: Self.member(0), boot: boot, settings: settings, using: &self.rng)
        for case .send(let id, _, .exchange, _) in self.handle(.start) {
            _ = self.handle(.replied(id, .exchange(updates: [])))
        }
    }

    static func member(_ index: Int) -> MemberDescription {
        MemberDescription(id: NodeID("n\(index)")!, address: "10.0.0.\(index):7400", site: "s", rack: "r")
    }

    static func update(_ index: Int, _ state: MemberState, _ incarnation: UInt64 = 0, by accuser: NodeID? = nil)
        -> MemberUpdate
    {
        MemberUpdate(member: self.member(index), state: state, incarnation: incarnation, accuser: accuser)
    }

    func handle(_ event: Membership.Event) -> [Membership.Effect] {
        self.machine.handle(event, at: self.now, using: &self.rng)
    }

    /// Hands in gossip from n1 and gives the gossip of the answer.
    func gossip(_ updates: [MemberUpdate], from sender: NodeID = "n1") -> [MemberUpdate] {
        let (answer, _) = self.machine.answer(.probe(gossip: updates), from: sender, at: self.now, using: &self.rng)
        guard case .now(let reply) = answer else { return [] }
        return reply.updates
    }

    /// Lets time pass to the next probe.
    func nextProbe() -> (id: Membership.RequestID, target: NodeID, gossip: [MemberUpdate])? {
        for _ in 0..<30 {
            self.now = self.now + .milliseconds(100)
            for case .send(let id, let target, .probe(let gossip), _) in self.handle(.wake) {
                return (id, target, gossip)
            }
        }
        return nil
    }
}

extension [Membership.Effect] {
    var sent: [(id: Membership.RequestID, to: NodeID, message: MembershipMessage, timeout: Duration)] {
        self.compactMap {
            if case .send(let id, let to, let message, let timeout) = $0 { (id, to, message, timeout) } else { nil }
        }
    }

    var changes: [MemberChange] {
        self.compactMap { if case .viewChanged(let change) = $0 { change } else { nil } }
    }

    var wakeAt: MonotonicInstant? {
        self.compactMap { if case .wake(let at) = $0 { at } else { nil } }.last
    }
}

package import Basis
import ClusterActors
import Hypervisor

/// Watches a ring from outside and has every invariant judged at each thing that happens.
///
/// Safe because a world runs on one thread.
package final class InvariantWatch: @unchecked Sendable {
    /// The first few; one that goes wrong breaks others.
    package private(set) var violations: [InvariantViolation] = []
    package private(set) var tally = FaultTally()
    /// What of the ring is under way, for whoever aims faults.
    package private(set) var sight = RingSight()

    /// Called for each fact after it was judged.
    package var onFact: (@Sendable (Fact) -> Void)?

    private let world: World
    private var checkers: [any InvariantChecker]
    private var recent: [(at: MonotonicInstant, fact: Fact)] = []
    private var requests: [Exchange: Request] = [:]

    /// How many violations of one run are kept.
    private static let violationsMax = 8
    /// How many of the last facts are searched for those that a violation concerns, and how many of these it tells.
    private static let recentMax = 20_000
    private static let toldMax = 60

    /// - Parameter ring: all nodes, clockwise.
    package convenience init(world: World, ring: [NodeID], bounds: InvariantBounds) {
        self.init(world: world, checkers: Self.allCheckers(ring: ring, bounds: bounds))
    }

    init(world: World, checkers: [any InvariantChecker]) {
        self.world = world
        self.checkers = checkers
        world.atEnd { self.forget() }
    }

    /// One for each invariant.
    package static func allCheckers(ring: [NodeID], bounds: InvariantBounds) -> [any InvariantChecker] {
        [
            HolderChecker(), CommandChecker(bounds), ReleaseChecker(), BeliefChecker(), OutcomeChecker(bounds),
            YieldChecker(), EndingChecker(bounds), BlockedChecker(bounds), SweepChecker(ring: ring), GuestChecker(),
            UnsolvableChecker(bounds), MessagesChecker(nodes: ring.count, bounds), ViewsChecker(nodes: ring.count),
            QueuesChecker(nodes: ring.count, bounds),
        ]
    }

    private func forget() {
        self.recent = []
        self.requests = [:]
        self.checkers = []
        self.onFact = nil
    }

    // MARK: - Watching

    /// Watches the agents, the messages and the hosts of `ring` from now on. What is done to agents, and how the
    /// network is, whoever does it must hand to ``take(_:)``.
    package func watch(_ ring: RingWorld) async throws {
        ring.onEvent = { node, event in self.take(.told(node, event)) }
        ring.network.onMessage = { self.take($0) }
        let fleet = ring.fleet
        try await ring.hosts.run { await fleet.watch { views in self.take(.hosts(views)) } }
        self.tick(ring)
    }

    private func tick(_ ring: RingWorld) {
        self.world.schedule(after: .seconds(1)) {
            self.take(.tick)
            for node in ring.nodes {
                if let sizes = ring.queueSizes(of: node) { self.take(.queues(node, sizes)) }
            }
            self.tick(ring)
        }
    }

    private func take(_ message: SeenMessage) {
        if message.isRequest {
            let exchange = Exchange(
                asker: message.from, askerBoot: message.requesterBoot, asked: message.to, number: message.number)
            if message.moment == .sent {
                guard MessageCodec.kind(ofRequest: message.body) == .isp,
                    let request = try? MessageCodec.decodeRequest(message.body)
                else { return }
                self.requests[exchange] = request
                self.take(.requestSent(exchange, request))
            } else if let request = self.requests[exchange] {
                self.take(.requestArrived(exchange, request))
            }
        } else {
            let exchange = Exchange(
                asker: message.to, askerBoot: message.requesterBoot, asked: message.from, number: message.number)
            guard let request = self.requests[exchange], let reply = try? MessageCodec.decodeReply(message.body) else {
                return
            }
            self.take(
                message.moment == .sent
                    ? .replySent(exchange, request, reply) : .replyArrived(exchange, request, reply))
        }
    }

    /// Takes in one thing that was seen.
    package func take(_ fact: Fact) {
        let now = self.world.now
        self.remember(fact, at: now)
        self.tally.count(fact)
        self.sight.take(fact)
        for index in self.checkers.indices {
            for breach in self.checkers[index].take(fact, at: now) { self.report(breach, at: now) }
        }
        self.onFact?(fact)
    }

    /// A fault has struck.
    func count(_ fault: Fault) { self.tally.count(fault) }

    /// The run is over.
    package func conclude() {
        let now = self.world.now
        for index in self.checkers.indices {
            for breach in self.checkers[index].conclude(at: now) { self.report(breach, at: now) }
        }
    }

    // MARK: - Reporting

    private func remember(_ fact: Fact, at now: MonotonicInstant) {
        switch fact {
        case .tick, .queues: return
        default: break
        }
        if self.recent.count >= Self.recentMax { self.recent.removeFirst(Self.recentMax / 2) }
        self.recent.append((now, fact))
    }

    private func report(_ breach: Breach, at now: MonotonicInstant) {
        guard self.violations.count < Self.violationsMax else { return }
        let nodes = Set([breach.node, breach.isp?.node].compactMap(\.self))
        let concerned = self.recent.filter { nodes.isEmpty || !nodes.isDisjoint(with: $0.fact.nodes) }
        self.violations.append(
            InvariantViolation(
                seed: self.world.seed, at: now, breach: breach,
                events: concerned.suffix(Self.toldMax).map { "\($0.at.inWords) \($0.fact)" }))
    }
}

/// An invariant that did not hold in one run, with what led to it.
package struct InvariantViolation: Error, Hashable, CustomStringConvertible {
    package var seed: UInt64
    /// By the world's clock.
    package var at: MonotonicInstant
    package var breach: Breach
    /// The last things that were seen of the nodes concerned, oldest first.
    package var events: [String]

    /// One line.
    package var summary: String {
        let place = [self.breach.node?.name, self.breach.isp?.description].compactMap(\.self).joined(separator: " ")
        let rule = self.breach.invariant.rawValue
        return "seed \(self.seed) at \(self.at.inWords) s: \(rule) \(place): \(self.breach.what)"
    }

    package var description: String {
        ([self.summary] + self.events.map { "    \($0)" }).joined(separator: "\n")
    }
}

import Basis
import ClusterActors
import Hypervisor
import Placement
import Simulation
import Testing

/// One step of a made-up history, at a second of it.
struct Step: Sendable {
    var second: Int
    var fact: Fact

    init(_ second: Int, _ fact: Fact) {
        self.second = second
        self.fact = fact
    }

    init(_ second: Int, _ node: NodeID, tells event: AgentEvent) {
        self.init(second, .told(node, event))
    }
}

/// A history that a checker must judge: sound when `breach` is nil, else one that it must object to in these words.
struct History: Sendable, CustomTestStringConvertible {
    var name: String
    var steps: [Step]
    /// When it is over, in seconds; nil when only its steps count.
    var end: Int?
    var breach: String?

    init(_ name: String, breach: String? = nil, end: Int? = nil, _ steps: [Step]) {
        self.name = name
        self.steps = steps
        self.end = end
        self.breach = breach
    }

    var testDescription: String { self.name }

    /// What the checker says of it, with a tick each second.
    func judged(by checker: some InvariantChecker) -> [Breach] {
        var checker = checker
        var breaches: [Breach] = []
        var steps = self.steps[...]
        for second in 0...max(self.end ?? 0, self.steps.last?.second ?? 0) {
            let now = MonotonicInstant.zero + .seconds(Int64(second))
            while let step = steps.first, step.second == second {
                steps.removeFirst()
                breaches += checker.take(step.fact, at: now)
            }
            breaches += checker.take(.tick, at: now)
        }
        if let end = self.end { breaches += checker.conclude(at: .zero + .seconds(Int64(end))) }
        return breaches
    }
}

/// Two initiators and what they and their nodes say, in few words.
enum Cast {
    static let ring: [NodeID] = ["n1", "n2", "n3", "n4"]
    static let first = ISPID(node: "n1", boot: 1, sequence: 1)
    static let second = ISPID(node: "n2", boot: 1, sequence: 1)
    static let vm: VMID = "vm1"
    static let action = ActionID(isp: Self.first, number: 1)
    static let plan = ReconfigurationPlan(
        steps: [], cost: .zero, memoryMiB: 0, risk: PlacementRisk(expectedExcessMicrocores: 0))
    static let bounds = InvariantBounds(
        timings: ProtocolTimings(), sampleInterval: .seconds(2), stallMax: .seconds(1), replansMax: 2,
        incomingMax: 2, outgoingMax: 2)

    static func key(_ isp: ISPID, _ triggerClass: TriggerClass = .overload, birth: UInt64) -> ISPKey {
        ISPKey(triggerClass: triggerClass, birth: birth, isp: isp)
    }

    static let firstKey = Self.key(Self.first, birth: 10)
    static let secondKey = Self.key(Self.second, birth: 20)

    static func token(_ isp: ISPID, _ epoch: UInt64) -> Token {
        Token(isp: isp, epoch: Epoch(boot: 1, counter: epoch))
    }

    static func exchange(_ asker: NodeID, _ asked: NodeID, _ number: UInt64 = 1) -> Exchange {
        Exchange(asker: asker, askerBoot: 1, asked: asked, number: number)
    }

    static func starts(_ key: ISPKey) -> AgentEvent { .ispStarted(key, reason: "") }

    static func ends(_ key: ISPKey, _ outcome: Outcome) -> AgentEvent {
        .ispEnded(ISPSummary(key: key, outcome: outcome))
    }

    static func granted(_ isp: ISPID, _ epoch: UInt64) -> AgentEvent { .nodeGranted(Self.token(isp, epoch)) }

    static func ended(_ isp: ISPID, _ epoch: UInt64, _ ending: Reservation.Ending) -> AgentEvent {
        .nodeEnded(Self.token(isp, epoch), ending)
    }

    static func began(_ direction: Reservation.Direction, peer: NodeID) -> AgentEvent {
        .flightBegan(Self.action, Self.vm, direction, peer: peer)
    }

    static func landed(_ direction: Reservation.Direction) -> AgentEvent {
        .flightEnded(Self.action, Self.vm, direction, .moved)
    }

    static func reserve(_ isp: ISPID, _ key: ISPKey, ask: UInt32) -> Request {
        .reserve(isp: isp, key: key, hops: ask)
    }

    static func renew(_ isp: ISPID, _ epoch: UInt64) -> Request {
        .renew(Self.token(isp, epoch), firstOut: nil, wantSnapshot: false)
    }

    static let renewed = Reply.renew(.renewed(revision: Revision(rawValue: 0), flights: 0, snapshot: nil))

    /// The order of ``action``: from n3, held under `epoch`, to n4, held under `destination`.
    static func migrate(epoch: UInt64, destination: UInt64) -> Request {
        .migrate(
            MigrateOrder(
                token: Self.token(Self.first, epoch), action: Self.action, vm: Self.vm, destination: "n4",
                destinationEpoch: Epoch(boot: 1, counter: destination)))
    }

    static func incoming(epoch: UInt64) -> Request {
        .incoming(
            IncomingOrder(
                token: Self.token(Self.first, epoch), action: Self.action, vm: Self.vm, source: "n3",
                sourceEndpoint: MigrationEndpoint(uri: "n3"), needs: .zero, cpuRequirement: "",
                flightTimeout: .seconds(60)))
    }

    static func ready(_ ticket: UInt64) -> Reply {
        .incoming(.ready(ticket: ticket, endpoint: MigrationEndpoint(uri: "n4")))
    }

    /// Hosts n3 and n4 while data of ``action`` flow from one to the other under `ticket`.
    static func flow(ticket: UInt64) -> Fact {
        .hosts([
            ModelledHostView(
                node: "n3",
                flows: [
                    ModelledFlow(
                        source: "n3", destination: "n4",
                        ticket: MigrationTicket(vm: Self.vm, source: "n3", number: ticket))
                ])
        ])
    }

    static func copies(_ node: NodeID, _ copies: [(DomainPresence, isWhole: Bool)]) -> ModelledHostView {
        ModelledHostView(
            node: node, copies: copies.map { ModelledCopy(vm: Self.vm, presence: $0.0, isWhole: $0.isWhole) })
    }
}

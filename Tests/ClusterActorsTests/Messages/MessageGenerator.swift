import Basis
import ClusterActors
import Hypervisor
import Placement

/// Makes messages of every case at random, with texts and lists of all lengths and numbers up to their limits.
struct MessageGenerator {
    var rng: SplitMix64

    init(seed: UInt64) {
        self.rng = SplitMix64(seed: seed)
    }

    mutating func request() -> Request {
        switch Int.random(in: 0..<10, using: &self.rng) {
        case 0: .reserve(isp: self.isp(), key: self.key(), hops: UInt32(truncatingIfNeeded: self.number()))
        case 1: .renew(self.token(), firstOut: self.optional { $0.node() }, wantSnapshot: self.bool())
        case 2: .release(self.token())
        case 3:
            .migrate(
                MigrateOrder(
                    token: self.token(), action: self.action(), vm: self.vm(), destination: self.node(),
                    destinationEpoch: self.epoch()))
        case 4: .actionDone(self.action(), self.result())
        case 5:
            .incoming(
                IncomingOrder(
                    token: self.token(), action: self.action(), vm: self.vm(), source: self.node(),
                    sourceEndpoint: self.endpoint(), needs: self.resources(),
                    cpuRequirement: self.text(max: WireLimits.cpuRequirementBytesMax), flightTimeout: self.span(),
                    pastMoves: self.list { PastMove(from: $0.node(), age: $0.span()) }))
        case 6: .handover(self.action(), vm: self.vm(), self.element(of: HandoverPhase.allCases))
        case 7: .wait(isp: self.isp(), key: self.key(), on: self.isp(), holding: self.bool())
        case 8: .ended(self.isp())
        default: .membership(self.membershipMessage())
        }
    }

    mutating func reply() -> Reply {
        switch Int.random(in: 0..<10, using: &self.rng) {
        case 0: .reserve(self.reserveReply())
        case 1: .renew(self.renewReply())
        case 2: .released
        case 3: .migrate(self.migrateReply())
        case 4: .noted
        case 5: .incoming(self.incomingReply())
        case 6: .handover(self.element(of: HandoverPhase.allCases))
        case 7: .wait(self.element(of: [.ended, .wait, .yield]))
        case 8: .membership(self.membershipReply())
        default: .stopping
        }
    }
}

// MARK: - Replies and membership

extension MessageGenerator {
    private mutating func reserveReply() -> ReserveReply {
        switch Int.random(in: 0..<4, using: &self.rng) {
        case 0:
            .granted(
                Grant(
                    epoch: self.epoch(), lease: self.span(), revision: Revision(rawValue: self.number()),
                    snapshot: self.snapshot(), successor: self.optional { $0.node() }))
        case 1: .held(by: self.isp(), firstOut: self.optional { $0.node() })
        case 2: .busy
        default: .refused(self.element(of: ReserveRefusal.allCases))
        }
    }

    private mutating func renewReply() -> RenewReply {
        guard self.bool() else { return .stale }
        return .renewed(
            revision: Revision(rawValue: self.number()), flights: UInt32(truncatingIfNeeded: self.number()),
            snapshot: self.optional { $0.snapshot() })
    }

    private mutating func migrateReply() -> MigrateReply {
        switch Int.random(in: 0..<6, using: &self.rng) {
        case 0: .accepted
        case 1:
            .running(
                self.optional {
                    MigrationProgress(
                        elapsed: $0.span(), sentMiB: $0.amount(), remainingMiB: $0.amount(), round: $0.amount())
                })
        case 2: .done(self.result())
        case 3: .busy
        case 4: .refused(reason: self.text(max: WireLimits.reasonBytesMax))
        default: .stale
        }
    }

    private mutating func incomingReply() -> IncomingReply {
        switch Int.random(in: 0..<5, using: &self.rng) {
        case 0: .ready(ticket: self.number(), endpoint: self.endpoint())
        case 1: .done(self.result())
        case 2: .busy
        case 3: .refused(reason: self.text(max: WireLimits.reasonBytesMax))
        default: .stale
        }
    }

    private mutating func membershipMessage() -> MembershipMessage {
        switch Int.random(in: 0..<3, using: &self.rng) {
        case 0: .probe(gossip: self.updates())
        case 1: .probeRequest(target: self.node(), gossip: self.updates())
        default: .exchange(updates: self.updates(), ring: self.number())
        }
    }

    private mutating func membershipReply() -> MembershipReply {
        switch Int.random(in: 0..<4, using: &self.rng) {
        case 0: .alive(gossip: self.updates())
        case 1: .targetAlive(gossip: self.updates())
        case 2: .targetSilent(gossip: self.updates())
        default: .exchange(updates: self.updates())
        }
    }

    private mutating func updates() -> [MemberUpdate] {
        self.list { $0.update() }
    }

    mutating func update() -> MemberUpdate {
        let member = MemberDescription(
            id: self.node(), address: self.text(max: MemberDescription.addressBytesMax),
            site: self.text(max: MemberDescription.placeBytesMax),
            rack: self.text(max: MemberDescription.placeBytesMax))
        return MemberUpdate(
            member: member, state: self.element(of: MemberState.allCases), incarnation: self.number(),
            accuser: self.optional { $0.node() })
    }
}

// MARK: - Parts

extension MessageGenerator {
    private mutating func isp() -> ISPID {
        ISPID(node: self.node(), boot: self.number(), sequence: self.number())
    }

    private mutating func key() -> ISPKey {
        ISPKey(triggerClass: self.element(of: TriggerClass.allCases), birth: self.number(), isp: self.isp())
    }

    private mutating func epoch() -> Epoch {
        Epoch(boot: self.number(), counter: self.number())
    }

    private mutating func token() -> Token {
        Token(isp: self.isp(), epoch: self.epoch())
    }

    private mutating func action() -> ActionID {
        ActionID(isp: self.isp(), number: self.number())
    }

    private mutating func result() -> ActionResult {
        switch Int.random(in: 0..<3, using: &self.rng) {
        case 0: .moved
        case 1: .failed(reason: self.text(max: WireLimits.reasonBytesMax))
        default: .inDoubt(reason: self.text(max: WireLimits.reasonBytesMax))
        }
    }

    private mutating func endpoint() -> MigrationEndpoint {
        MigrationEndpoint(uri: self.text(max: MigrationEndpoint.lengthMax))
    }

    private mutating func snapshot() -> NodeSnapshot {
        let node = Node(
            id: self.node(), capacity: self.resources(), reserved: self.resources(),
            state: self.element(of: NodeState.allCases), site: self.text(max: MemberDescription.placeBytesMax),
            rack: self.text(max: MemberDescription.placeBytesMax), linkMbps: self.amount())
        let thresholds = LoadThresholds(
            overloadPercent: Int.random(in: 0...WireLimits.percentMax, using: &self.rng),
            underloadPercent: Int.random(in: 0...WireLimits.percentMax, using: &self.rng))
        return NodeSnapshot(
            node: node, vms: self.list { $0.virtualMachine() }, thresholds: thresholds, age: self.span(),
            returnBans: self.list { ReturnBan(vm: $0.vm(), node: $0.node()) })
    }

    private mutating func virtualMachine() -> VirtualMachine {
        VirtualMachine(
            id: self.vm(), demand: self.resources(), cpuDemandVariance: self.amount(),
            dirtyMiBPerSecond: self.amount(),
            migratability: self.bool() ? .migratable : .rooted(reason: self.text(max: WireLimits.reasonBytesMax)))
    }

    private mutating func resources() -> Resources {
        Resources(
            cpuMillicores: self.amount(), memoryMiB: self.amount(), diskKiBPerSecond: self.amount(),
            networkKiBPerSecond: self.amount())
    }

    private mutating func node() -> NodeID {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789._-")
        let length = self.length(max: NodeID.lengthMax - 1) + 1
        return NodeID(String((0..<length).map { _ in self.element(of: alphabet) }))!
    }

    private mutating func vm() -> VMID {
        VMID("v" + self.text(max: VMID.lengthMax - 1))!
    }
}

// MARK: - Numbers, texts, lists

extension MessageGenerator {
    private mutating func bool() -> Bool { Bool.random(using: &self.rng) }

    /// Small as often as large: any number of bits is as likely.
    private mutating func number() -> UInt64 {
        let bits = Int.random(in: 0...64, using: &self.rng)
        return bits == 0 ? 0 : self.rng.next() >> (64 - bits)
    }

    private mutating func amount() -> Int {
        min(Int(self.number() >> 23), Resources.amountMax)
    }

    private mutating func span() -> Duration { .nanoseconds(Int64(self.number() >> 1)) }

    /// Short as a rule, now and then the longest.
    private mutating func length(max limit: Int) -> Int {
        Int.random(in: 0..<20, using: &self.rng) == 0 ? limit : min(limit, Int(self.number() & 0x1F))
    }

    /// Text of one to four bytes a character, without the characters that names refuse.
    private mutating func text(max limit: Int) -> String {
        let alphabet = ["a", "Z", "0", "-", " ", ":", "ä", "€", "😀"]
        let length = self.length(max: limit)
        var text = ""
        while true {
            let character = self.element(of: alphabet)
            if text.utf8.count + character.utf8.count > length { return text }
            text += character
        }
    }

    private mutating func element<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self.rng)]
    }

    private mutating func optional<Value>(_ make: (inout Self) -> Value) -> Value? {
        self.bool() ? make(&self) : nil
    }

    private mutating func list<Element>(_ make: (inout Self) -> Element) -> [Element] {
        (0..<Int.random(in: 0...5, using: &self.rng)).map { _ in make(&self) }
    }
}

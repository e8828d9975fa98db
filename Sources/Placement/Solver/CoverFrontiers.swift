/// The cover frontiers of the nodes of a search, while VMs are decided and the decisions taken back.
///
/// A frontier depends on nothing but which VMs of the node may still leave, and a search comes back to the same sets
/// again and again; so each is made once and remembered by its set.
struct CoverFrontiers {
    /// How many frontiers are remembered; then all are forgotten.
    private static let rememberedMax = 8_192
    /// Sets of nodes with more residents are not remembered.
    private static let residentsMax = 256

    private struct Key: Hashable {
        var node: Int
        var resource: Int
        var open: SIMD4<UInt64>

        /// One word: looking frontiers up is much of what a search does, and a hash of each lane by itself costs several
        /// times as much.
        func hash(into hasher: inout Hasher) {
            let lanes =
                self.open
                &* SIMD4(0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x27D4_EB2F_1656_67C5)
            hasher.combine(lanes.wrappedSum() ^ UInt64(truncatingIfNeeded: self.node &* 4 &+ self.resource))
        }
    }

    private let model: SearchModel
    /// By node: its residents that may still leave, as bits in the order of ``SearchModel/residents``.
    private var open: [SIMD4<UInt64>]
    /// By VM: its place among the residents of its node.
    private let place: [Int]
    private var isOpen: [Bool]
    private var remembered: [Key: CoverFrontier] = [:]
    /// Work done and not yet accounted for, in entries of frontiers.
    private(set) var entriesMade = 0

    init(_ model: SearchModel) {
        self.model = model
        self.open = Array(repeating: .zero, count: model.nodes.count)
        self.isOpen = Array(repeating: false, count: model.vms.count)
        var place = Array(repeating: 0, count: model.vms.count)
        for vms in model.residents {
            for (index, vm) in vms.enumerated() { place[vm] = index }
        }
        self.place = place
    }

    /// Says that `vm` may leave, or that it has left or will not.
    mutating func set(_ vm: Int, isOpen: Bool) {
        self.isOpen[vm] = isOpen
        let place = self.place[vm]
        guard place < Self.residentsMax else { return }
        let bit: UInt64 = 1 << UInt64(place % 64)
        if isOpen {
            self.open[self.model.origin[vm]][place / 64] |= bit
        } else {
            self.open[self.model.origin[vm]][place / 64] &= ~bit
        }
    }

    /// What freeing any amount of `resource` on `node` costs at least.
    mutating func frontier(of node: Int, _ resource: Int) -> CoverFrontier {
        guard self.model.residents[node].count <= Self.residentsMax else { return self.made(node, resource) }
        let key = Key(node: node, resource: resource, open: self.open[node])
        if let known = self.remembered[key] { return known }
        let frontier = self.made(node, resource)
        if self.remembered.count >= Self.rememberedMax { self.remembered.removeAll(keepingCapacity: true) }
        self.remembered[key] = frontier
        return frontier
    }

    private mutating func made(_ node: Int, _ resource: Int) -> CoverFrontier {
        var frontier = CoverFrontier()
        for vm in self.model.residents[node] where self.isOpen[vm] {
            frontier.add(demand: self.model.demand[vm][resource], cost: self.model.leastHopCost(vm))
            self.entriesMade += frontier.entries.count
        }
        return frontier
    }

    /// Takes the work done since the last time.
    mutating func takeEntriesMade() -> Int {
        defer { self.entriesMade = 0 }
        return self.entriesMade
    }
}

import Basis
import Settings

/// The hosts of a run among which the image is spread.
actor ImageSpread {
    private var plan: SpreadPlan
    private let ports: [NodeID: any DeployableHost]
    private let sites: [NodeID: String]

    init(_ image: FleetImage, ports: [NodeID: any DeployableHost], sites: [NodeID: String]) {
        self.plan = SpreadPlan(arity: image.arity)
        self.ports = ports
        self.sites = sites
    }

    /// Who may give the host the image, in the order in which they are asked.
    func sources(of id: NodeID) -> [any DeployableHost] {
        self.plan.join(id, site: self.sites[id] ?? "").compactMap { self.ports[$0] }
    }

    /// The host failed for good.
    func leave(_ id: NodeID) { self.plan.leave(id) }

    /// Hosts that took part.
    var members: [NodeID] { self.plan.all }
}

extension FleetImage {
    /// How many hosts of its site each one sends to; nil: none.
    fileprivate var arity: Int? {
        switch self.spread {
        case .copies: nil
        case .chain: 1
        case .tree: self.treeArity
        }
    }
}

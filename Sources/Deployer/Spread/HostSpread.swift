import Basis
import Settings

/// The hosts of a run among which files are spread, each kind by a plan of its own.
actor HostSpread {
    private var plans: [SpreadKind: SpreadPlan] = [:]
    private let arity: Int?
    private let ports: [NodeID: any DeployableHost]
    private let sites: [NodeID: String]

    /// - Parameter image: how it is spread is how all files are.
    init(_ image: FleetImage, ports: [NodeID: any DeployableHost], sites: [NodeID: String]) {
        self.arity = image.arity
        self.ports = ports
        self.sites = sites
    }

    /// Who may give the host the file, in the order in which they are asked.
    func sources(of kind: SpreadKind, for id: NodeID) -> [any DeployableHost] {
        self.plans[kind, default: SpreadPlan(arity: self.arity)].join(id, site: self.sites[id] ?? "")
            .compactMap { self.ports[$0] }
    }

    /// The host failed for good.
    func leave(_ id: NodeID) {
        for kind in SpreadKind.allCases { self.plans[kind]?.leave(id) }
    }
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

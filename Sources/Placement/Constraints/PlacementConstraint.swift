package import Basis

/// Something that must hold of a mapping besides that no node is overloaded.
///
/// A constraint is told twice, on purpose: ``breaches(in:of:)`` is its plain meaning, by which mappings and plans are
/// judged; ``searchRules`` is what the solver prunes with. Tests hold one against the other.
///
/// **Discrete and continuous.** Every constraint must hold when the plan is done. A continuous one binds at every
/// instant before that too: with a VM in flight counted on the node it leaves and on the one it enters, and with all
/// arrivals of a step counted before any of its departures, the arrivals of a step may not add a breach to those that
/// there were before the step. So what was broken before the plan may be mended step by step, and what holds, or has
/// been mended, is not broken again. (Breaches only become fewer when a VM leaves a node; so nothing else can go wrong
/// between two steps.)
///
/// **What lies outside.** A constraint may name VMs and nodes that the problem does not have. VMs of
/// ``PlacementProblem/outside`` count where they are said to be; others that are unknown count nowhere. What the VMs
/// outside break among themselves is no breach of the problem. Nodes that the problem does not have take no VM.
package protocol PlacementConstraint: Hashable, Sendable, CustomStringConvertible {
    /// What it is called in snapshots and settings.
    static var typeName: String { get }

    /// The VMs that it names, in the order of their ids, each once.
    var vms: [VMID] { get }

    /// The nodes that it names, in the order of their ids, each once.
    var nodes: [NodeID] { get }

    /// Whether it binds at every instant of a plan, or only at its end.
    var isContinuous: Bool { get }

    /// What is broken when VMs stand as in `occupancy`; empty when it holds. A node more for a VM never makes it fewer.
    ///
    /// - Parameter problem: tells where the VMs were before the plan, what they want and what nodes have.
    func breaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach]

    /// The same meaning in terms of the solver.
    var searchRules: [SearchRule] { get }
}

extension PlacementConstraint {
    package var vms: [VMID] { [] }

    package var nodes: [NodeID] { [] }

    /// What it is called in snapshots and settings.
    package var typeName: String { Self.typeName }

    /// Whether, when it is hard, it decides what is an overload, and so has no breaches of its own.
    package var isPartOfLoad: Bool { self is Preserve || self is Overbook }

    /// What is broken in `mapping`, nobody being in flight.
    package func breaches(in mapping: Mapping, of problem: PlacementProblem) -> [ConstraintBreach] {
        self.breaches(in: Occupancy(mapping, of: problem), of: problem)
    }

    /// As ``breaches(in:of:)``, less as many as VMs outside the problem make among themselves: nothing that is done
    /// within it could mend these.
    package func ownBreaches(in occupancy: Occupancy, of problem: PlacementProblem) -> [ConstraintBreach] {
        let all = self.breaches(in: occupancy, of: problem)
        guard problem.outside.count > 0, !all.isEmpty else { return all }
        let foreign = self.breaches(in: Occupancy(Mapping(), of: problem), of: problem).count
        let outsiders = all.filter { $0.vms.allSatisfy { problem.outside[$0] != nil } }
        let others = all.filter { !outsiders.contains($0) }
        return Array((outsiders + others).dropFirst(foreign))
    }

    /// A breach in which these VMs take part, of which one may be named twice.
    func breach(_ vms: VMID...) -> ConstraintBreach {
        ConstraintBreach(constraint: self.description, vms: Set(vms).sorted())
    }

    /// Its name and what it is about; when it binds is told where that is not as usual.
    func described(_ content: String, isUsuallyContinuous: Bool = false) -> String {
        let binding =
            self.isContinuous == isUsuallyContinuous ? "" : self.isContinuous ? " at every instant" : " at the end"
        return "\(Self.typeName)(\(content))\(binding)"
    }
}

/// One way in which a constraint does not hold. Each counts for one broken constraint.
package struct ConstraintBreach: Hashable, Sendable, CustomStringConvertible {
    /// The constraint, in words.
    package var constraint: String
    /// VMs that take part in it, in the order of their ids.
    package var vms: [VMID]

    package init(constraint: String, vms: [VMID]) {
        self.constraint = constraint
        self.vms = vms
    }

    package var description: String {
        "\(self.constraint) is broken by \(listed(self.vms))"
    }
}

/// More names than this are not read in a sentence: a fence may hold a whole cluster.
private let namedMax = 8

/// The names of a list of VMs or nodes, for descriptions; of a long one the first few, and how many more there are.
func listed(_ names: some Collection<some CustomStringConvertible>) -> String {
    // One more is named rather than counted.
    let isLong = names.count > namedMax + 1
    let named = names.prefix(isLong ? namedMax : names.count).map(\.description).joined(separator: ", ")
    return isLong ? "\(named) and \(names.count - namedMax) more" : named
}

/// The names of lists of VMs or nodes, for descriptions.
func grouped(_ groups: [[some CustomStringConvertible]]) -> String {
    groups.map { "{\(listed($0))}" }.joined(separator: " ")
}

package import Basis

/// What the hard constraints of a problem make of demands and of what nodes may give: ``Preserve`` and ``Overbook``.
package struct LoadRules: Sendable {
    private var floors: [VMID: Resources] = [:]
    private var bookings: [NodeID: ResourcePercents] = [:]

    package init(_ constraints: [any PlacementConstraint]) {
        for constraint in constraints {
            switch constraint {
            case let preserve as Preserve:
                for vm in preserve.vms {
                    let known = self.floors[vm, default: .zero][preserve.resource]
                    self.floors[vm, default: .zero][preserve.resource] = max(known, preserve.amount)
                }
            case let overbook as Overbook:
                for node in overbook.nodes {
                    let known = self.bookings[node, default: .unbounded][overbook.resource]
                    self.bookings[node, default: .unbounded][overbook.resource] = min(known, overbook.ratioPercent)
                }
            default: break
            }
        }
    }

    /// What `vm` counts for.
    package func demand(of vm: VirtualMachine) -> Resources {
        guard let floor = self.floors[vm.id] else { return vm.demand }
        return Resource.allCases.reduce(into: vm.demand) { demand, resource in
            demand[resource] = max(demand[resource], floor[resource])
        }
    }

    /// What the constraints let be asked of `node`, in percent of capacity − reserved.
    package func booking(of node: NodeID) -> ResourcePercents { self.bookings[node] ?? .unbounded }
}

package import Basis

/// Which node hosts which VM.
///
/// Kept as a dictionary for look-ups; whoever walks over it takes ``assignments``, which have an order.
package struct Mapping: Hashable, Sendable {
    private var hosts: [VMID: NodeID]

    package init() {
        self.hosts = [:]
    }

    /// A later assignment of the same VM replaces an earlier one.
    package init(_ assignments: some Sequence<(vm: VMID, node: NodeID)>) {
        self.hosts = [:]
        for assignment in assignments { self.hosts[assignment.vm] = assignment.node }
    }

    /// The node that hosts `vm`, or nil when it is not mapped.
    package subscript(vm: VMID) -> NodeID? {
        get { self.hosts[vm] }
        set { self.hosts[vm] = newValue }
    }

    package var count: Int { self.hosts.count }

    /// Every assignment, in the order of the VMs' ids.
    package var assignments: [(vm: VMID, node: NodeID)] {
        self.hosts.map { (vm: $0.key, node: $0.value) }.sorted { $0.vm < $1.vm }
    }

    /// Calls `body` for every assignment in an order that is another each time: for what does not depend on it.
    func forEachInNoOrder(_ body: (_ vm: VMID, _ node: NodeID) -> Void) {
        for (vm, node) in self.hosts { body(vm, node) }
    }

    /// The VMs on `node`, in the order of their ids.
    package func vms(on node: NodeID) -> [VMID] {
        self.hosts.compactMap { $0.value == node ? $0.key : nil }.sorted()
    }
}

extension Mapping: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (VMID, NodeID)...) {
        self.init(elements.map { (vm: $0.0, node: $0.1) })
    }
}

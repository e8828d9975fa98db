import Basis
package import ControlProtocol
import Placement
package import Snapshots

/// Makes a snapshot of what the daemons of a ring say of their nodes.
///
/// A daemon knows its own guests only, so each is asked; a ring of which not all were asked becomes a partition.
/// Daemons tell neither thresholds nor constraints nor the speed of links: an overload is one above 100 %, and links are
/// of 1,000 Mbit/s.
package struct LiveFleet {
    /// What one daemon says.
    package struct Answers: Sendable {
        package var status: ControlStatus
        package var vms: ControlVMs
        package var ring: ControlRing

        package init(status: ControlStatus, vms: ControlVMs, ring: ControlRing) {
            self.status = status
            self.vms = vms
            self.ring = ring
        }
    }

    /// Guests that stay where they are, and hold their memory there; others are copies that come or go, or no process.
    private static let running = "running"
    private static let paused = "paused"

    private var nodes: [SnapshotNode] = []
    private var vms: [SnapshotVM] = []
    private var seen: Set<VMID> = []
    private var passedOver = 0

    /// - Throws: when names are no names, or two daemons contradict each other.
    package static func imported(_ answers: [Answers]) throws(OperatorFailure) -> ImportedSnapshot {
        var fleet = LiveFleet()
        for answer in answers { try fleet.add(answer) }
        let known = Set(fleet.nodes.map(\.node.id.name))
        let others = Set(answers.flatMap { $0.ring.members }.filter { $0.state == "alive" }.map(\.node))
            .subtracting(known).sorted()
        var notes: [String] = []
        if !others.isEmpty {
            notes.append("alive and not asked, therefore left out: \(others.joined(separator: ", "))".onOneLine)
        }
        if fleet.passedOver > 0 {
            notes.append("guests left out, because they are copies under way or shut off: \(fleet.passedOver)")
        }
        return ImportedSnapshot(
            Snapshot(isPartition: !others.isEmpty, nodes: fleet.nodes, vms: fleet.vms), notes: notes)
    }

    private mutating func add(_ answers: Answers) throws(OperatorFailure) {
        let status = answers.status
        guard let id = NodeID(status.node), !self.nodes.contains(where: { $0.node.id == id }) else {
            throw OperatorFailure(.failed, "two sockets are of the node \(status.node)".onOneLine)
        }
        let member = answers.ring.members.first { $0.node == status.node }
        let isLeaving = status.isDraining || status.isLeaving
        self.nodes.append(
            SnapshotNode(
                Node(
                    id: id, capacity: Resources(status.capacity), reserved: Resources(status.reserved),
                    state: status.hypervisor == nil ? .offline : isLeaving ? .draining : .active,
                    site: member?.site ?? "", rack: member?.rack ?? "")))
        for guest in answers.vms.vms { try self.add(guest, on: id) }
    }

    private mutating func add(_ guest: ControlVM, on node: NodeID) throws(OperatorFailure) {
        guard guest.presence == Self.running || guest.presence == Self.paused else {
            self.passedOver += 1
            return
        }
        guard let id = VMID(guest.vm) else {
            throw OperatorFailure(.failed, "\(node) has a guest without a proper name: \(guest.vm)".onOneLine)
        }
        guard self.seen.insert(id).inserted else {
            throw OperatorFailure(
                .failed, "\(id) runs on two nodes, or moved while they were asked; ask again".onOneLine)
        }
        self.vms.append(
            SnapshotVM(
                VirtualMachine(
                    id: id, demand: Resources(guest.demand), dirtyMiBPerSecond: guest.dirtyMiBPerSecond,
                    migratability: Self.migratability(of: guest)), on: node))
    }

    private static func migratability(of guest: ControlVM) -> Migratability {
        if guest.presence == Self.paused { return .rooted(reason: "it is paused") }
        if !guest.isMigratable { return .rooted(reason: (guest.rootedBecause ?? SnapshotVM.rootedReason).onOneLine) }
        if let left = guest.cooldownLeftMilliseconds, left > 0 {
            return .rooted(reason: "cooldown \(Figures.duration(milliseconds: left))")
        }
        if let doubt = guest.inDoubt { return .rooted(reason: "in doubt: \(doubt.reason)".onOneLine) }
        return .migratable
    }
}

extension Resources {
    fileprivate init(_ resources: ControlResources) {
        self.init(
            cpuMillicores: resources.cpuMillicores, memoryMiB: resources.memoryMiB,
            diskKiBPerSecond: resources.diskKiBPerSecond, networkKiBPerSecond: resources.networkKiBPerSecond)
    }
}

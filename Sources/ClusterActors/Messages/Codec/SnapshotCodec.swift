import Basis
import Hypervisor
import Placement
import Transport

// What a node shows of itself. A snapshot and each of its VMs stand after their lengths, so that both can grow.

/// The tagged fields of a snapshot.
private enum SnapshotTag {
    static let returnBans: UInt64 = 1
}

private enum MigratabilityTag: UInt8 {
    case migratable = 1
    case rooted = 2
}

extension WireWriter {
    mutating func write(_ snapshot: NodeSnapshot) {
        self.write(nested: { writer in
            writer.write(snapshot.node)
            writer.write(list: snapshot.vms.prefix(NodeSnapshot.vmsMax)) { $0.write($1) }
            writer.write(percent: snapshot.thresholds.overloadPercent)
            writer.write(percent: snapshot.thresholds.underloadPercent)
            writer.write(span: snapshot.age)
            guard !snapshot.returnBans.isEmpty else { return }
            writer.write(tag: SnapshotTag.returnBans) { writer in
                writer.write(list: snapshot.returnBans.prefix(NodeSnapshot.returnBansMax)) { writer, ban in
                    writer.write(ban.vm)
                    writer.write(node: ban.node)
                }
            }
        })
    }

    private mutating func write(_ node: Node) {
        self.write(node: node.id)
        self.write(node.capacity)
        self.write(node.reserved)
        self.write(enumeration: node.state)
        self.write(text: node.site, maxBytes: MemberDescription.placeBytesMax)
        self.write(text: node.rack, maxBytes: MemberDescription.placeBytesMax)
        self.write(amount: node.linkMbps)
    }

    private mutating func write(_ vm: VirtualMachine) {
        self.write(nested: { writer in
            writer.write(vm.id)
            writer.write(vm.demand)
            writer.write(amount: vm.cpuDemandVariance)
            writer.write(amount: vm.dirtyMiBPerSecond)
            switch vm.migratability {
            case .migratable:
                writer.write(enumeration: MigratabilityTag.migratable)
            case .rooted(let reason):
                writer.write(enumeration: MigratabilityTag.rooted)
                writer.write(reason: reason)
            }
        })
    }

    mutating func write(_ resources: Resources) {
        self.write(amount: resources.cpuMillicores)
        self.write(amount: resources.memoryMiB)
        self.write(amount: resources.diskKiBPerSecond)
        self.write(amount: resources.networkKiBPerSecond)
    }

    mutating func write(_ progress: MigrationProgress) {
        self.write(span: progress.elapsed)
        self.write(amount: progress.sentMiB)
        self.write(amount: progress.remainingMiB)
        self.write(amount: progress.round)
    }

    private mutating func write(percent: Int) {
        self.write(varint: UInt64(min(max(0, percent), WireLimits.percentMax)))
    }
}

extension WireReader {
    mutating func snapshot() throws(CodecError) -> NodeSnapshot {
        try self.nested { (reader) throws(CodecError) in
            var snapshot = NodeSnapshot(
                node: try reader.placementNode(),
                vms: try reader.list(max: NodeSnapshot.vmsMax) { (reader) throws(CodecError) in
                    try reader.virtualMachine()
                },
                thresholds: LoadThresholds(
                    overloadPercent: try reader.integer(max: WireLimits.percentMax),
                    underloadPercent: try reader.integer(max: WireLimits.percentMax)),
                age: try reader.span())
            try reader.taggedFields { (tag, field) throws(CodecError) in
                guard tag == SnapshotTag.returnBans else { return field.skip() }
                snapshot.returnBans = try field.list(max: NodeSnapshot.returnBansMax) { (reader) throws(CodecError) in
                    ReturnBan(vm: try reader.vm(), node: try reader.node())
                }
            }
            return snapshot
        }
    }

    private mutating func placementNode() throws(CodecError) -> Node {
        Node(
            id: try self.node(), capacity: try self.resources(), reserved: try self.resources(),
            state: try self.enumeration(), site: try self.string(maxBytes: MemberDescription.placeBytesMax),
            rack: try self.string(maxBytes: MemberDescription.placeBytesMax), linkMbps: try self.amount())
    }

    private mutating func virtualMachine() throws(CodecError) -> VirtualMachine {
        try self.nested { (reader) throws(CodecError) in
            let vm = VirtualMachine(
                id: try reader.vm(), demand: try reader.resources(), cpuDemandVariance: try reader.amount(),
                dirtyMiBPerSecond: try reader.amount(), migratability: try reader.migratability())
            try reader.skipTaggedFields()
            return vm
        }
    }

    private mutating func migratability() throws(CodecError) -> Migratability {
        switch try self.enumeration(MigratabilityTag.self) {
        case .migratable: .migratable
        case .rooted: .rooted(reason: try self.reason())
        }
    }

    mutating func resources() throws(CodecError) -> Resources {
        Resources(
            cpuMillicores: try self.amount(), memoryMiB: try self.amount(), diskKiBPerSecond: try self.amount(),
            networkKiBPerSecond: try self.amount())
    }

    mutating func progress() throws(CodecError) -> MigrationProgress {
        MigrationProgress(
            elapsed: try self.span(), sentMiB: try self.amount(), remainingMiB: try self.amount(),
            round: try self.amount())
    }
}

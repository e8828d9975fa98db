import Basis
import ClusterActors
import ControlProtocol
import Hypervisor
import Journal
import Placement
import Transport

// What the agent and the journal know, as the control socket tells it.

extension ControlStatus {
    init(_ status: AgentStatus, traffic: ControlTraffic, uptime: Duration, at now: MonotonicInstant) {
        self.init(
            node: status.node.name, boot: status.boot, mode: status.mode.rawValue, isPaused: status.marks.isPaused,
            isDraining: status.marks.isDraining, isLeaving: status.isLeaving, hypervisor: status.hypervisor,
            capacity: ControlResources(status.capacity), reserved: ControlResources(status.reserved),
            load: ControlResources(status.load), vms: status.vmCount, reservation: status.reservation,
            heldBy: status.holder?.isp.description, epoch: status.holder?.epoch.description, flights: status.flights,
            ownISP: status.ownISP?.description, ownPhase: status.ownPhase, triggers: status.triggers.map { "\($0)" },
            inDoubt: status.guestsInDoubt.map { ControlDoubt($0, namingVM: true, at: now) },
            refusedReturns: status.refusedReturns, liveMembers: status.liveMembers, members: status.members,
            recommendations: status.recommendations.map { ControlRecommendation($0, at: now) }, transport: traffic,
            uptimeMilliseconds: Int(uptime.inMilliseconds))
    }
}

extension ControlRecommendation {
    init(_ recommendation: Recommendation, at now: MonotonicInstant) {
        self.init(
            isp: recommendation.isp.description, trigger: "\(recommendation.trigger)",
            ageMilliseconds: Int((now - recommendation.madeAt).inMilliseconds),
            migrations: recommendation.plan.migrations.map {
                ControlMove(vm: $0.vm.name, from: $0.from.name, to: $0.to.name, reason: "\($0.reason)")
            },
            memoryMiB: recommendation.plan.memoryMiB)
    }
}

extension ControlDoubt {
    init(_ doubt: InDoubt, namingVM: Bool, at now: MonotonicInstant) {
        let record = doubt.record
        self.init(
            vm: namingVM ? record.vm.name : nil, reason: doubt.reason, peer: record.peer.name, role: "\(record.role)",
            action: record.action.description, phase: "\(record.phase)",
            sinceMilliseconds: Int((now - doubt.since).inMilliseconds))
    }
}

extension ControlVM {
    init(_ guest: GuestStatus, at now: MonotonicInstant) {
        var rooted: String?
        if case .rooted(let reason) = guest.migratability { rooted = reason }
        self.init(
            vm: guest.vm.name, presence: guest.presence.word, demand: ControlResources(guest.demand),
            dirtyMiBPerSecond: guest.dirtyMiBPerSecond, isMigratable: rooted == nil, rootedBecause: rooted,
            cooldownLeftMilliseconds: guest.cooldownLeft.map { Int($0.inMilliseconds) },
            inDoubt: guest.inDoubt.map { ControlDoubt($0, namingVM: false, at: now) })
    }
}

extension DomainPresence {
    /// The word for it on the control socket.
    var word: String {
        switch self {
        case .absent: "absent"
        case .running: "running"
        case .pausedIncoming: "paused_incoming"
        case .pausedOutgoing: "paused_outgoing"
        case .pausedOtherwise: "paused"
        case .shutOff: "shut_off"
        }
    }
}

extension ControlRing {
    init(_ members: [MemberUpdate], own: NodeID) {
        self.init(
            members: members.map { update in
                ControlMember(
                    node: update.member.id.name, address: update.member.address, site: update.member.site,
                    rack: update.member.rack, state: "\(update.state)", incarnation: update.incarnation,
                    isSelf: update.member.id == own)
            })
    }
}

extension ControlResources {
    init(_ resources: Resources) {
        self.init(
            cpuMillicores: resources.cpuMillicores, memoryMiB: resources.memoryMiB,
            diskKiBPerSecond: resources.diskKiBPerSecond, networkKiBPerSecond: resources.networkKiBPerSecond)
    }
}

extension ControlTraffic {
    init(_ statistics: TransportStatistics, connections: Int) {
        self.init(
            framesIn: statistics.framesIn, framesOut: statistics.framesOut, bytesIn: statistics.bytesIn,
            bytesOut: statistics.bytesOut, connections: UInt64(connections), timeouts: statistics.timeouts,
            refusalsSent: statistics.refusalsSent, refusalsReceived: statistics.refusalsReceived)
    }
}

extension ControlExplanation {
    init(isps: [ISPEntry], migrations: [MigrationEntry], events: [EventEntry]) {
        self.init(
            isps: isps.map(ControlISP.init), migrations: migrations.map(ControlMigration.init),
            events: events.map(ControlEvent.init))
    }

    var isEmpty: Bool { self.isps.isEmpty && self.migrations.isEmpty && self.events.isEmpty }
}

extension ControlEvent {
    init(_ entry: EventEntry) {
        self.init(
            sequence: entry.sequence, wallMilliseconds: entry.wallMilliseconds, kind: entry.kind, isp: entry.isp,
            vm: entry.vm, text: entry.text, facts: entry.facts)
    }
}

extension ControlISP {
    init(_ entry: ISPEntry) {
        let ending = entry.ending
        self.init(
            isp: entry.isp, trigger: entry.trigger, reason: entry.reason, birth: entry.birth,
            startedWallMilliseconds: entry.startedWallMilliseconds, endedWallMilliseconds: ending?.wallMilliseconds,
            outcome: ending?.outcome, detail: ending?.detail, tookMilliseconds: ending?.tookMilliseconds,
            decideMilliseconds: ending?.decideMilliseconds, membersPeak: ending?.membersPeak,
            nodesAsked: ending?.nodesAsked, hops: ending?.hops, sweeps: ending?.sweeps, messages: ending?.messages,
            solves: ending?.solves, solveSteps: ending?.solveSteps, solveMicroseconds: ending?.solveMicroseconds,
            migrations: ending?.migrations, movedMiB: ending?.movedMiB)
    }
}

extension ControlMigration {
    init(_ entry: MigrationEntry) {
        self.init(
            action: entry.action, isp: entry.isp, vm: entry.vm, from: entry.from, to: entry.to,
            startedWallMilliseconds: entry.startedWallMilliseconds, tookMilliseconds: entry.ending?.tookMilliseconds,
            result: entry.ending?.result, movedMiB: entry.ending?.movedMiB)
    }
}

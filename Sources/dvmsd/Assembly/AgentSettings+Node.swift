import ClusterActors
import Placement
import Settings
import Transport

extension AgentSettings {
    /// What the agent of one node is set to, by its config file.
    init(_ node: NodeSettings) {
        self.init()
        self.mode =
            switch node.mode {
            case .off: .off
            case .recommend: .recommend
            case .auto: .auto
            }
        self.timings = ProtocolTimings(node)
        self.limits.membersMin = node.reservation.partitionNodesMin
        self.limits.membersMax = node.reservation.partitionNodesMax
        self.limits.hopsMax = node.reservation.hopsMax
        self.limits.resolvesMax = node.reservation.maxResolves
        self.limits.replansMax = node.reservation.maxReplans
        self.limits.solverStepsMax = node.solver.stepsMax
        self.triggers = ClusterActors.TriggerSettings(node)
        self.migration = ClusterActors.MigrationSettings(node)
        self.constraints = node.constraints.map(\.constraint)
        self.reserved = node.reserve
        self.linkMbps = node.linkMbps
    }
}

extension ProtocolTimings {
    init(_ node: NodeSettings) {
        self.init()
        let reservation = node.reservation
        self.lease = reservation.lease
        self.renewInterval = reservation.renewInterval
        self.requestTimeout = reservation.requestTimeout
        self.margin = reservation.margin
        self.clockDriftPartsPerMillion = reservation.rhoPartsPerMillion
        self.waitPoll = reservation.waitPoll
        self.resweepDelay = reservation.resweepDelay
        self.resweepDelayMax = reservation.resweepDelayMax
        self.blockedWait = reservation.blockedWait
        self.actionPoll = reservation.actionPoll
        self.flightTimeoutMin = node.migration.timeLimitFloor
        self.flightTimeoutMax = node.migration.timeLimitCeiling
        self.ispDeadline = reservation.ispDeadline
    }
}

extension ClusterActors.TriggerSettings {
    init(_ node: NodeSettings) {
        self.init()
        self.thresholds = node.thresholds
        self.overloadEnabled = node.triggers.overloadEnabled
        self.hold = node.triggers.overloadHoldSamples
        self.holdExceeded = node.triggers.exceededHoldSamples
        self.underloadEnabled = node.triggers.underloadEnabled
        self.underloadDelayMax = node.triggers.underloadDelayMax
        self.retryDelay = node.triggers.retryDelay
        self.retryDelayMax = node.triggers.retryDelayMax
        self.sampleInterval = node.sampling.interval
        self.halfLife = node.sampling.halfLife
    }
}

extension ClusterActors.MigrationSettings {
    init(_ node: NodeSettings) {
        self.init()
        self.incomingMax = node.migration.perNodeIn
        self.outgoingMax = node.migration.perNodeOut
        self.bandwidthMiBPerSecond = node.migration.bandwidthMiBPerSecond
        self.autoConverge = node.migration.autoConverge
        if case .libvirt(let libvirt) = node.hypervisor { self.tls = libvirt.tls }
        self.cooldown = node.cooldown.base
        self.cooldownMax = node.cooldown.ceiling
        self.pingPongWindow = node.cooldown.pingPongWindow
        self.costWeights = node.migration.costWeights
        self.demandPersistencePercent = node.migration.demandPersistencePercent
    }
}

extension MembershipSettings {
    init(_ settings: FailureDetectionSettings) {
        self.init()
        self.probeInterval = settings.probeInterval
        self.probeTimeout = settings.probeTimeout
        self.indirectProbes = settings.indirectProbes
        self.gossipMultiplier = settings.gossipMultiplier
        self.suspicionBasePeriods = settings.suspicionBasePeriods
        self.suspicionPeriodsPerDoubling = settings.suspicionPeriodsPerDoubling
        self.suspicionMaxFactor = settings.suspicionMaxFactor
        self.suspicionConfirmations = settings.suspicionConfirmations
        self.healthMax = settings.healthMax
        self.exchangeInterval = settings.exchangeInterval
        self.healInterval = settings.healInterval
    }
}

extension ConstraintSettings {
    var constraint: any PlacementConstraint {
        switch self {
        case .spread(let vms): Spread(vms)
        case .gather(let vms): Gather(vms)
        case .fence(let vms, let nodes): Fence(vms, to: nodes)
        case .ban(let vms, let nodes): Ban(vms, from: nodes)
        case .root(let vms): Root(vms)
        }
    }
}

extension RingConfig {
    /// - Throws: ``RingConfigError``, for what the settings' own checks leave to it.
    convenience init(_ ring: RingSettings) throws(RingConfigError) {
        try self.init(
            members: ring.nodes.map(MemberDescription.init), order: ring.order == .listed ? .listed : .siteRackID)
    }
}

extension MemberDescription {
    init(_ node: RingNodeSettings) {
        self.init(id: node.id, address: node.address.description, site: node.site, rack: node.rack)
    }
}

extension CertificateFiles {
    init(_ tls: TLSSettings) {
        self.init(authority: tls.ca, certificate: tls.certificate, key: tls.key)
    }
}

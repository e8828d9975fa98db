/// One node as its operator looks at it.
package struct ControlStatus: Hashable, Sendable, Codable {
    package var node: String
    package var boot: UInt64
    /// `off`, `recommend` or `auto`.
    package var mode: String
    package var isPaused: Bool
    package var isDraining: Bool
    package var isLeaving: Bool
    /// What it calls itself; null when it does not answer.
    @ControlNullable package var hypervisor: String?
    package var capacity: ControlResources
    /// What of the capacity is kept back for the host itself.
    package var reserved: ControlResources
    /// The sum of the guests' demands.
    package var load: ControlResources
    /// How many guests it hosts.
    package var vms: Int
    /// `free`, `reserved`, `executing`, `releasing` or `recovering`.
    package var reservation: String
    /// The ISP that holds the node, and the epoch of its grant.
    package var heldBy: String?
    package var epoch: String?
    /// Migrations in which the node takes part now.
    package var flights: Int
    /// The ISP that this node runs, and what it is doing.
    package var ownISP: String?
    package var ownPhase: String?
    /// Those that hold.
    package var triggers: [String]
    package var inDoubt: [ControlDoubt]
    /// How often a guest was kept from going back to where it had just come from.
    package var refusedReturns: Int
    package var liveMembers: Int
    package var members: Int
    package var recommendations: [ControlRecommendation]
    package var transport: ControlTraffic
    package var uptimeMilliseconds: Int

    package init(
        node: String, boot: UInt64, mode: String, isPaused: Bool, isDraining: Bool, isLeaving: Bool,
        hypervisor: String?, capacity: ControlResources, reserved: ControlResources, load: ControlResources, vms: Int,
        reservation: String, heldBy: String? = nil, epoch: String? = nil, flights: Int, ownISP: String? = nil,
        ownPhase: String? = nil, triggers: [String], inDoubt: [ControlDoubt], refusedReturns: Int, liveMembers: Int,
        members: Int, recommendations: [ControlRecommendation], transport: ControlTraffic, uptimeMilliseconds: Int
    ) {
        self.node = node
        self.boot = boot
        self.mode = mode
        self.isPaused = isPaused
        self.isDraining = isDraining
        self.isLeaving = isLeaving
        self.hypervisor = hypervisor
        self.capacity = capacity
        self.reserved = reserved
        self.load = load
        self.vms = vms
        self.reservation = reservation
        self.heldBy = heldBy
        self.epoch = epoch
        self.flights = flights
        self.ownISP = ownISP
        self.ownPhase = ownPhase
        self.triggers = triggers
        self.inDoubt = inDoubt
        self.refusedReturns = refusedReturns
        self.liveMembers = liveMembers
        self.members = members
        self.recommendations = recommendations
        self.transport = transport
        self.uptimeMilliseconds = uptimeMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case node, boot, mode
        case isPaused = "paused"
        case isDraining = "draining"
        case isLeaving = "leaving"
        case hypervisor, capacity, reserved, load, vms, reservation
        case heldBy = "held_by"
        case epoch, flights
        case ownISP = "own_isp"
        case ownPhase = "own_phase"
        case triggers
        case inDoubt = "in_doubt"
        case refusedReturns = "refused_returns"
        case liveMembers = "live_members"
        case members, recommendations, transport
        case uptimeMilliseconds = "uptime_ms"
    }
}

/// A plan that waits for the operator.
package struct ControlRecommendation: Hashable, Sendable, Codable {
    /// What `apply` takes.
    package var isp: String
    package var trigger: String
    package var ageMilliseconds: Int
    package var migrations: [ControlMove]
    /// How much memory would be moved.
    package var memoryMiB: Int

    package init(isp: String, trigger: String, ageMilliseconds: Int, migrations: [ControlMove], memoryMiB: Int) {
        self.isp = isp
        self.trigger = trigger
        self.ageMilliseconds = ageMilliseconds
        self.migrations = migrations
        self.memoryMiB = memoryMiB
    }

    private enum CodingKeys: String, CodingKey {
        case isp, trigger
        case ageMilliseconds = "age_ms"
        case migrations
        case memoryMiB = "memory_mib"
    }
}

/// One migration of a plan.
package struct ControlMove: Hashable, Sendable, Codable {
    package var vm: String
    package var from: String
    package var to: String
    package var reason: String

    package init(vm: String, from: String, to: String, reason: String) {
        self.vm = vm
        self.from = from
        self.to = to
        self.reason = reason
    }
}

/// What went between this agent and the others since the daemon started.
package struct ControlTraffic: Hashable, Sendable, Codable {
    package var framesIn: UInt64
    package var framesOut: UInt64
    package var bytesIn: UInt64
    package var bytesOut: UInt64
    /// Open now.
    package var connections: UInt64
    /// Requests that were not answered in time.
    package var timeouts: UInt64
    package var refusalsSent: UInt64
    package var refusalsReceived: UInt64

    package init(
        framesIn: UInt64, framesOut: UInt64, bytesIn: UInt64, bytesOut: UInt64, connections: UInt64, timeouts: UInt64,
        refusalsSent: UInt64, refusalsReceived: UInt64
    ) {
        self.framesIn = framesIn
        self.framesOut = framesOut
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.connections = connections
        self.timeouts = timeouts
        self.refusalsSent = refusalsSent
        self.refusalsReceived = refusalsReceived
    }

    private enum CodingKeys: String, CodingKey {
        case framesIn = "frames_in"
        case framesOut = "frames_out"
        case bytesIn = "bytes_in"
        case bytesOut = "bytes_out"
        case connections, timeouts
        case refusalsSent = "refusals_sent"
        case refusalsReceived = "refusals_received"
    }
}

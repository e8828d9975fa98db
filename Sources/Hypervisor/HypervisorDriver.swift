package import Basis
package import Placement

/// The port to the hypervisor of one node: libvirt, or a modelled one.
///
/// Calls may take long and may fail at any moment with the effect having happened or not; the caller finds out with
/// ``presence(of:)``. Everything here is idempotent. Nothing here decides whether a guest may run: that is the
/// handover's decision (PROTOCOL.md §9), carried out with ``resume(_:)`` and ``discardPausedCopy(of:)``.
package protocol HypervisorDriver: Sendable {
    /// What the host is and can do. Read again after each reconnection.
    func describeHost() async throws(HypervisorError) -> HostDescription

    /// Every domain of this host whose name can be a VM's, with its demand, in one bulk call.
    ///
    /// - Throws: ``HypervisorError`` rather than leave out a domain that is here: who is left out is taken for absent.
    func sample() async throws(HypervisorError) -> HostSample

    /// Where `vm` stands on this host, asked of the hypervisor at this instant.
    func presence(of vm: VMID) async throws(HypervisorError) -> DomainPresence

    /// Where `vm` stands on another host, asked of *its* hypervisor, not of its agent.
    ///
    /// - Throws: ``HypervisorError/unreachable(_:)`` when that hypervisor does not answer: the truth is unknown.
    func presence(of vm: VMID, at host: MigrationEndpoint) async throws(HypervisorError) -> DomainPresence

    /// Why a guest with this requirement (``DomainSample/cpuRequirement`` of its source) cannot run here; nil when it can.
    func admits(cpuRequirement: String) async throws(HypervisorError) -> String?

    /// Opens the way for one incoming guest: data for it may flow in until ``closeIncoming(_:)``.
    func openIncoming(_ ticket: MigrationTicket) async throws(HypervisorError)

    /// Voids the ticket and aborts an incoming job that it let in. Does not touch a guest that has fully arrived.
    func closeIncoming(_ ticket: MigrationTicket) async throws(HypervisorError)

    /// Copies a running guest to another host. On return the guest has arrived there **paused**, and here it does not
    /// run: its copy is paused or gone. The caller decides what becomes of both.
    ///
    /// `onProgress` is called a few times a second at the most, on any thread.
    ///
    /// - Throws: ``HypervisorError``. The guest may be in any state on both sides, even arrived: ask both.
    ///   When the task is cancelled, the job is aborted and the call throws as soon as that is done.
    func migrate(
        _ order: MigrationOrder, onProgress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws(HypervisorError)

    /// Asks the hypervisor to stop an outgoing migration of `vm`. Nothing happens when there is none.
    func abortMigration(of vm: VMID) async throws(HypervisorError)

    /// Lets a paused guest run. Nothing happens when it runs already.
    ///
    /// - Throws: ``HypervisorError/noSuchVM(_:)`` when it is not here.
    func resume(_ vm: VMID) async throws(HypervisorError)

    /// Destroys the copy of `vm` on this host **if it is paused**, with its definition; also a definition alone, if it
    /// bears a mark, as the reboot of a host leaves it. Nothing happens when it is gone.
    ///
    /// - Throws: ``HypervisorError/refused(_:)`` when it runs: a running guest is never destroyed through this port.
    func discardPausedCopy(of vm: VMID) async throws(HypervisorError)

    /// Writes the mark into the guest's own metadata, which travels with it; nil takes it away.
    func setMark(_ mark: HandoverMark?, on vm: VMID) async throws(HypervisorError)

    /// What changes on the host, from now on. Ends when the driver is closed. An event may be lost: samples are the truth.
    func events() -> AsyncStream<HypervisorEvent>
}

/// Which side of a hypervisor call failed, and how.
package enum HypervisorError: Error, Hashable, Sendable {
    /// The hypervisor (this host's or the named other's) does not answer.
    case unreachable(String)
    case noSuchVM(VMID)
    /// The hypervisor, or this driver on its behalf, will not do it; the text is for the operator.
    case refused(String)
    /// It was begun and failed; the text is the hypervisor's own.
    case failed(String)
    /// It was aborted: by us, by cancellation, or by the time limit of the order.
    case aborted(String)
}

extension HypervisorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let text): "unreachable: \(text)"
        case .noSuchVM(let vm): "there is no \(vm)"
        case .refused(let text): "refused: \(text)"
        case .failed(let text): text
        case .aborted(let text): "aborted: \(text)"
        }
    }
}

/// What a host is.
package struct HostDescription: Hashable, Sendable {
    package var capacity: Resources
    /// For people: "libvirt 9.0.0, QEMU 10.0.8, KVM", "modelled".
    package var hypervisor: String
    /// Where other hosts send migrations to, and ask for presence.
    package var endpoint: MigrationEndpoint
    /// What guests must not exceed to be able to run here, opaque to everything but the driver of the same kind
    /// (libvirt: the host CPU description). Compared by the destination's driver.
    package var cpuModel: String

    package init(capacity: Resources, hypervisor: String, endpoint: MigrationEndpoint, cpuModel: String) {
        self.capacity = capacity
        self.hypervisor = hypervisor
        self.endpoint = endpoint
        self.cpuModel = cpuModel
    }
}

/// How a host's hypervisor is reached from another host, as the drivers of one kind understand it
/// (libvirt: a connection URI; modelled: a socket path).
package struct MigrationEndpoint: Hashable, Sendable {
    /// At most ``lengthMax`` bytes.
    package var uri: String
    package static let lengthMax = 1_024

    package init(uri: String) {
        self.uri = uri
    }
}

/// All domains of a host at one instant.
package struct HostSample: Hashable, Sendable {
    package var takenAt: MonotonicInstant
    /// In the order of their ids.
    package var domains: [DomainSample]

    package init(takenAt: MonotonicInstant, domains: [DomainSample]) {
        self.takenAt = takenAt
        self.domains = domains
    }
}

/// One domain of a host.
package struct DomainSample: Hashable, Sendable {
    package var vm: VMID
    package var presence: DomainPresence
    /// Demand over the last sampling interval, not smoothed: CPU time plus time its vCPUs waited to run; memory it may
    /// use; disk and network rates. Nil for a domain seen for the first time or without counters (paused).
    package var demand: Resources?
    package var dirtyMiBPerSecond: Int
    package var migratability: Migratability
    package var mark: HandoverMark?
    /// An outgoing or incoming migration job that the hypervisor reports now.
    package var job: MigrationJob?
    /// What another host must offer to run it, opaque (libvirt: the guest's CPU description).
    package var cpuRequirement: String

    package init(
        vm: VMID, presence: DomainPresence, demand: Resources?, dirtyMiBPerSecond: Int = 0,
        migratability: Migratability = .migratable, mark: HandoverMark? = nil, job: MigrationJob? = nil,
        cpuRequirement: String = ""
    ) {
        self.vm = vm
        self.presence = presence
        self.demand = demand
        self.dirtyMiBPerSecond = dirtyMiBPerSecond
        self.migratability = migratability
        self.mark = mark
        self.job = job
        self.cpuRequirement = cpuRequirement
    }
}

/// How a domain stands on one host.
package enum DomainPresence: UInt8, Hashable, Sendable, CaseIterable {
    case absent = 1
    case running = 2
    /// Memory of a guest that is still flowing in, or that has arrived and was not yet let run.
    case pausedIncoming = 3
    /// The copy that stayed behind after its memory went to another host.
    case pausedOutgoing = 4
    /// Paused by somebody else: the operator, an I/O error. Not ours to resume.
    case pausedOtherwise = 5
    /// Defined, with no process.
    case shutOff = 6
}

/// What the hypervisor says of a migration job.
package enum MigrationJob: UInt8, Hashable, Sendable, CaseIterable {
    case outgoing = 1
    case incoming = 2
}

/// The right of one guest to flow into one host, once.
package struct MigrationTicket: Hashable, Sendable {
    package var vm: VMID
    package var source: NodeID
    /// Unique among the tickets of the destination.
    package var number: UInt64

    package init(vm: VMID, source: NodeID, number: UInt64) {
        self.vm = vm
        self.source = source
        self.number = number
    }
}

/// One migration, as the source's driver is told to do it.
package struct MigrationOrder: Hashable, Sendable {
    package var ticket: MigrationTicket
    package var destination: NodeID
    package var endpoint: MigrationEndpoint
    package var mark: HandoverMark
    package var limits: MigrationLimits

    package init(
        ticket: MigrationTicket, destination: NodeID, endpoint: MigrationEndpoint, mark: HandoverMark,
        limits: MigrationLimits
    ) {
        self.ticket = ticket
        self.destination = destination
        self.endpoint = endpoint
        self.mark = mark
        self.limits = limits
    }
}

package struct MigrationLimits: Hashable, Sendable {
    /// 0: as fast as the link goes.
    package var bandwidthMiBPerSecond: Int
    /// After this the job is aborted.
    package var timeLimit: Duration
    /// Slow the guest down when its memory does not converge.
    package var autoConverge: Bool
    /// Encrypt the memory stream.
    package var tls: Bool

    package init(bandwidthMiBPerSecond: Int, timeLimit: Duration, autoConverge: Bool, tls: Bool) {
        self.bandwidthMiBPerSecond = bandwidthMiBPerSecond
        self.timeLimit = timeLimit
        self.autoConverge = autoConverge
        self.tls = tls
    }
}

package struct MigrationProgress: Hashable, Sendable {
    package var elapsed: Duration
    package var sentMiB: Int
    package var remainingMiB: Int
    /// Passes over the guest's memory so far, from 1.
    package var round: Int

    package init(elapsed: Duration, sentMiB: Int, remainingMiB: Int, round: Int) {
        self.elapsed = elapsed
        self.sentMiB = sentMiB
        self.remainingMiB = remainingMiB
        self.round = round
    }
}

/// Which handover a guest is part of; it stands in the guest's metadata and so travels with it, so that whoever finds
/// a paused copy knows whom to ask (PROTOCOL.md §9).
package struct HandoverMark: Hashable, Sendable {
    /// The ISP in its text form, `node#boot.seq`.
    package var isp: String
    /// The number of the action within that ISP.
    package var action: UInt64
    package var source: NodeID
    package var sourceEndpoint: MigrationEndpoint
    package var destination: NodeID

    package init(
        isp: String, action: UInt64, source: NodeID, sourceEndpoint: MigrationEndpoint, destination: NodeID
    ) {
        self.isp = isp
        self.action = action
        self.source = source
        self.sourceEndpoint = sourceEndpoint
        self.destination = destination
    }
}

package enum HypervisorEvent: Hashable, Sendable {
    /// The domain's presence changed in some way; ask.
    case changed(VMID)
    /// The connection to the hypervisor was lost; calls throw `unreachable` until it is back.
    case disconnected
    case connected
}

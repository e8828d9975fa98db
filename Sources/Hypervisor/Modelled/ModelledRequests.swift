package import Basis
package import Placement

/// What can be asked of a modelled host: the calls of ``HypervisorDriver``, then what only an operator may do.
package enum ModelledRequest: Hashable, Sendable {
    case describeHost
    case sample
    case presence(VMID)
    case openIncoming(MigrationTicket)
    case closeIncoming(MigrationTicket)
    case migrate(MigrationOrder)
    case abortMigration(VMID)
    case resume(VMID)
    case discardPausedCopy(VMID)
    case setMark(HandoverMark?, VMID)

    case listDomains
    /// Nil leaves the dirty rate as it is.
    case setDemand(VMID, cpuMillicores: Int, dirtyMiBPerSecond: Int?)
    case setRates(VMID, ModelledRates)
    /// Starts a new guest, or one that is shut off.
    case boot(ModelledGuest)
    /// Pauses a running guest as an operator does (`pausedOtherwise`), or ends such a pause.
    case setPaused(VMID, Bool)
    case setFaults(ModelledFaults)

    /// Whether it reaches the host even when the hypervisor is told to be silent: it steers the model itself.
    var steersTheModel: Bool {
        switch self {
        case .listDomains, .setDemand, .setRates, .boot, .setPaused, .setFaults: true
        case .describeHost, .sample, .presence, .openIncoming, .closeIncoming, .migrate, .abortMigration, .resume,
            .discardPausedCopy, .setMark:
            false
        }
    }
}

/// What a guest wants besides its CPUs from now on; nil leaves a rate as it is.
package struct ModelledRates: Hashable, Sendable {
    package var diskKiBPerSecond: Int?
    package var networkKiBPerSecond: Int?
    package var dirtyMiBPerSecond: Int?

    package init(diskKiBPerSecond: Int? = nil, networkKiBPerSecond: Int? = nil, dirtyMiBPerSecond: Int? = nil) {
        self.diskKiBPerSecond = diskKiBPerSecond
        self.networkKiBPerSecond = networkKiBPerSecond
        self.dirtyMiBPerSecond = dirtyMiBPerSecond
    }
}

/// What a modelled host answers. Each request has exactly one reply; that of `migrate` comes when the migration ended.
package enum ModelledReply: Hashable, Sendable {
    case done
    case host(HostDescription)
    /// In the order of their ids. Whoever asked stamps it with its own clock.
    case sample([DomainSample])
    case presence(DomainPresence)
    case domains([ModelledDomainListing])
    case failure(HypervisorError)
}

/// One request under way at a host; the shell around the host's state numbers them.
package struct ModelledCallID: Hashable, Sendable {
    package var number: UInt64

    package init(number: UInt64) {
        self.number = number
    }
}

/// One end of a stream between two hosts: one migration.
package enum ModelledStreamID: Hashable, Sendable {
    /// Opened by this host and numbered by its state.
    case outgoing(UInt64)
    /// Opened by another host and numbered by the shell.
    case incoming(UInt64)
}

/// What two hosts say to each other about one guest.
package enum ModelledStreamMessage: Hashable, Sendable {
    // Source to destination.
    case begin(MigrationTicket, destination: NodeID, ModelledGuest)
    /// So many bytes of a round went over the link since the last of these or ``roundEnded(round:bytes:)``.
    case memory(round: Int, bytes: Int)
    case roundEnded(round: Int, bytes: Int)
    /// The last memory and the state of the suspended guest.
    case final(ModelledGuest)
    // Destination to source.
    case accepted(bytesPerSecond: Int)
    case refused(reason: String)
    /// What the destination's link can give to this migration from now on.
    case share(bytesPerSecond: Int)
    case roundTaken(round: Int)
    case arrived
    // Either way.
    case aborted(reason: String)
}

/// What happens to a modelled host.
package enum ModelledEvent: Hashable, Sendable {
    case request(ModelledRequest, ModelledCallID)
    case streamOpened(ModelledStreamID)
    case received(ModelledStreamMessage, ModelledStreamID)
    /// The other end is gone, or could not be reached.
    case streamBroken(ModelledStreamID, reason: String)
    /// `nextDeadline` of the state has passed.
    case timePassed
}

extension ModelledEvent {
    /// Whether it is a question that changes nothing on the host.
    var onlyLooks: Bool {
        switch self {
        case .request(.describeHost, _), .request(.sample, _), .request(.presence, _), .request(.listDomains, _): true
        case .request, .streamOpened, .received, .streamBroken, .timePassed: false
        }
    }
}

/// What a modelled host wants done.
package enum ModelledEffect: Hashable, Sendable {
    case reply(ModelledReply, ModelledCallID, after: Duration)
    case progress(MigrationProgress, ModelledCallID)
    case open(ModelledStreamID, MigrationEndpoint)
    case send(ModelledStreamMessage, ModelledStreamID)
    /// The state forgets the stream; it must not be told of its end.
    case close(ModelledStreamID)
    case announce(HypervisorEvent)
}

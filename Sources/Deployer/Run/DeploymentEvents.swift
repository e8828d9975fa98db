package import Basis

/// What a run spends its time with.
package enum RunStage: String, Hashable, Sendable, CaseIterable {
    case install, probe, prepare, network, image, boot, check, agent, removal

    package init(_ stage: HostStage) {
        self =
            switch stage {
            case .probe: .probe
            case .prepare: .prepare
            case .network: .network
            case .image: .image
            case .agent: .agent
            }
    }

    /// In which hosts get the file.
    init(_ kind: SpreadKind) {
        self =
            switch kind {
            case .image: .image
            case .agentProgram: .agent
            }
    }
}

/// What happens in a run, for those who watch it.
package enum DeploymentEvent: Hashable, Sendable {
    /// What comes of asking a batch system for hosts.
    case booking(BookingEvent)
    /// A host or a guest has a stage behind it.
    case finished(RunStage, entity: String, took: Duration)
    /// A stage failed, and is tried again after the delay.
    case retried(RunStage, entity: String, attempt: Int, failure: HostFailure, delay: Duration)
    case hostSetAside(NodeID, failure: HostFailure)
    /// So many hosts are to get their operating system now.
    case installing(hosts: Int)
    /// So many hosts are let go once nothing installs them any more that an earlier run left behind.
    case settling(hosts: Int)
    /// A host failed on which guests ran before: they and it are left as they are.
    case hostLeftAlone(NodeID, failure: HostFailure)
    /// A host that got the file from `source` gets it from the next one, from `chunk` on.
    case sourcePassedOver(NodeID, SpreadKind, source: String, chunk: Int, why: String)
    /// Keys for the spread of the file may still be on the host; another apply or destroy takes them away.
    case spreadNotEnded(NodeID, SpreadKind, failure: HostFailure)
    /// A spare became a worker.
    case sparePromoted(NodeID)
    case guestFailed(String, why: String)
    /// A guest is on another host than the one on record: an agent moved it.
    case guestFound(String, on: NodeID)
    /// dvmsd does not run there as it should.
    case agentFailed(NodeID, failure: HostFailure)
    /// It could not be taken off its host; the lease stays.
    case removalFailed(String, why: String)
}

/// Why a part of a run ended before it was done.
enum RunFailure: Error {
    case host(HostFailure)
    case store(StoreError)
    case noRoom(Distribution.Shortage)
    case installation(InstallationFailure)
    /// The whole run was stopped, or the part's host was given up.
    case cancelled
}

/// Why a run could not begin, or had to end.
package enum DeploymentError: Error, Hashable, Sendable, CustomStringConvertible {
    case plan(PlanConflicts)
    case booking(BookingFailure)
    case store(StoreError)
    case noRoom(Distribution.Shortage)
    /// Hosts got no operating system, for a reason that is none of theirs, or may still get one; they stay booked, and the
    /// next apply or destroy goes on.
    case installation(InstallationFailure)
    /// What an earlier run left behind may still install these hosts, and the fleet's file names nobody who could say.
    case unsettled(hosts: [NodeID])
    /// The image's file cannot be read, or is not what the fleet says.
    case image(HostShellFailure)
    /// There is nothing to destroy.
    case unknown(deployment: String)

    /// How many hosts are named.
    private static let shownMax = 10

    package var description: String {
        switch self {
        case .plan(let conflicts): conflicts.description
        case .booking(let failure): failure.description
        case .store(let error): error.description
        case .noRoom(let shortage): shortage.description
        case .installation(let failure): failure.description
        case .unsettled(let hosts):
            "Kadeploy may still install hosts for an earlier run, "
                + hosts.prefix(Self.shownMax).map(\.name).joined(separator: ", ")
                + (hosts.count > Self.shownMax ? " and \(hosts.count - Self.shownMax) more" : "")
                + ". Keep preparation in the fleet's file, and leave out --modelled, until an apply or destroy has "
                + "settled that"
        case .image(.couldNotStart(let detail)): "nothing was booked, as the image is not there: \(detail)"
        case .image(let failure): "nothing was booked, as the image is not the fleet's: \(failure.description)"
        case .unknown(let deployment):
            "no deployment \(deployment) is recorded; check the name and --state"
        }
    }
}

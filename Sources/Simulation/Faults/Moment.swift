import Basis
import ClusterActors

/// A step of the protocol at which a fault hurts most.
package enum Moment: String, Hashable, Sendable, CaseIterable {
    case joined
    case lost
    case blocked
    case confirmed
    case ended
    case granted
    case flightBegan = "flight-began"
    case flightEnded = "flight-ended"
    case copying
    case decided
    case actedUpon = "acted-upon"
    case inDoubt = "in-doubt"
    case started
    case recovered

    /// Whose moment of this kind a fact is; nil when it is none.
    func teller(of fact: Fact) -> NodeID? {
        guard case .told(let node, let event) = fact, Self.moment(of: event) == self else { return nil }
        return node
    }

    private static func moment(of event: AgentEvent) -> Moment? {
        switch event {
        case .granted: .joined
        case .memberLost: .lost
        case .waits: .blocked
        case .confirmed: .confirmed
        case .ispEnded: .ended
        case .nodeGranted: .granted
        case .flightBegan: .flightBegan
        case .flightEnded: .flightEnded
        case .handover(_, _, _, .copying): .copying
        case .handover(_, _, _, .letGo), .handover(_, _, _, .aborted): .decided
        case .handover(_, _, _, .resumed), .handover(_, _, _, .dropped): .actedUpon
        case .inDoubt: .inDoubt
        case .agentStarted: .started
        case .recovered: .recovered
        case .ispStarted, .asked, .tooSmall, .skipped, .hopped, .solved, .sweepsAgain, .recommended, .unsolved,
            .migrationOrdered,
            .migrationProgress, .migrationEnded, .nodeEnded, .handover, .settled, .triggerBegan, .triggerEnded,
            .hypervisorAway, .hypervisorBack, .memberChanged, .marked, .storeFailed:
            nil
        }
    }
}

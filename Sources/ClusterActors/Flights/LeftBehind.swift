package import Basis
package import Hypervisor

/// What stands at the source of a handover of the guest that it is about, and what the source's decision makes of it.
///
/// The mark says which handover a copy belongs to. A guest that came back, or that is on its way again, is none of an
/// older handover's business, however late that is settled: dropping or resuming it would be somebody else's decision.
package enum LeftBehind: Hashable, Sendable, CaseIterable {
    /// Nothing, or nothing that is part of this handover.
    case nothing
    /// The copy that stayed behind, paused, after its memory went to the destination.
    case paused
    /// The same, while its memory still flows.
    case flowing
    /// It was paused by somebody else: the operator, an I/O error.
    case pausedOtherwise
    /// It runs, and still bears the mark of the handover.
    case running
    /// Its definition, with no process: what the reboot of a host leaves.
    case shutOff

    /// - Parameter domain: What the hypervisor of `source` shows of the guest; nil when it has no such domain.
    package init(_ domain: DomainSample?, of action: ActionID, from source: NodeID) {
        guard let domain, domain.mark?.names(action, from: source) != false else {
            self = .nothing
            return
        }
        let isMarked = domain.mark != nil
        self =
            switch domain.presence {
            case .absent, .pausedIncoming: .nothing
            case .pausedOutgoing: domain.job == nil ? .paused : .flowing
            case .pausedOtherwise: .pausedOtherwise
            // Without a mark it is a guest that came back, or one that somebody else defined.
            case .running: isMarked ? .running : .nothing
            case .shutOff: isMarked ? .shutOff : .nothing
            }
    }

    /// What is to be done here once the source has decided.
    package enum Step: Hashable, Sendable {
        case nothing
        case discard
        case resume
        /// It cannot be done now, and so must not be said to be done.
        case wait
    }

    /// - Parameter isLetGo: Whether the destination's copy is the guest, or else this one.
    package func step(isLetGo: Bool) -> Step {
        switch (self, isLetGo) {
        case (.nothing, _): .nothing
        case (.paused, true), (.shutOff, true): .discard
        case (.paused, false): .resume
        case (.flowing, _): .wait
        // As long as it may run here it must not run there.
        case (.running, true), (.pausedOtherwise, true): .wait
        case (.running, false), (.pausedOtherwise, false), (.shutOff, false): .nothing
        }
    }
}

extension HandoverMark {
    /// Whether it is the mark of this handover.
    func names(_ action: ActionID, from source: NodeID) -> Bool {
        self.source == source && self.isp == action.isp.description && self.action == action.number
    }
}

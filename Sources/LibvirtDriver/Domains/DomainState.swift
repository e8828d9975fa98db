#if Libvirt
    import CLibvirt
    package import Hypervisor

    /// State and reason of a domain as libvirt numbers them, and what they mean for a handover.
    ///
    /// Observed with libvirt 9.0 and migrations that leave the guest paused (`VIR_MIGRATE_PAUSED`):
    ///
    /// | when | source | destination |
    /// |---|---|---|
    /// | memory flows | running, any reason | paused (migration), no definition yet |
    /// | last pass | paused (migration) | paused (migration) |
    /// | arrived | gone | paused (user), defined |
    /// | let run | gone | running (unpaused) |
    /// | aborted or failed | running as before, or (migration canceled) | gone |
    ///
    /// So a guest that has arrived looks as if its operator had paused it; only its ``HandoverMark`` tells the two apart.
    package struct DomainState: Hashable, Sendable {
        package var state: Int32
        package var reason: Int32

        package init(state: Int32, reason: Int32) {
            self.state = state
            self.reason = reason
        }

        /// What the domain is on a host.
        ///
        /// - Parameters:
        ///   - mark: The mark in the domain's metadata.
        ///   - isIncoming: Whether libvirt says that memory is still flowing in.
        ///   - host: The host that was asked, in the form in which marks name it.
        package func presence(
            mark: HandoverMark?, isIncoming: Bool, at host: MigrationEndpoint
        ) -> DomainPresence {
            switch self.activity {
            case .running: .running
            case .paused: self.presenceWhenPaused(mark: mark, isIncoming: isIncoming, at: host)
            case .shutOff: .shutOff
            // A process is there, and what becomes of it is not ours to decide.
            case .other: .pausedOtherwise
            }
        }

        /// What a command needs to know of a domain's state.
        enum Activity: Hashable, Sendable {
            case running
            case paused
            case shutOff
            /// Crashed, suspended by its own guest, or unknown.
            case other
        }

        var activity: Activity {
            switch virDomainState(UInt32(bitPattern: self.state)) {
            // "Shutdown" means shutting down: the guest still runs.
            case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN: .running
            case VIR_DOMAIN_PAUSED: .paused
            case VIR_DOMAIN_SHUTOFF: .shutOff
            default: .other
            }
        }

        private func presenceWhenPaused(
            mark: HandoverMark?, isIncoming: Bool, at host: MigrationEndpoint
        ) -> DomainPresence {
            if isIncoming { return .pausedIncoming }
            let isSource = mark.map { $0.sourceEndpoint == host }
            switch virDomainPausedReason(UInt32(bitPattern: self.reason)) {
            case VIR_DOMAIN_PAUSED_STARTING_UP:
                return .pausedIncoming
            case VIR_DOMAIN_PAUSED_MIGRATION:
                // Without a mark nobody of ours sent it: a migration that an operator ordered.
                switch isSource {
                case true?: return .pausedOutgoing
                case false?: return .pausedIncoming
                case nil: return .pausedOtherwise
                }
            case VIR_DOMAIN_PAUSED_USER:
                return isSource == false ? .pausedIncoming : .pausedOtherwise
            default:
                return .pausedOtherwise
            }
        }
    }
#endif

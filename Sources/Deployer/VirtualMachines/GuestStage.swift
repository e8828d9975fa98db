/// How far a deployment has come with one VM.
///
///     planned → booting → running        booting → failed
///        any of these → planned (on another host, or because it is gone)
///        any of these → removing → removed
package enum GuestStage: String, Hashable, Sendable, CaseIterable {
    /// It has a name and an address; its host may not be chosen yet.
    case planned
    /// Defining and starting it was begun on its host.
    case booting
    /// It answered.
    case running
    /// It failed for good.
    case failed
    case removing
    /// No host has it.
    case removed

    package enum Event: Hashable, Sendable, CaseIterable {
        case boot
        case answer
        case giveUp
        /// It gets another host, or is found not to run where it did.
        case replan
        case remove
        case confirmRemoval
    }

    /// The stage after `event`; nil when it cannot happen here.
    package func after(_ event: Event) -> GuestStage? {
        switch (self, event) {
        case (.removed, _):
            nil
        case (_, .remove):
            .removing
        case (.removing, .confirmRemoval):
            .removed
        case (.removing, _), (_, .confirmRemoval):
            nil
        case (_, .replan):
            .planned
        case (_, .giveUp):
            .failed
        case (.planned, .boot), (.booting, .boot), (.failed, .boot):
            .booting
        case (.booting, .answer):
            .running
        case (.running, .boot), (.running, .answer), (.planned, .answer), (.failed, .answer):
            nil
        }
    }
}

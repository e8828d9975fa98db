/// What is done on a host, in this order: all but the last before it runs guests.
package enum HostStage: String, Hashable, Sendable, CaseIterable, Comparable {
    case probe, prepare, network, image
    /// dvmsd, when all guests run.
    case agent

    /// Those that a host goes through before it runs guests.
    package static let beforeGuests: [HostStage] = [.probe, .prepare, .network, .image]

    package static func < (left: HostStage, right: HostStage) -> Bool { left.number < right.number }

    private var number: Int {
        switch self {
        case .probe: 0
        case .prepare: 1
        case .network: 2
        case .image: 3
        case .agent: 4
        }
    }

    /// The one before; nil for the first.
    package var previous: HostStage? {
        switch self {
        case .probe: nil
        case .prepare: .probe
        case .network: .prepare
        case .image: .network
        case .agent: .image
        }
    }
}

/// How far a deployment has come with one host.
///
///     booked → doing probe → done probe → doing prepare → … → done image → doing agent → done agent
///     booked → installing → installed → doing probe (where the deployment has systems installed)
///        any of these → set aside → booked (a later apply finds that it answers)
///        any of these → undoing → released
///
/// A stage is entered before its deed is begun, and left when the host has confirmed it: after an interruption, `doing`
/// means that anything between nothing and all of the stage may have happened.
package enum HostState: Hashable, Sendable {
    /// The deployment has the host, and nothing was done on it.
    case booked
    /// Its operating system is being installed: anything between nothing and all of that may have happened.
    case installing
    case installed
    case doing(HostStage)
    case done(HostStage)
    /// It failed for good; another host has its place.
    case setAside
    case undoing
    /// Nothing of the deployment is on it, and others may book it.
    case released

    package enum Event: Hashable, Sendable {
        case install
        case confirmInstallation
        case begin(HostStage)
        case finish(HostStage)
        case giveUp
        case readmit
        case undo
        case release
    }

    /// All was done that guests need.
    package static let ready = HostState.done(.image)

    /// Whether that holds, with or without dvmsd.
    package var isReady: Bool {
        switch self {
        case .done(.image), .doing(.agent), .done(.agent): true
        case .booked, .installing, .installed, .doing, .done, .setAside, .undoing, .released: false
        }
    }

    /// The state after `event`; nil when it cannot happen here.
    package func after(_ event: Event) -> HostState? {
        switch (self, event) {
        case (.released, _):
            nil
        case (_, .undo):
            .undoing
        case (.undoing, .release):
            .released
        case (.undoing, _), (_, .release):
            nil
        case (.setAside, .readmit):
            .booked
        case (.setAside, .giveUp):
            .setAside
        case (.setAside, _), (_, .readmit):
            nil
        case (_, .giveUp):
            .setAside
        case (.booked, .install), (.installing, .install):
            .installing
        case (.installing, .confirmInstallation):
            .installed
        case (.booked, .begin(.probe)), (.installed, .begin(.probe)):
            .doing(.probe)
        case (.booked, _), (.installing, _), (.installed, _), (_, .install), (_, .confirmInstallation):
            nil
        case (.doing(let current), .begin(let stage)):
            // Again after an interruption, which may have been a while ago: from any stage that was done.
            stage <= current ? .doing(stage) : nil
        case (.doing(let current), .finish(let stage)):
            stage == current ? .done(stage) : nil
        case (.done(let last), .begin(let stage)):
            // A stage that was done is begun again when a later look finds that it does not hold.
            stage <= last || stage.previous == last ? .doing(stage) : nil
        case (.done, .finish):
            nil
        }
    }

    /// As records spell it.
    package var text: String {
        switch self {
        case .booked: "booked"
        case .installing: "installing"
        case .installed: "installed"
        case .doing(let stage): "doing \(stage.rawValue)"
        case .done(let stage): "done \(stage.rawValue)"
        case .setAside: "set aside"
        case .undoing: "undoing"
        case .released: "released"
        }
    }

    package static let all: [HostState] =
        [.booked, .installing, .installed, .setAside, .undoing, .released]
        + HostStage.allCases.flatMap { [.doing($0), .done($0)] }

    package init?(text: String) {
        guard let state = Self.all.first(where: { $0.text == text }) else { return nil }
        self = state
    }
}

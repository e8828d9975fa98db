import Deployer
import Testing

@Suite("States of hosts and guests")
struct StateTests {
    private static let hostEvents: [HostState.Event] =
        [.install, .confirmInstallation, .giveUp, .readmit, .undo, .release]
        + HostStage.allCases.flatMap { [.begin($0), .finish($0)] }

    /// Every transition that is allowed, but for those to `set aside` and `undoing`, which come from everywhere.
    private static let hostTable: [String] = [
        "booked begin(probe) doing probe", "booked install installing",
        "installing install installing", "installing confirmInstallation installed",
        "installed begin(probe) doing probe",
        "doing probe begin(probe) doing probe", "doing probe finish(probe) done probe",
        "done probe begin(probe) doing probe", "done probe begin(prepare) doing prepare",
        "doing prepare begin(probe) doing probe", "doing prepare begin(prepare) doing prepare",
        "doing prepare finish(prepare) done prepare",
        "done prepare begin(probe) doing probe", "done prepare begin(prepare) doing prepare",
        "done prepare begin(network) doing network",
        "doing network begin(probe) doing probe", "doing network begin(prepare) doing prepare",
        "doing network begin(network) doing network", "doing network finish(network) done network",
        "done network begin(probe) doing probe", "done network begin(prepare) doing prepare",
        "done network begin(network) doing network", "done network begin(image) doing image",
        "doing image begin(probe) doing probe", "doing image begin(prepare) doing prepare",
        "doing image begin(network) doing network", "doing image begin(image) doing image",
        "doing image finish(image) done image",
        "done image begin(probe) doing probe", "done image begin(prepare) doing prepare",
        "done image begin(network) doing network", "done image begin(image) doing image",
        "done image begin(agent) doing agent",
        "doing agent begin(probe) doing probe", "doing agent begin(prepare) doing prepare",
        "doing agent begin(network) doing network", "doing agent begin(image) doing image",
        "doing agent begin(agent) doing agent", "doing agent finish(agent) done agent",
        "done agent begin(probe) doing probe", "done agent begin(prepare) doing prepare",
        "done agent begin(network) doing network", "done agent begin(image) doing image",
        "done agent begin(agent) doing agent",
        "set aside readmit booked", "undoing release released",
    ]

    private static func text(_ event: HostState.Event) -> String {
        switch event {
        case .install: "install"
        case .confirmInstallation: "confirmInstallation"
        case .begin(let stage): "begin(\(stage.rawValue))"
        case .finish(let stage): "finish(\(stage.rawValue))"
        case .giveUp: "giveUp"
        case .readmit: "readmit"
        case .undo: "undo"
        case .release: "release"
        }
    }

    @Test("a host goes from each state to exactly those of the table")
    func hosts() {
        var found: [String] = []
        for state in HostState.all {
            for event in Self.hostEvents {
                guard let after = state.after(event) else { continue }
                switch event {
                case .giveUp: #expect(after == .setAside && state != .undoing && state != .released)
                case .undo: #expect(after == .undoing && state != .released)
                default: found.append("\(state.text) \(Self.text(event)) \(after.text)")
                }
            }
        }
        #expect(Set(found) == Set(Self.hostTable) && found.count == Self.hostTable.count)
        #expect(HostState.all.allSatisfy { $0 == .released || $0.after(.undo) == .undoing })
        #expect(HostState.all.allSatisfy { [.undoing, .released].contains($0) || $0.after(.giveUp) == .setAside })
    }

    @Test("a state of a host is read back as it was written", arguments: HostState.all)
    func texts(state: HostState) {
        #expect(HostState(text: state.text) == state)
    }

    @Test(
        "a guest goes from each stage to exactly those of the table",
        arguments: [
            (GuestStage.planned, [.boot: .booting, .giveUp: .failed, .replan: .planned, .remove: .removing]),
            (
                .booting,
                [
                    .boot: .booting, .answer: .running, .giveUp: .failed, .replan: .planned,
                    .remove: .removing,
                ]
            ),
            (.running, [.giveUp: .failed, .replan: .planned, .remove: .removing]),
            (.failed, [.boot: .booting, .giveUp: .failed, .replan: .planned, .remove: .removing]),
            (.removing, [.remove: .removing, .confirmRemoval: .removed]),
            (.removed, [:]),
        ] as [(GuestStage, [GuestStage.Event: GuestStage])])
    func guests(stage: GuestStage, table: [GuestStage.Event: GuestStage]) {
        for event in GuestStage.Event.allCases { #expect(stage.after(event) == table[event]) }
    }
}

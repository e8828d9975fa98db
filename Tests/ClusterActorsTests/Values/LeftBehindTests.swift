import Basis
import ClusterActors
import Hypervisor
import Placement
import Testing

@Suite("What stands at the source of a handover")
struct LeftBehindTests {
    private static let action = ActionID(isp: ISPID(node: "n9", boot: 3, sequence: 1), number: 2)

    /// Whose mark a domain bears.
    enum Mark: CaseIterable, Sendable {
        case none, own, ofAnotherAction, ofAnotherISP, ofAnotherSource

        var value: HandoverMark? {
            guard self != .none else { return nil }
            return HandoverMark(
                isp: self == .ofAnotherISP ? "n9#3.2" : "n9#3.1", action: self == .ofAnotherAction ? 1 : 2,
                source: self == .ofAnotherSource ? "n2" : "n1", sourceEndpoint: MigrationEndpoint(uri: "n1"),
                destination: "n5")
        }
    }

    private func leftBehind(_ presence: DomainPresence, _ mark: Mark, _ job: MigrationJob? = nil) -> LeftBehind {
        LeftBehind(
            DomainSample(vm: "a", presence: presence, demand: nil, mark: mark.value, job: job), of: Self.action,
            from: "n1")
    }

    @Test("is told by its presence where it bears the mark of the handover", arguments: DomainPresence.allCases)
    func ownMark(presence: DomainPresence) {
        let expected: LeftBehind =
            switch presence {
            case .absent, .pausedIncoming: .nothing
            case .running: .running
            case .pausedOutgoing: .paused
            case .pausedOtherwise: .pausedOtherwise
            case .shutOff: .shutOff
            }
        #expect(self.leftBehind(presence, .own) == expected)
    }

    @Test("is nothing of the handover where it bears another's mark", arguments: DomainPresence.allCases)
    func otherMark(presence: DomainPresence) {
        for mark in [Mark.ofAnotherAction, .ofAnotherISP, .ofAnotherSource] {
            for job in [nil, MigrationJob.outgoing, .incoming] {
                #expect(self.leftBehind(presence, mark, job) == .nothing, "\(mark) \(String(describing: job))")
            }
        }
    }

    @Test(
        "is, without a mark, a guest of its own unless it is paused",
        arguments: [
            (DomainPresence.absent, LeftBehind.nothing), (.running, .nothing), (.pausedIncoming, .nothing),
            (.pausedOutgoing, .paused), (.pausedOtherwise, .pausedOtherwise), (.shutOff, .nothing),
        ])
    func noMark(presence: DomainPresence, expected: LeftBehind) {
        #expect(self.leftBehind(presence, .none) == expected)
    }

    @Test("is not there where the hypervisor has no such domain, and not to be touched while memory flows")
    func edges() {
        #expect(LeftBehind(nil, of: Self.action, from: "n1") == .nothing)
        #expect(self.leftBehind(.pausedOutgoing, .own, .outgoing) == .flowing)
    }

    @Test("is dropped when it was let go, and what may run here is waited for", arguments: LeftBehind.allCases)
    func letGo(left: LeftBehind) {
        let expected: LeftBehind.Step =
            switch left {
            case .nothing: .nothing
            case .paused, .shutOff: .discard
            case .flowing, .pausedOtherwise, .running: .wait
            }
        #expect(left.step(isLetGo: true) == expected)
    }

    @Test("is let run when it was kept, and nothing else is", arguments: LeftBehind.allCases)
    func kept(left: LeftBehind) {
        let expected: LeftBehind.Step =
            switch left {
            case .paused: .resume
            case .flowing: .wait
            case .nothing, .pausedOtherwise, .running, .shutOff: .nothing
            }
        #expect(left.step(isLetGo: false) == expected)
    }
}

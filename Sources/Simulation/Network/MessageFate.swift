package import Basis
import ClusterActors
package import NIOCore

/// A message that an open link is about to carry, as ``SimulatedNetwork/decideFate`` sees it.
package struct CarriedMessage: Sendable {
    package var from: NodeID
    package var to: NodeID
    /// False for a reply.
    package var isRequest: Bool
    package var body: ByteBuffer

    /// The words by which a scenario names it, the general before the particular; none when it cannot be read.
    package var names: [String] {
        if self.isRequest {
            guard let request = try? MessageCodec.decodeRequest(self.body) else { return [] }
            return MessageNames.of(request)
        }
        guard let reply = try? MessageCodec.decodeReply(self.body) else { return [] }
        return MessageNames.of(reply)
    }
}

/// What becomes of one message when it is decided by name, and not by the link's quality.
package enum MessageFate: Hashable, Sendable {
    case lost
    /// It takes so much longer. What is sent after it may overtake it, whatever the link's quality says.
    case late(Duration)
    /// It arrives, and a second time so much later.
    case doubled(after: Duration)
}

/// What the messages between agents are called in scenarios. A request that has kinds, and each answer, has two names.
package enum MessageNames {
    /// Every name there is, for whoever checks a scenario.
    package static let all: Set<String> = [
        "reserve", "renew", "release", "migrate", "action-done", "incoming", "handover", "copying", "arrived", "let-go",
        "aborted", "resumed", "dropped", "unknown", "wait", "ended", "membership",
        "reserve-answer", "granted", "held", "busy", "refused", "renew-answer", "renewed", "stale", "released",
        "migrate-answer", "accepted", "running", "done", "noted", "incoming-answer", "ready", "handover-answer",
        "wait-answer", "over", "not-over", "yield", "membership-answer", "stopping",
    ]

    static func of(_ request: Request) -> [String] {
        switch request {
        case .reserve: ["reserve"]
        case .renew: ["renew"]
        case .release: ["release"]
        case .migrate: ["migrate"]
        case .actionDone: ["action-done"]
        case .incoming: ["incoming"]
        case .handover(_, _, let phase): ["handover", Self.of(phase)]
        case .wait: ["wait"]
        case .ended: ["ended"]
        case .membership: ["membership"]
        }
    }

    private static func of(_ phase: HandoverPhase) -> String {
        switch phase {
        case .unknown: "unknown"
        case .copying: "copying"
        case .arrived: "arrived"
        case .letGo: "let-go"
        case .aborted: "aborted"
        case .resumed: "resumed"
        case .dropped: "dropped"
        }
    }

    static func of(_ reply: Reply) -> [String] {
        switch reply {
        case .reserve(.granted): ["reserve-answer", "granted"]
        case .reserve(.held): ["reserve-answer", "held"]
        case .reserve(.busy): ["reserve-answer", "busy"]
        case .reserve(.refused): ["reserve-answer", "refused"]
        case .renew(.renewed): ["renew-answer", "renewed"]
        case .renew(.stale): ["renew-answer", "stale"]
        case .released: ["released"]
        case .migrate(let answer): ["migrate-answer", Self.of(answer)]
        case .noted: ["noted"]
        case .incoming(let answer): ["incoming-answer", Self.of(answer)]
        case .handover: ["handover-answer"]
        case .wait(.ended): ["wait-answer", "over"]
        case .wait(.wait): ["wait-answer", "not-over"]
        case .wait(.yield): ["wait-answer", "yield"]
        case .membership: ["membership-answer"]
        case .stopping: ["stopping"]
        }
    }

    private static func of(_ answer: MigrateReply) -> String {
        switch answer {
        case .accepted: "accepted"
        case .running: "running"
        case .done: "done"
        case .busy: "busy"
        case .refused: "refused"
        case .stale: "stale"
        }
    }

    private static func of(_ answer: IncomingReply) -> String {
        switch answer {
        case .ready: "ready"
        case .done: "done"
        case .busy: "busy"
        case .refused: "refused"
        case .stale: "stale"
        }
    }
}

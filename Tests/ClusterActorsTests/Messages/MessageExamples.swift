import Basis
import ClusterActors
import Hypervisor
import Placement

/// One message in one direction.
enum Message: Hashable {
    case request(Request)
    case reply(Reply)
}

/// One readable message of every case, whose bytes stand in `Golden/<name>.hex`.
enum MessageExamples {
    static let all: [Message] = requests.map { .request($0) } + replies.map { .reply($0) }

    private static let isp = ISPID(node: "n1", boot: 3, sequence: 7)
    private static let other = ISPID(node: "n9", boot: 300, sequence: 1)
    private static let key = ISPKey(triggerClass: .overload, birth: 1_700_000_000_000, isp: isp)
    private static let epoch = Epoch(boot: 5, counter: 41)
    private static let token = Token(isp: isp, epoch: epoch)
    private static let action = ActionID(isp: isp, number: 2)
    private static let endpoint = MigrationEndpoint(uri: "qemu+tls://n2.example/system")
    private static let needs = Resources(
        cpuMillicores: 1_500, memoryMiB: 2_048, diskKiBPerSecond: 300, networkKiBPerSecond: 70)
    private static let snapshot = NodeSnapshot(
        node: Node(
            id: "n2", capacity: Resources(cpuMillicores: 32_000, memoryMiB: 131_072),
            reserved: Resources(cpuMillicores: 1_000, memoryMiB: 4_096), state: .draining, site: "rennes", rack: "r7",
            linkMbps: 10_000),
        vms: [
            VirtualMachine(id: "web-1", demand: needs, cpuDemandVariance: 12_345, dirtyMiBPerSecond: 80),
            VirtualMachine(
                id: "db-1", demand: needs, migratability: .rooted(reason: "host device 0000:3b:00.0")),
        ],
        thresholds: LoadThresholds(overloadPercent: 80, underloadPercent: 25), age: .milliseconds(250))
    private static let updates = [
        MemberUpdate(
            member: MemberDescription(id: "n4", address: "10.0.0.4:7400", site: "rennes", rack: "r7"), state: .suspect,
            incarnation: 1 << 24, accuser: "n5"),
        MemberUpdate(
            member: MemberDescription(id: "n6", address: "[::1]:7400", site: "", rack: ""), state: .left, incarnation: 9
        ),
    ]

    private static let requests: [Request] = [
        .reserve(isp: isp, key: key, hops: 4),
        .renew(token, firstOut: "n5", wantSnapshot: true),
        .release(token),
        .migrate(
            MigrateOrder(
                token: token, action: action, vm: "web-1", destination: "n3",
                destinationEpoch: Epoch(boot: 2, counter: 1))),
        .actionDone(action, .moved),
        .actionDone(action, .failed(reason: "no space")),
        .actionDone(action, .inDoubt(reason: "n3 does not answer")),
        .incoming(
            IncomingOrder(
                token: token, action: action, vm: "web-1", source: "n2", sourceEndpoint: endpoint, needs: needs,
                cpuRequirement: "<cpu match='exact'/>", flightTimeout: .seconds(90))),
        .handover(action, vm: "web-1", .letGo),
        .wait(isp: isp, key: key, on: other, holding: true),
        .ended(other),
        .membership(.probe(gossip: updates)),
        .membership(.probeRequest(target: "n4", gossip: updates)),
        .membership(.exchange(updates: updates, ring: 0x0123_4567_89AB_CDEF)),
    ]

    private static let replies: [Reply] = [
        .reserve(
            .granted(
                Grant(
                    epoch: epoch, lease: .seconds(10), revision: Revision(rawValue: 17), snapshot: snapshot,
                    successor: "n3"))),
        .reserve(.held(by: other, firstOut: "n7")),
        .reserve(.busy),
        .reserve(.refused(.leaving)),
        .renew(.renewed(revision: Revision(rawValue: 18), flights: 2, snapshot: snapshot)),
        .renew(.stale),
        .released,
        .migrate(.accepted),
        .migrate(
            .running(MigrationProgress(elapsed: .milliseconds(1_500), sentMiB: 900, remainingMiB: 1_148, round: 2))),
        .migrate(.done(.moved)),
        .migrate(.busy),
        .migrate(.refused(reason: "cooldown 40 s")),
        .migrate(.stale),
        .noted,
        .incoming(.ready(ticket: 77, endpoint: endpoint)),
        .incoming(.done(.failed(reason: "aborted"))),
        .incoming(.busy),
        .incoming(.refused(reason: "draining")),
        .incoming(.stale),
        .handover(.arrived),
        .wait(.ended),
        .wait(.wait),
        .wait(.yield),
        .membership(.alive(gossip: updates)),
        .membership(.targetAlive(gossip: [])),
        .membership(.targetSilent(gossip: [])),
        .membership(.exchange(updates: updates)),
        .stopping,
    ]
}

extension Message {
    /// The case, with the case within it: what a golden file is named after.
    var name: String {
        switch self {
        case .request(let request): "request-" + Self.name(request)
        case .reply(let reply): "reply-" + Self.name(reply)
        }
    }

    private static func name(_ request: Request) -> String {
        switch request {
        case .reserve: "reserve"
        case .renew: "renew"
        case .release: "release"
        case .migrate: "migrate"
        case .actionDone(_, let result): "action-done-" + self.name(result)
        case .incoming: "incoming"
        case .handover: "handover"
        case .wait: "wait"
        case .ended: "ended"
        case .membership(.probe): "membership-probe"
        case .membership(.probeRequest): "membership-probe-request"
        case .membership(.exchange): "membership-exchange"
        }
    }

    private static func name(_ result: ActionResult) -> String {
        switch result {
        case .moved: "moved"
        case .failed: "failed"
        case .inDoubt: "in-doubt"
        }
    }

    private static func name(_ reply: Reply) -> String {
        switch reply {
        case .reserve(.granted): "reserve-granted"
        case .reserve(.held): "reserve-held"
        case .reserve(.busy): "reserve-busy"
        case .reserve(.refused): "reserve-refused"
        case .renew(.renewed): "renew-renewed"
        case .renew(.stale): "renew-stale"
        case .released: "released"
        case .migrate(.accepted): "migrate-accepted"
        case .migrate(.running): "migrate-running"
        case .migrate(.done): "migrate-done"
        case .migrate(.busy): "migrate-busy"
        case .migrate(.refused): "migrate-refused"
        case .migrate(.stale): "migrate-stale"
        case .noted: "noted"
        case .incoming(.ready): "incoming-ready"
        case .incoming(.done): "incoming-done"
        case .incoming(.busy): "incoming-busy"
        case .incoming(.refused): "incoming-refused"
        case .incoming(.stale): "incoming-stale"
        case .handover: "handover"
        case .wait(.ended): "wait-ended"
        case .wait(.wait): "wait-wait"
        case .wait(.yield): "wait-yield"
        case .membership(.alive): "membership-alive"
        case .membership(.targetAlive): "membership-target-alive"
        case .membership(.targetSilent): "membership-target-silent"
        case .membership(.exchange): "membership-exchange"
        case .stopping: "stopping"
        }
    }
}

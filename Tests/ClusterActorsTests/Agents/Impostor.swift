import Basis
import ClusterActors
import Simulation
import Transport

/// A node that the test plays: an initiator that believes what it likes.
struct Impostor {
    struct NotGranted: Error {}

    let transport: SimulatedTransport
    let world: World
    let isp: ISPID

    /// Plugs `node` into the ring, in which no agent of that name runs.
    init(_ node: NodeID, in ring: RingWorld, _ world: World) {
        self.transport = ring.network.attach(node, process: world.makeProcess(node.name))
        self.world = world
        self.isp = ISPID(node: node, boot: 1, sequence: 1)
    }

    func ask(_ node: NodeID, _ request: Request) async throws -> Reply {
        let body = try await self.transport.request(
            MessageCodec.encode(request), to: node, service: .agents, deadline: self.world.now + .seconds(1))
        return try MessageCodec.decodeReply(body)
    }

    func reserve(_ node: NodeID) async throws -> Grant {
        let key = ISPKey(triggerClass: .overload, birth: 1, isp: self.isp)
        guard
            case .reserve(.granted(let grant)) = try await self.ask(node, .reserve(isp: self.isp, key: key, hops: 1))
        else { throw NotGranted() }
        return grant
    }

    func token(_ grant: Grant) -> Token { Token(isp: self.isp, epoch: grant.epoch) }

    func action(_ number: UInt64) -> ActionID { ActionID(isp: self.isp, number: number) }
}

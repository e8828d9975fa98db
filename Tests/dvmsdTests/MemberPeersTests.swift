import Basis
import ClusterActors
import Logging
import NIOCore
import NIOPosix
import Testing
import Transport
import dvmsd

@Suite("What the transport of a daemon knows of the members", .timeLimit(.minutes(1)))
struct MemberPeersTests {
    @Test("is the address of who joins, and nothing of who is forgotten")
    func joinAndForget() async throws {
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let listed = MemberDescription(id: "a", address: "127.0.0.1:7401", site: "", rack: "")
        let addresses = MemberAddresses(try RingConfig(members: [listed]), log: log)
        let transport = try await TCPTransport.start(
            identity: TransportIdentity(node: "a", cluster: "test", boot: 1),
            listenOn: PeerAddress(host: "127.0.0.1", port: 0), addresses: addresses.table, time: SystemTimeSource(),
            random: SplitMix64(seed: 7), eventLoop: eventLoop, log: log)
        let peers = MemberPeers(addresses, transport)
        let joined = MemberDescription(id: "c", address: "127.0.0.1:7403", site: "", rack: "")
        try await eventLoop.submit { peers.memberChanged(joined, to: .alive) }.get()
        #expect(addresses.table.address(of: "c") == PeerAddress("127.0.0.1:7403"))
        try await eventLoop.submit { peers.memberForgotten("c") }.get()
        #expect(addresses.table.address(of: "c") == nil)
        #expect(addresses.table.address(of: "a") == PeerAddress("127.0.0.1:7401"))
        await transport.shutdown()
    }
}

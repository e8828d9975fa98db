import Basis
import Logging
import NIOCore
import NIOPosix
import Testing
import Transport

/// A few TCP transports on the loopback interface that know each other's addresses.
struct TestNetwork {
    let addresses = AddressTable()
    let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

    func start(
        _ node: NodeID, boot: UInt64 = 1, cluster: String = "test", port: UInt16 = 0,
        certificates: CertificateFiles? = nil, settings: TransportSettings = Self.settings,
        time: any TimeSource = MachineTime()
    ) async throws -> TCPTransport {
        let transport = try await TCPTransport.start(
            identity: TransportIdentity(node: node, cluster: cluster, boot: boot),
            listenOn: PeerAddress(host: "127.0.0.1", port: port), addresses: self.addresses,
            certificates: certificates, settings: settings, time: time, random: SplitMix64(seed: 7),
            eventLoop: self.eventLoop, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        self.addresses.set(await transport.address, of: node)
        return transport
    }

    static let settings = TransportSettings()

    /// Far enough to never pass in a test that works.
    static let patience = Duration.seconds(30)
}

extension TCPTransport {
    /// Asks `node` and gives the answer as text.
    func ask(
        _ text: String, of node: NodeID, within patience: Duration = TestNetwork.patience,
        time: any TimeSource = MachineTime()
    ) async throws(TransportError) -> String {
        String(
            buffer: try await self.request(
                ByteBuffer(string: text), to: node, service: .agents, deadline: time.now + patience))
    }
}

/// Runs `body` and gives the ``TransportError`` that it throws.
func transportError(_ body: () async throws(TransportError) -> some Sendable) async throws -> TransportError {
    let value: any Sendable
    do throws(TransportError) {
        value = try await body()
    } catch {
        return error
    }
    throw UnexpectedSuccess(value: "\(value)")
}

struct UnexpectedSuccess: Error {
    var value: String
}

/// The reason of an `unreachable`, or the error in words.
func reason(_ error: TransportError) -> String {
    if case .unreachable(let reason) = error { reason } else { "\(error)" }
}

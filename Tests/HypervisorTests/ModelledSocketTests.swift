import Basis
import Foundation
import Hypervisor
import Placement
import Testing

/// A directory of its own for the sockets of one test.
final class SocketFolder: Sendable {
    let path: String

    init() throws {
        // Short, because a socket's path has at most 107 bytes.
        self.path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("mh-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func socket(_ name: String) -> String { self.path + "/" + name }
}

/// Waits until `events` brings `event`.
func await(_ event: HypervisorEvent, in events: AsyncStream<HypervisorEvent>) async -> Bool {
    for await next in events where next == event { return true }
    return false
}

private let time = SystemTimeSource()

private func serve(_ settings: ModelledHostSettings, _ guests: [ModelledGuest] = []) async throws -> ModelledHostServer
{
    let server = ModelledHostServer(settings, time: time)
    for guest in guests { try await server.boot(guest) }
    try await server.listen(at: settings.endpoint.uri)
    return server
}

/// Two hosts served on sockets in this process, with a driver each.
private struct ServedPair {
    let folder: SocketFolder
    let paths: [String]
    let servers: [ModelledHostServer]
    let source: ModelledSocketDriver
    let destination: ModelledSocketDriver

    init(linkMbps: Int, _ guests: [ModelledGuest]) async throws {
        self.folder = try SocketFolder()
        self.paths = [self.folder.socket("h1"), self.folder.socket("h2")]
        self.servers = [
            try await serve(settings("h1", linkMbps: linkMbps, path: self.paths[0]), guests),
            try await serve(settings("h2", linkMbps: linkMbps, path: self.paths[1])),
        ]
        self.source = ModelledSocketDriver(path: self.paths[0], time: time)
        self.destination = ModelledSocketDriver(path: self.paths[1], time: time)
    }

    func order(_ vm: VMID, number: UInt64 = 1) -> MigrationOrder {
        HypervisorTests.order(vm, number: number, at: self.paths[1])
    }

    func close() async {
        await self.source.close()
        await self.destination.close()
        for server in self.servers { await server.close() }
    }
}

@Suite("A modelled host behind a socket")
struct ModelledSocketTests {
    @Test("answers every call of the port, and the operator's")
    func answersEverything() async throws {
        let pair = try await ServedPair(linkMbps: 100_000, [guest("a", cpu: 700, dirty: 3), guest("b")])
        let host = try await pair.source.describeHost()
        #expect(host.capacity == Resources(cpuMillicores: 4_000, memoryMiB: 8_192))
        #expect(host.endpoint.uri == pair.paths[0])

        let before = time.now
        let sample = try await pair.source.sample()
        #expect(sample.takenAt >= before)
        #expect(sample.domains.map(\.vm) == ["a", "b"])
        #expect(sample.domains.first?.demand == Resources(cpuMillicores: 700, memoryMiB: 1_024))
        #expect(sample.domains.first?.dirtyMiBPerSecond == 3)

        let events = pair.source.events()
        try await pair.source.setDemand(of: "a", cpuMillicores: 3_900)
        #expect(await HypervisorTests.await(.changed("a"), in: events))
        #expect(try await pair.source.listDomains().map(\.usedCPUMillicores) == [3_545, 454])
        try await pair.source.setRates(of: "b", ModelledRates(diskKiBPerSecond: 11, dirtyMiBPerSecond: 12))
        let rates = try #require(try await pair.source.sample().domains.last)
        #expect(rates.demand?.diskKiBPerSecond == 11 && rates.dirtyMiBPerSecond == 12)
        #expect(rates.demand?.networkKiBPerSecond == 0)
        try await pair.source.setMark(order("a").mark, on: "b")
        #expect(try await pair.source.sample().domains.last?.mark == order("a").mark)
        try await pair.source.setMark(nil, on: "b")
        #expect(try await pair.source.sample().domains.last?.mark == nil)
        try await pair.source.boot(
            ModelledGuest(
                vm: "c", demand: Resources(cpuMillicores: 1, memoryMiB: 2, diskKiBPerSecond: 3, networkKiBPerSecond: 4),
                migratability: .rooted(reason: "host device"), cpuRequirement: "x"))
        let rooted = try #require(try await pair.source.sample().domains.last)
        #expect(rooted.migratability == .rooted(reason: "host device"))
        #expect(rooted.cpuRequirement == "x")
        try await pair.source.setPaused(true, "c")
        #expect(try await pair.source.presence(of: "c") == .pausedOtherwise)
        #expect(try await pair.source.presence(of: "nobody") == .absent)
        let missing = await failure { () async throws(HypervisorError) in try await pair.source.resume("nobody") }
        #expect(missing == .noSuchVM("nobody"))
        await pair.close()
    }

    @Test("hands a guest over to another host in two phases")
    func migrates() async throws {
        let pair = try await ServedPair(linkMbps: 20_000, [guest("a", memory: 64, dirty: 50)])
        let log = ProgressLog()
        try await pair.destination.openIncoming(ticket("a"))
        try await pair.source.migrate(pair.order("a"), onProgress: log.note)
        #expect(log.all.first?.remainingMiB == 64)
        #expect(log.all.last?.remainingMiB == 0)
        #expect(try await pair.source.presence(of: "a") == .pausedOutgoing)
        let there = MigrationEndpoint(uri: pair.paths[1])
        #expect(try await pair.source.presence(of: "a", at: there) == .pausedIncoming)
        try await pair.source.discardPausedCopy(of: "a")
        try await pair.destination.resume("a")
        #expect(try await pair.source.presence(of: "a") == .absent)
        #expect(try await pair.source.presence(of: "a", at: there) == .running)
        #expect(try await pair.destination.sample().domains.first?.mark == pair.order("a").mark)
        await pair.close()
    }

    @Test("refuses a guest without a ticket, and stops one whose ticket is closed")
    func checksTickets() async throws {
        let pair = try await ServedPair(linkMbps: 1, [guest("a")])
        let refused = await failure { () async throws(HypervisorError) in
            try await pair.source.migrate(pair.order("a"), onProgress: { _ in })
        }
        #expect(isLike(refused, .refused("")))

        try await pair.destination.openIncoming(ticket("a"))
        let log = ProgressLog()
        async let ended = failure { () async throws(HypervisorError) in
            try await pair.source.migrate(pair.order("a"), onProgress: log.note)
        }
        try #require(await log.first())
        #expect(try await pair.destination.sample().domains.map(\.job) == [.incoming])
        try await pair.destination.closeIncoming(ticket("a"))
        #expect(isLike(await ended, .failed("")))
        #expect(try await pair.source.presence(of: "a") == .running)
        #expect(try await pair.destination.presence(of: "a") == .absent)
        await pair.close()
    }

    @Test("stops a migration when the caller's task is cancelled")
    func cancellation() async throws {
        let pair = try await ServedPair(linkMbps: 1, [guest("a")])
        try await pair.destination.openIncoming(ticket("a"))
        let log = ProgressLog()
        let thrown = await withTaskGroup(of: HypervisorError?.self) { group in
            group.addTask {
                await failure { () async throws(HypervisorError) in
                    try await pair.source.migrate(pair.order("a"), onProgress: log.note)
                }
            }
            _ = await log.first()
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(isLike(thrown, .aborted("")))
        #expect(try await pair.source.presence(of: "a") == .running)
        await pair.close()
    }

    @Test("goes on with a migration whose driver is gone")
    func migrationOutlivesItsDriver() async throws {
        let pair = try await ServedPair(linkMbps: 1, [guest("a")])
        try await pair.destination.openIncoming(ticket("a"))
        let log = ProgressLog()
        async let ended = failure { () async throws(HypervisorError) in
            try await pair.source.migrate(pair.order("a"), onProgress: log.note)
        }
        try #require(await log.first())
        await pair.source.close()
        #expect(isLike(await ended, .unreachable("")))
        let successor = ModelledSocketDriver(path: pair.paths[0], time: time)
        #expect(try await successor.sample().domains.map(\.job) == [.outgoing])
        try await successor.abortMigration(of: "a")
        #expect(try await successor.sample().domains.map(\.job) == [nil])
        await successor.close()
        await pair.close()
    }

    @Test("is unreachable while away, and its driver comes back by itself")
    func reconnects() async throws {
        let pair = try await ServedPair(linkMbps: 1_000, [guest("a")])
        #expect(try await pair.source.presence(of: "a") == .running)
        let events = pair.source.events()
        await pair.servers[0].close()
        #expect(await HypervisorTests.await(.disconnected, in: events))
        let away = await failure { () async throws(HypervisorError) in _ = try await pair.source.sample() }
        #expect(isLike(away, .unreachable("")))
        let asked = await failure { () async throws(HypervisorError) in
            _ = try await pair.destination.presence(of: "a", at: MigrationEndpoint(uri: pair.paths[0]))
        }
        #expect(isLike(asked, .unreachable("")))

        // The socket file is still there, and nobody listens at it.
        let again = try await serve(settings("h1", path: pair.paths[0]), [guest("b")])
        #expect(await HypervisorTests.await(.connected, in: events))
        #expect(try await pair.source.sample().domains.map(\.vm) == ["b"])
        await again.close()
        await pair.close()
    }

    @Test("refuses a path that a live process serves, and one that is too long")
    func pathInUse() async throws {
        let pair = try await ServedPair(linkMbps: 1_000, [guest("a")])
        await #expect(throws: ModelledSocketError.inUse(path: pair.paths[0])) {
            try await serve(settings("h1", path: pair.paths[0]))
        }
        #expect(try await pair.source.presence(of: "a") == .running)
        let long = pair.folder.socket(String(repeating: "x", count: 120))
        await #expect(throws: ModelledSocketError.pathTooLong(path: long)) {
            try await serve(settings("h1", path: long))
        }
        await pair.close()
    }

    @Test(
        "closes a connection that brings nonsense, and serves the others",
        arguments: [
            // Too long, too short, a version and a kind that do not exist, a stream message cut short.
            [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 9], [0, 0, 0, 10, 9, 1, 0, 0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 10, 1, 99, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 11, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ] as [[UInt8]])
    func nonsense(bytes: [UInt8]) async throws {
        let pair = try await ServedPair(linkMbps: 1_000, [guest("a")])
        let raw = try RawSocket(path: pair.paths[0])
        try raw.write(bytes)
        #expect(raw.readToEnd().isEmpty)
        #expect(try await pair.source.presence(of: "a") == .running)
        await pair.close()
    }

    @Test("answers a request that is none as refused, whatever its bytes are")
    func malformedRequests() async throws {
        let pair = try await ServedPair(linkMbps: 1_000, [guest("a")])
        let raw = try RawSocket(path: pair.paths[0])
        let seed: UInt64 = 7
        var random = SplitMix64(seed: seed)
        for number in 1...2_000 {
            // The tag of a request that needs more than is there, so that none of these can be one by chance.
            let body =
                [UInt8.random(in: 3...15, using: &random)]
                + (0..<Int.random(in: 0...3, using: &random)).map { _ in UInt8.random(in: 1...255, using: &random) }
            // Only `listDomains` is whole without more.
            let rest = body[0] == 11 && body.count == 1 ? body + [0] : body
            try raw.write(frame(rest, call: UInt8(number % 256)))
            let reply = raw.read(4).reduce(0) { $0 << 8 | Int($1) }
            let answer = raw.read(reply)
            // Reply, failure, refused.
            #expect(answer.count > 12 && answer[1] == 2 && answer[10] == 6 && answer[11] == 3, "seed \(seed), \(rest)")
        }
        #expect(try await pair.source.presence(of: "a") == .running)
        await pair.close()
    }

    private func frame(_ body: [UInt8], call: UInt8) -> [UInt8] {
        [0, 0, 0, UInt8(10 + body.count), 1, 1, 0, 0, 0, 0, 0, 0, 0, call] + body
    }
}

/// A socket that says what it is told to.
private final class RawSocket {
    private let descriptor: Int32

    init(path: String) throws {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(self.descriptor) }

    func write(_ bytes: [UInt8]) throws {
        let sent = send(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        try #require(sent == bytes.count)
    }

    func read(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(self.descriptor, &bytes, count, Int32(MSG_WAITALL))
        return Array(bytes.prefix(max(got, 0)))
    }

    /// What comes until the other side closes.
    func readToEnd() -> [UInt8] {
        var all: [UInt8] = []
        while case let more = self.read(1), !more.isEmpty { all += more }
        return all
    }
}

import Basis
import NIOCore
import Simulation
import Testing
import Transport

/// Answers with the request's bytes turned round, after a time of its own.
private actor Mirror: RequestHandler {
    private let time: VirtualTime
    private let delay: Duration
    private(set) var seen: [Int64] = []
    private(set) var taken: [Int64] = []

    init(_ time: VirtualTime, delay: Duration = .zero) {
        self.time = time
        self.delay = delay
    }

    nonisolated func answer(_ body: ByteBuffer, from node: NodeID) -> Answer {
        .later { await self.mirrored(body) }
    }

    private func mirrored(_ body: ByteBuffer) async -> ByteBuffer? {
        guard let number = body.getInteger(at: body.readerIndex, as: Int64.self) else { return nil }
        self.seen.append(number)
        if self.delay > .zero { try? await self.time.sleep(for: self.delay) }
        return ByteBuffer(integer: -number)
    }

    func take(_ body: ByteBuffer, from node: NodeID) async {
        self.taken.append(body.getInteger(at: body.readerIndex, as: Int64.self) ?? 0)
    }
}

private let service = Service(rawValue: 1)

/// Two nodes, "a" who asks and "b" who mirrors.
private struct Pair: Sendable {
    let world: World
    let network: SimulatedNetwork
    let processes: (a: SimulatedProcess, b: SimulatedProcess)
    let a: SimulatedTransport
    let b: SimulatedTransport
    let mirror: Mirror

    init(_ world: World, _ quality: LinkQuality = LinkQuality(), mirrorDelay: Duration = .zero) async {
        self.world = world
        self.network = SimulatedNetwork(world: world, quality: quality)
        self.processes = (world.makeProcess("a"), world.makeProcess("b"))
        self.a = self.network.attach("a", process: self.processes.a)
        self.b = self.network.attach("b", process: self.processes.b)
        self.mirror = Mirror(world.time, delay: mirrorDelay)
        await self.b.register(self.mirror, for: service)
    }

    /// Asks b, from within a's process.
    func ask(_ number: Int64, within limit: Duration = .seconds(1)) async throws -> Int64? {
        try await self.processes.a.run {
            let deadline = self.world.time.now + limit
            let reply = try await self.a.request(
                ByteBuffer(integer: number), to: "b", service: service, deadline: deadline)
            return reply.getInteger(at: 0)
        }
    }

    func expectAnswer(to number: Int64, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await self.ask(number) == -number, sourceLocation: sourceLocation)
    }

    var elapsed: Duration { self.world.now - .zero }
}

private func fixed(_ milliseconds: Int) -> LinkQuality {
    LinkQuality(latencyMin: .milliseconds(milliseconds), latencyMax: .milliseconds(milliseconds))
}

@Suite("The simulated network")
struct SimulatedNetworkTests {
    @Test("brings a request and its reply, each after the link's latency")
    func roundTrip() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world)
            pair.network.setQuality(fixed(10), from: "a", to: "b")
            pair.network.setQuality(fixed(30), from: "b", to: "a")
            try await pair.expectAnswer(to: 7)
            #expect(pair.elapsed == .milliseconds(40))
            #expect(pair.network.counters(from: "a", to: "b").sent == 1)
            #expect(pair.network.counters(from: "a", to: "b").bytesDelivered == 8)
            #expect(pair.network.totals.delivered == 2)
            #expect(pair.a.counters.answered == 1)
        }
    }

    @Test("draws latencies over the whole range")
    func latencyRange() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, LinkQuality(latencyMin: .milliseconds(10), latencyMax: .milliseconds(20)))
            var times: [Duration] = []
            for number in 1...200 as ClosedRange<Int64> {
                let began = world.now
                _ = try await pair.ask(number)
                times.append(world.now - began)
            }
            #expect(times.allSatisfy { $0 >= .milliseconds(20) && $0 <= .milliseconds(40) })
            #expect(times.min() ?? .zero < .milliseconds(24) && times.max() ?? .zero > .milliseconds(36))
        }
    }

    @Test("times a lost request out exactly at its deadline", arguments: [1_000_000, 0])
    func loss(lossOfRequests: Int) async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world)
            let lossy = LinkQuality(lossPerMillion: 1_000_000)
            // Either the request is lost or the reply: the asker cannot tell.
            pair.network.setQuality(lossy, from: lossOfRequests > 0 ? "a" : "b", to: lossOfRequests > 0 ? "b" : "a")
            await #expect(throws: TransportError.timedOut) { try await pair.ask(1, within: .milliseconds(250)) }
            #expect(pair.elapsed == .milliseconds(250))
            #expect(await pair.mirror.seen.count == (lossOfRequests > 0 ? 0 : 1))
            #expect(pair.network.totals.lost == 1)
            #expect(pair.a.counters.timedOut == 1)
        }
    }

    @Test("loses about the share that it is told to")
    func lossShare() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world)
            pair.network.setQuality(LinkQuality(lossPerMillion: 250_000), from: "a", to: "b")
            for number in 1...1000 as ClosedRange<Int64> {
                try await pair.a.send(ByteBuffer(integer: number), to: "b", service: service)
            }
            try await world.time.sleep(for: .seconds(1))
            let counters = pair.network.counters(from: "a", to: "b")
            #expect((200...300).contains(counters.lost))
            #expect(counters.delivered == 1000 - counters.lost)
            #expect(await pair.mirror.taken.count == counters.delivered)
        }
    }

    @Test("runs the handler twice for a doubled request, and the first reply wins")
    func duplication() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world)
            let unused = Log()
            pair.network.onUnusedReply = { reply in Task { await unused.add("\(reply.from) to \(reply.to)") } }
            pair.network.setQuality(LinkQuality(duplicationPerMillion: 1_000_000), from: "a", to: "b")
            try await pair.expectAnswer(to: 3)
            try await world.time.sleep(for: .seconds(1))
            #expect(await pair.mirror.seen == [3, 3])
            #expect(pair.network.counters(from: "a", to: "b").duplicated == 1)
            #expect(pair.a.counters.repliesUnused == 1)
            #expect(await unused.lines == ["b to a"])
        }
    }

    @Test("drops the reply that comes after the deadline, and counts it")
    func lateReply() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, mirrorDelay: .seconds(2))
            await #expect(throws: TransportError.timedOut) { try await pair.ask(1) }
            #expect(pair.elapsed == .seconds(1))
            try await world.time.sleep(for: .seconds(5))
            #expect(pair.a.counters.repliesUnused == 1)
            #expect(pair.a.counters.answered == 0)
        }
    }

    @Test("keeps the order of a link, unless it is told not to", arguments: [true, false])
    func order(keepsOrder: Bool) async throws {
        try await World.run(seed: 1, options: WorldOptions(readyOrder: .firstInFirstOut)) { world in
            let quality = LinkQuality(
                latencyMax: .milliseconds(5), delayPerMillion: 300_000, delayMax: .seconds(1), keepsOrder: keepsOrder)
            let pair = await Pair(world, quality)
            for number in 1...100 as ClosedRange<Int64> {
                try await pair.a.send(ByteBuffer(integer: number), to: "b", service: service)
                try await world.time.sleep(for: .milliseconds(1))
            }
            try await world.time.sleep(for: .seconds(5))
            let taken = await pair.mirror.taken
            #expect(taken.sorted() == Array(1...100))
            #expect((taken == taken.sorted()) == keepsOrder)
        }
    }

    @Test("is cut by a split in the directions that it says, until it is healed")
    func split() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, fixed(10))
            let forth = pair.network.split(NetworkSplit(["a"], from: ["b"], .oneWay))
            await #expect(throws: TransportError.timedOut) { try await pair.ask(1) }
            #expect(await pair.mirror.seen == [])
            pair.network.heal(forth)
            let back = pair.network.split(NetworkSplit(["b"], from: ["a"], .oneWay))
            await #expect(throws: TransportError.timedOut) { try await pair.ask(2) }
            #expect(await pair.mirror.seen == [2])
            let both = pair.network.split(NetworkSplit(["x", "b"], from: ["a"]))
            pair.network.heal(back)
            await #expect(throws: TransportError.timedOut) { try await pair.ask(3) }
            #expect(await pair.mirror.seen == [2])
            pair.network.heal(both)
            try await pair.expectAnswer(to: 4)
            #expect(pair.network.totals.cut == 3)
        }
    }

    @Test("loses what is on its way when it is cut")
    func splitOnTheWay() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, fixed(10))
            world.schedule(after: .milliseconds(5)) { pair.network.split(NetworkSplit(["a"], from: ["b"])) }
            world.schedule(after: .milliseconds(15)) { pair.network.healAll() }
            await #expect(throws: TransportError.timedOut) { try await pair.ask(1) }
            #expect(await pair.mirror.seen == [])
            try await pair.expectAnswer(to: 2)
        }
    }

    @Test("is silent about an unplugged node, either side")
    func unplugged() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world)
            for node in ["a", "b"] as [NodeID] {
                pair.network.setPlugged(false, node)
                await #expect(throws: TransportError.timedOut) { try await pair.ask(1) }
                pair.network.setPlugged(true, node)
            }
            try await pair.expectAnswer(to: 2)
        }
    }

    @Test("holds what arrives at a paused process, and the reply to one")
    func paused() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, fixed(10))
            pair.processes.b.pause(for: .milliseconds(500))
            try await pair.expectAnswer(to: 1)
            #expect(pair.elapsed == .milliseconds(510))
            world.schedule(after: .milliseconds(15)) { pair.processes.a.pause(for: .milliseconds(300)) }
            let began = world.now
            try await pair.expectAnswer(to: 2)
            #expect(world.now - began == .milliseconds(315))
        }
    }

    @Test("gives no reply after the deadline to a process that was paused meanwhile")
    func pausedBeyondDeadline() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, fixed(10))
            world.schedule(after: .milliseconds(15)) { pair.processes.a.pause(for: .seconds(30)) }
            await #expect(throws: TransportError.timedOut) { try await pair.ask(1) }
        }
    }

    @Test("says that a crashed process is not there, and takes up its successor")
    func crashAndRestart() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, fixed(10), mirrorDelay: .milliseconds(500))
            world.schedule(after: .milliseconds(100)) { pair.processes.b.crash() }
            await #expect(throws: TransportError.connectionLost) { try await pair.ask(1) }
            #expect(pair.elapsed == .milliseconds(110))
            await #expect(throws: TransportError.unreachable(reason: "b refuses the connection")) {
                try await pair.ask(2)
            }
            #expect(pair.elapsed == .milliseconds(130))
            let successor = world.makeProcess("b")
            let transport = pair.network.attach("b", process: successor)
            await #expect(throws: TransportError.refused(.unknownService)) { try await pair.ask(3) }
            await transport.register(Mirror(world.time), for: service)
            try await pair.expectAnswer(to: 4)
        }
    }

    @Test("forgets the requests of a crashed process")
    func askerCrashes() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, mirrorDelay: .milliseconds(100))
            world.schedule(after: .milliseconds(50)) { pair.processes.a.crash() }
            await #expect(throws: ProcessCrashed.self) { try await pair.ask(1) }
            try await world.time.sleep(for: .seconds(2))
            #expect(await pair.mirror.seen == [1])
            #expect(pair.a.counters.answered == 0 && pair.a.counters.timedOut == 0)
        }
    }

    @Test("reads deadlines on the asker's own clock")
    func skewedDeadline() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, LinkQuality(lossPerMillion: 1_000_000))
            let time = SkewedTime(world.time, start: .zero + .seconds(1000), driftPerMillion: 1_000_000)
            let fast = pair.network.attach("fast", process: world.makeProcess("fast"), time: time)
            await #expect(throws: TransportError.timedOut) {
                try await fast.request(
                    ByteBuffer(integer: 1), to: "b", service: service, deadline: time.now + .seconds(4))
            }
            #expect(pair.elapsed == .seconds(2))
        }
    }

    @Test("refuses what it cannot send or the peer does not take")
    func refusals() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world)
            let deadline = world.time.now + .seconds(1)
            await #expect(throws: TransportError.unreachable(reason: "there is no node z")) {
                try await pair.a.request(ByteBuffer(), to: "z", service: service, deadline: deadline)
            }
            await #expect(throws: TransportError.refused(.unknownService)) {
                try await pair.a.request(ByteBuffer(), to: "b", service: Service(rawValue: 9), deadline: deadline)
            }
            await #expect(throws: TransportError.refused(.malformed)) {
                try await pair.a.request(ByteBuffer(), to: "b", service: service, deadline: deadline)
            }
            let bytes = SimulatedTransport.bodyBytesMax + 1
            let long = ByteBuffer(repeating: 0, count: bytes)
            await #expect(throws: TransportError.limitReached(limit: "bodyBytesMax", value: bytes)) {
                try await pair.a.request(long, to: "b", service: service, deadline: deadline)
            }
            await #expect(throws: TransportError.timedOut) {
                try await pair.a.request(ByteBuffer(integer: 1), to: "b", service: service, deadline: world.time.now)
            }
            pair.b.close()
            await #expect(throws: TransportError.refused(.goingAway)) { try await pair.ask(1) }
            pair.a.close()
            await #expect(throws: TransportError.closed) { try await pair.ask(1) }
        }
    }

    @Test("ends a request whose task is cancelled, at once", arguments: [0, 5, 15])
    func cancelled(afterMilliseconds: Int) async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, fixed(10))
            let asking = Task { try await pair.ask(1) }
            if afterMilliseconds > 0 { try await world.time.sleep(for: .milliseconds(afterMilliseconds)) }
            asking.cancel()
            await #expect(throws: TransportError.cancelled) { try await asking.value }
            #expect(pair.elapsed == .milliseconds(afterMilliseconds))
            try await world.time.sleep(for: .seconds(2))
            #expect(pair.a.counters.cancelled == 1)
            #expect(pair.a.counters.repliesUnused == (afterMilliseconds > 0 ? 1 : 0))
        }
    }

    @Test("carries a bounded number of requests to one node at a time")
    func requestsInFlight() async throws {
        try await World.run(seed: 1) { world in
            let pair = await Pair(world, mirrorDelay: .milliseconds(100))
            let limit = SimulatedTransport.requestsInFlightMax
            let errors = await withTaskGroup(of: TransportError?.self) { group in
                for number in 0..<(limit + 5) {
                    group.addTask {
                        do throws(TransportError) {
                            _ = try await pair.a.request(
                                ByteBuffer(integer: Int64(number)), to: "b", service: service,
                                deadline: .zero + .seconds(1))
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                return await group.reduce(into: [TransportError]()) { if let error = $1 { $0.append(error) } }
            }
            #expect(errors == Array(repeating: .limitReached(limit: "requestsInFlightMax", value: limit), count: 5))
            try await pair.expectAnswer(to: 1)
        }
    }
}

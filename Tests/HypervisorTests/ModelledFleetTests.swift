import Basis
import Hypervisor
import NIOCore
import NIOPosix
import Placement
import Testing

/// Two hosts of one fleet; the test moves time from one deadline to the next.
private struct Pair {
    let time = ManualTime()
    let fleet: ModelledFleet
    let source: ModelledDriver
    let destination: ModelledDriver

    init(
        _ guests: [ModelledGuest], sourceCPU: Int = 4_000, linkMbps: Int = 1_000, downtime: Duration = .milliseconds(30)
    ) async {
        self.fleet = ModelledFleet(time: self.time, executor: MultiThreadedEventLoopGroup.singleton.next().executor)
        await self.fleet.add(
            settings("h1", cpu: sourceCPU, linkMbps: linkMbps, downtime: downtime), running: guests)
        await self.fleet.add(settings("h2", linkMbps: linkMbps, downtime: downtime))
        self.source = await self.fleet.driver(for: "h1")
        self.destination = await self.fleet.driver(for: "h2")
    }

    /// Lets time pass until `end`, or until nothing is under way.
    func pass(until end: MonotonicInstant = .distantFuture) async {
        while let next = await self.fleet.nextDeadline, next <= end {
            self.time.set(next)
            await self.fleet.catchUp()
        }
        if end != .distantFuture { self.time.set(end) }
        await self.fleet.catchUp()
    }

    /// Migrates `vm`, doing `meanwhile` when its memory has begun to flow.
    func migrate(
        _ order: MigrationOrder, log: ProgressLog = ProgressLog(), meanwhile: () async throws -> Void = {}
    ) async throws -> HypervisorError? {
        try await self.destination.openIncoming(order.ticket)
        let source = self.source
        async let ended = failure { () async throws(HypervisorError) in
            try await source.migrate(order, onProgress: log.note)
        }
        try #require(await log.first())
        try await meanwhile()
        await self.pass()
        return await ended
    }

    func presences(_ vm: VMID) async throws -> [DomainPresence] {
        [try await self.source.presence(of: vm), try await self.destination.presence(of: vm)]
    }
}

@Suite("Two modelled hosts of a fleet")
struct ModelledFleetTests {
    private func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

    @Test(
        "take as long for a guest as SimGrid does",
        arguments: [
            (dirty: 0, seconds: 8.86), (dirty: 60, seconds: 18.4), (dirty: 100, seconds: 65.7),
        ])
    func takesAsLongAsSimGrid(dirty: Int, seconds expected: Double) async throws {
        let pair = await Pair([guest("a", dirty: dirty)])
        #expect(try await pair.migrate(order("a")) == nil)
        let taken = Double(pair.time.now.nanoseconds) / 1e9
        #expect(abs(taken - expected) <= expected / 100, "\(taken) s")
    }

    @Test("leave two paused copies until the caller decides, and then one running guest with its mark and demand")
    func handsOverInTwoPhases() async throws {
        let pair = await Pair([guest("a", cpu: 700, dirty: 20)])
        let log = ProgressLog()
        #expect(try await pair.migrate(order("a"), log: log) == nil)
        #expect(try await pair.presences("a") == [.pausedOutgoing, .pausedIncoming])
        #expect(
            try await pair.source.presence(of: "a", at: pair.destination.describeHost().endpoint) == .pausedIncoming)

        try await pair.source.discardPausedCopy(of: "a")
        try await pair.destination.resume("a")
        #expect(try await pair.presences("a") == [.absent, .running])
        let arrived = try #require(try await pair.destination.sample().domains.first)
        #expect(arrived.mark == order("a").mark)
        #expect(arrived.demand == Resources(cpuMillicores: 700, memoryMiB: 1_024))
        #expect(arrived.job == nil)

        let reports = log.all
        #expect(reports.first == MigrationProgress(elapsed: .zero, sentMiB: 0, remainingMiB: 1_024, round: 1))
        #expect(reports.last?.remainingMiB == 0)
        #expect((reports.last?.round ?? 0) > 1)
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.sentMiB <= $1.sentMiB && $0.elapsed <= $1.elapsed })
        // Twice a second, and what is left of the last round.
        #expect(reports.count <= Int(seconds(reports.last?.elapsed ?? .zero) * 2) + 2)
    }

    @Test("take the closed ticket of a guest that is flowing in for its end")
    func closedTicketAborts() async throws {
        let pair = await Pair([guest("a")])
        let error = try await pair.migrate(order("a")) {
            await pair.pass(until: at(4))
            #expect(try await pair.presences("a") == [.running, .pausedIncoming])
            try await pair.destination.closeIncoming(ticket("a"))
            #expect(try await pair.presences("a") == [.running, .absent])
        }
        #expect(isLike(error, .failed("")))
        #expect(try await pair.presences("a") == [.running, .absent])
    }

    @Test(
        "refuse a guest without a ticket, with one for another, and with one that was used",
        arguments: [
            nil, ticket("b"), ticket("a", number: 2), ticket("a", from: "h3"),
        ])
    func noTicketNoData(open: MigrationTicket?) async throws {
        let pair = await Pair([guest("a")])
        if let open { try await pair.destination.openIncoming(open) }
        let error = await failure { () async throws(HypervisorError) in
            try await pair.source.migrate(order("a"), onProgress: { _ in })
        }
        #expect(isLike(error, .refused("")))
        #expect(try await pair.presences("a") == [.running, .absent])
        #expect(await pair.fleet.flows().isEmpty)
    }

    @Test("let a ticket be used once")
    func ticketIsSpent() async throws {
        let pair = await Pair([guest("a")])
        _ = try await pair.migrate(order("a")) { try await pair.source.abortMigration(of: "a") }
        let again = await failure { () async throws(HypervisorError) in
            try await pair.destination.openIncoming(ticket("a"))
            try await pair.source.migrate(order("a"), onProgress: { _ in })
        }
        #expect(isLike(again, .refused("")))
    }

    @Test("keep the guest running at the source when that aborts, by call, by cancellation or by the time limit")
    func sourceAborts() async throws {
        let byCall = await Pair([guest("a")])
        #expect(
            isLike(
                try await byCall.migrate(order("a")) { try await byCall.source.abortMigration(of: "a") }, .aborted("")))
        #expect(try await byCall.presences("a") == [.running, .absent])

        let byTime = await Pair([guest("a", dirty: 500)])
        let error = try await byTime.migrate(order("a", timeLimit: .seconds(100)))
        #expect(isLike(error, .aborted("")))
        #expect(byTime.time.now == at(100))
        #expect(try await byTime.presences("a") == [.running, .absent])

        let byCancellation = await Pair([guest("a")])
        try await byCancellation.destination.openIncoming(ticket("a"))
        let log = ProgressLog()
        let thrown = await withTaskGroup(of: HypervisorError?.self) { group in
            let source = byCancellation.source
            group.addTask {
                await failure { () async throws(HypervisorError) in
                    try await source.migrate(order("a"), onProgress: log.note)
                }
            }
            _ = await log.first()
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(isLike(thrown, .aborted("")))
        #expect(try await byCancellation.presences("a") == [.running, .absent])
    }

    @Test("leave the guest running at the source when the destination crashes in the middle")
    func destinationCrashes() async throws {
        let pair = await Pair([guest("a", dirty: 100)])
        let error = try await pair.migrate(order("a")) {
            await pair.pass(until: at(12))
            await pair.fleet.crash("h2")
        }
        #expect(isLike(error, .failed("")))
        #expect(try await pair.source.presence(of: "a") == .running)
        let there = await failure { () async throws(HypervisorError) in
            _ = try await pair.source.presence(of: "a", at: ModelledHostSettings.fleetEndpoint(of: "h2"))
        }
        #expect(isLike(there, .unreachable("")))
        await pair.fleet.reboot("h2")
        #expect(try await pair.destination.presence(of: "a") == .absent)
    }

    @Test("lose the guest when the source crashes in the middle, and find its definition after the reboot")
    func sourceCrashes() async throws {
        let pair = await Pair([guest("a")])
        let error = try await pair.migrate(order("a")) { await pair.fleet.crash("h1") }
        #expect(isLike(error, .unreachable("")))
        #expect(try await pair.destination.presence(of: "a") == .absent)
        await pair.fleet.reboot("h1")
        #expect(try await pair.source.presence(of: "a") == .shutOff)
        try await pair.source.boot(guest("a"))
        #expect(try await pair.source.presence(of: "a") == .running)
    }

    @Test("keep the guest running at the source when the link is cut")
    func linkIsCut() async throws {
        let pair = await Pair([guest("a")])
        let error = try await pair.migrate(order("a")) {
            await pair.fleet.setLink(between: "h2", and: "h1", isCut: true)
        }
        #expect(isLike(error, .failed("")))
        #expect(try await pair.presences("a") == [.running, .absent])
        await pair.fleet.setLink(between: "h1", and: "h2", isCut: false)
        #expect(try await pair.migrate(order("a", number: 2)) == nil)
    }

    @Test("share a link: three guests at once take longer than three in a row")
    func sharesTheLink() async throws {
        let guests = [guest("a", dirty: 22), guest("b", dirty: 22), guest("c", dirty: 22)]
        let together = await Pair(guests)
        await withTaskGroup(of: Void.self) { group in
            for (index, vm) in guests.map(\.vm).enumerated() {
                let one = order(vm, number: UInt64(index + 1))
                let log = ProgressLog()
                group.addTask {
                    let error = await failure { () async throws(HypervisorError) in
                        try await together.destination.openIncoming(one.ticket)
                        try await together.source.migrate(one, onProgress: log.note)
                    }
                    #expect(error == nil)
                }
                #expect(await log.first())
            }
            #expect(await together.fleet.flows().map(\.ticket.vm) == ["a", "b", "c"])
            await together.pass()
        }
        let model = MigrationModel(
            memoryBytes: 1_024 * mib, workingSetBytes: 0.9 * 1_024 * mib, downtimeMax: .milliseconds(30))
        let link = settings("h1").linkBytesPerSecond
        let third = try #require(model.predict(bytesPerSecond: link / 3, dirtyBytesPerSecond: 22 * mib))
        let alone = try #require(model.predict(bytesPerSecond: link, dirtyBytesPerSecond: 22 * mib))
        #expect(abs(seconds(together.time.now - .zero) - seconds(third.duration)) < 0.1)
        #expect(seconds(third.duration) > 1.7 * 3 * seconds(alone.duration))
    }

    @Test("give a migration the whole link again when the other one ends")
    func shareGrowsBack() async throws {
        let pair = await Pair([guest("a"), guest("b")])
        try await pair.destination.openIncoming(ticket("b", number: 2))
        let log = ProgressLog()
        async let other = failure { () async throws(HypervisorError) in
            try await pair.source.migrate(order("b", number: 2), onProgress: log.note)
        }
        try #require(await log.first())
        let error = try await pair.migrate(order("a")) {
            await pair.pass(until: at(4))
            try await pair.source.abortMigration(of: "b")
        }
        #expect(error == nil)
        #expect(isLike(await other, .aborted("")))
        // 8.855 s alone; for the first 4 s it had half.
        #expect(abs(seconds(pair.time.now - .zero) - (8.855 + 2)) < 0.01)
    }

    @Test("copy no faster than the order allows")
    func respectsBandwidth() async throws {
        let pair = await Pair([guest("a")])
        #expect(try await pair.migrate(order("a", bandwidth: 64)) == nil)
        #expect(pair.time.now == at(16))
    }

    @Test("slow down a guest that would never arrive, if the order says so")
    func autoConverges() async throws {
        let pair = await Pair([guest("a", dirty: 200)])
        let error = try await pair.migrate(order("a", autoConverge: true))
        #expect(error == nil)
        #expect(pair.time.now < at(300))
    }

    @Test("run by themselves when somebody runs the fleet's clock")
    func runsByItself() async throws {
        let pair = await Pair([guest("a", dirty: 60)])
        try await pair.destination.openIncoming(ticket("a"))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pair.fleet.run() }
            group.addTask {
                // Only the fleet sleeps, for one deadline at a time.
                for await _ in pair.time.sleeps {
                    if let deadline = pair.time.firstDeadline { pair.time.set(deadline) }
                }
            }
            let error = await failure { () async throws(HypervisorError) in
                try await pair.source.migrate(order("a"), onProgress: { _ in })
            }
            #expect(error == nil)
            group.cancelAll()
        }
        #expect(abs(seconds(pair.time.now - .zero) - 18.4) < 0.2)
        #expect(try await pair.presences("a") == [.pausedOutgoing, .pausedIncoming])
    }

    @Test("may report a failure although the guest has arrived: the copy there is paused and can be dropped")
    func failureAfterArrival() async throws {
        let pair = await Pair([guest("a")])
        try await pair.source.setFaults(ModelledFaults(failNextMigration: .arrival))
        #expect(isLike(try await pair.migrate(order("a")), .failed("")))
        #expect(try await pair.presences("a") == [.running, .pausedIncoming])
        try await pair.destination.discardPausedCopy(of: "a")
        #expect(try await pair.presences("a") == [.running, .absent])
    }

    @Test("go on with a migration whose driver is closed, and end that driver's calls and events")
    func closedDriver() async throws {
        let pair = await Pair([guest("a")])
        let events = pair.source.events()
        let error = try await pair.migrate(order("a")) { await pair.source.close() }
        #expect(isLike(error, .unreachable("")))
        for await _ in events {}
        let successor = await pair.fleet.driver(for: "h1")
        #expect(try await successor.presence(of: "a") == .pausedOutgoing)
        #expect(try await pair.destination.presence(of: "a") == .pausedIncoming)
        let asked = await failure { () async throws(HypervisorError) in _ = try await pair.source.sample() }
        #expect(isLike(asked, .unreachable("")))
    }

    @Test("answer late when told to, although the call has had its effect")
    func answersLate() async throws {
        let pair = await Pair([guest("a")])
        try await pair.destination.setFaults(ModelledFaults(answerDelay: .seconds(5)))
        async let marked = failure { () async throws(HypervisorError) in
            try await pair.destination.openIncoming(ticket("b"))
        }
        for await _ in pair.time.sleeps { break }
        #expect(pair.time.firstDeadline == at(5))
        let again = await pair.fleet.driver(for: "h2")
        try await again.setFaults(ModelledFaults())
        let taken = await failure { () async throws(HypervisorError) in
            try await again.openIncoming(ticket("c"))
        }
        #expect(isLike(taken, .refused("")), "ticket 1 is taken already")
        pair.time.set(at(5))
        #expect(await marked == nil)
    }

    @Test("keep each driver's own time in its samples")
    func samplesAreStampedByTheDriver() async throws {
        let pair = await Pair([guest("a")])
        let own = ManualTime()
        own.set(at(77))
        let driver = await pair.fleet.driver(for: "h1", time: own)
        #expect(try await driver.sample().takenAt == at(77))
        #expect(try await pair.source.sample().takenAt == .zero)
    }
}

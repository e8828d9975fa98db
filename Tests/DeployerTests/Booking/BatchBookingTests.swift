import Basis
import Deployer
import Settings
import Simulation
import Synchronization
import Testing

/// Goal: one job for a deployment, whatever is stopped or lost, and none left behind. Method: a scripted Slurm under
/// virtual time, with modelled hosts.
@Suite("Hosts of a batch system")
struct BatchBookingTests {
    private static func fleet(_ more: String = "") throws -> FleetSettings {
        try DeploymentFixture.fleet(
            hosts: 2, spares: 1, guests: 3, provider: "slurm, wait_max: 10min\(more.isEmpty ? "" : ", \(more)")")
    }

    private static func ending(
        _ run: () async throws(DeploymentError) -> DeploymentReport
    ) async -> Result<DeploymentReport, DeploymentError> {
        do {
            return .success(try await run())
        } catch {
            return .failure(error)
        }
    }

    private static func failure(_ run: DeploymentRun) async -> BookingFailure? {
        guard
            case .failure(.booking(let failure)) = await Self.ending({ () async throws(DeploymentError) in
                try await run.apply()
            })
        else { return nil }
        return failure
    }

    /// Neither hosts nor records nor jobs of a deployment are there.
    private static func expectNothing(
        _ fixture: DeploymentFixture, _ hosts: ModelledHosts, _ slurm: ScriptedSlurm, _ time: any TimeSource,
        _ comment: Comment = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(await slurm.live.isEmpty, comment, sourceLocation: sourceLocation)
        #expect(await hosts.used().isEmpty, comment, sourceLocation: sourceLocation)
        let store = try SQLiteStore(fixture.folder, time: time)
        #expect(try await store.leases().isEmpty, comment, sourceLocation: sourceLocation)
        #expect(try await store.deployments().isEmpty, comment, sourceLocation: sourceLocation)
    }

    @Test("are awaited, told of, used, and given back")
    func life() async throws {
        let events = Mutex<[BookingEvent]>([])
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(wait: .seconds(60), time: world.time)
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm) { event in
                if case .booking(let event) = event { events.withLock { $0.append(event) } }
            }
            let report = try await run.apply()
            await hosts.expectWhole(fixture.fleet, report)
            #expect(report.hosts.map(\.role) == [.worker, .worker, .spare])
            // What the file says of a host that it lists holds for the job's host of that name; the job says until when.
            #expect(report.hosts[0].host.sshPort == 2_001)
            #expect(report.hosts.allSatisfy { $0.leaseEndsMilliseconds == 4_102_444_800_000 })
            #expect(await slurm.looks == 13, "one each 5 s for a minute, and the first")

            let again = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await hosts.expectWhole(fixture.fleet, again)
            #expect(await slurm.jobs.count == 1)
            _ = try await fixture.run(on: hosts, time: world.time, frontend: slurm).destroy()
            try await Self.expectNothing(fixture, hosts, slurm, world.time)
        }
        let job = BatchJobName(system: .slurm, number: 1)
        #expect(
            events.withLock { $0 } == [
                .submitted(job),
                .waiting(job, words: "PENDING, Resources", startsMilliseconds: 1_795_897_250_000),
                .started(job, hosts: 3),
            ])
    }

    @Test("come from one job wherever an apply is stopped at a write, and the job goes with the deployment")
    func stops() async throws {
        var kinds: Set<String> = []
        for isAfter in [false, true] {
            var isStopped = true
            var write = 1
            while isStopped {
                let at = write
                let stoppedAt = try await DeploymentFixture.inWorld(
                    try Self.fleet(), seed: UInt64(write)
                ) { fixture, hosts, world in
                    let slurm = ScriptedSlurm(wait: .seconds(20), time: world.time)
                    let store = StoppingStore(
                        try SQLiteStore(fixture.folder, time: world.time), stopAt: at, isAfter: isAfter)
                    let run = try fixture.run(on: hosts, time: world.time, store: store, frontend: slurm)
                    _ = await Self.ending { () async throws(DeploymentError) in try await run.apply() }
                    let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
                    await hosts.expectWhole(fixture.fleet, report)
                    #expect(await slurm.jobs.count == 1, "write \(at), after: \(isAfter)")
                    _ = try await fixture.run(on: hosts, time: world.time, frontend: slurm).destroy()
                    try await Self.expectNothing(fixture, hosts, slurm, world.time, "write \(at), after: \(isAfter)")
                    return await store.stoppedAt
                }
                kinds.formUnion(stoppedAt)
                isStopped = !stoppedAt.isEmpty
                write += 1
            }
        }
        #expect(kinds.isSuperset(of: ["create", "job asked", "job queued", "job running", "book worker"]), "\(kinds)")
    }

    @Test("of a job whose number was lost on the way are found by its name, and none is submitted twice")
    func lostAnswer() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            await slurm.loseAnswers(true)
            let lost = await Self.failure(try fixture.run(on: hosts, time: world.time, frontend: slurm))
            #expect(lost == .unreachable(.slurm, .connectionLost(host: "frontend", words: "gone")))
            await slurm.loseAnswers(false)
            let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await hosts.expectWhole(fixture.fleet, report)
            #expect(await slurm.jobs.count == 1)
        }
    }

    @Test("come from the job on record; another of its name that turns up is deleted")
    func twin() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(wait: .seconds(60), time: world.time)
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            async let report = run.apply()
            try await world.time.sleep(for: .seconds(12))
            let name = try #require(await slurm.jobs.first?.name)
            #expect(name.hasPrefix("dvms-test-"))
            let twin = await slurm.add(name)
            await hosts.expectWhole(fixture.fleet, try await report)
            #expect(await slurm.live.map(\.number) == [1])
            #expect(await slurm.jobs.first { $0.number == twin }?.ended == "CANCELLED")
        }
    }

    @Test(
        "are no longer asked for when the run is stopped, while the job waits or is being submitted",
        arguments: [42, 1])
    func cancelled(seconds: Int) async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(submissionTakes: .seconds(3), time: world.time)
            await slurm.hold(true)
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            let failure = await withTaskGroup(of: BookingFailure?.self) { group in
                group.addTask { await Self.failure(run) }
                try? await world.time.sleep(for: .seconds(seconds))
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(failure == .cancelled(BatchJobName(system: .slurm, number: 1)))
            #expect(await slurm.jobs.map(\.ended) == ["CANCELLED"])
            try await Self.expectNothing(fixture, hosts, slurm, world.time)
        }
    }

    @Test("stay the fleet's when a later run is stopped while it looks at its job")
    func cancelledLater() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            _ = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            let failure = await withTaskGroup(of: BookingFailure?.self) { group in
                group.cancelAll()
                group.addTask { await Self.failure(run) }
                return await group.next() ?? nil
            }
            #expect(failure == .cancelled(nil))
            #expect(await slurm.live.map(\.number) == [1])
            let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await hosts.expectWhole(fixture.fleet, report)
        }
    }

    @Test("are not asked for on record when the frontend was not reached")
    func unreached() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            let silence = HostShellFailure.unreachable(host: "frontend", words: "no route")
            await slurm.fail(with: [silence])
            let failure = await Self.failure(try fixture.run(on: hosts, time: world.time, frontend: slurm))
            #expect(failure == .unreachable(.slurm, silence))
            try await Self.expectNothing(fixture, hosts, slurm, world.time)
        }
    }

    @Test(
        "of a job that a killed apply is still asking for are awaited by destroy, and given back when they come",
        arguments: [60, nil] as [Int?])
    func stillAsked(seconds: Int?) async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            let name = try await Self.leaveAsked(fixture, hosts, slurm, world.time)
            if let seconds { _ = await slurm.add(name, after: .seconds(seconds)) }
            let events = Mutex<[BookingEvent]>([])
            let began = world.time.now
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm) { event in
                if case .booking(let event) = event { events.withLock { $0.append(event) } }
            }
            let report = try await run.destroy()
            #expect(!report.isInterrupted)
            let limit = BatchBooking.lateSubmissionMax
            #expect(events.withLock { $0 } == [.mayStillCome(.slurm, name: name, within: limit)])
            let expected: Duration = seconds.map { .seconds($0) } ?? limit
            #expect(world.time.now - began == expected)
            #expect(await slurm.jobs.allSatisfy { $0.ended == "CANCELLED" })
            try await Self.expectNothing(fixture, hosts, slurm, world.time)
        }
    }

    @Test("of a job that a killed apply is still asking for are awaited by the next, which asks for none beside it")
    func stillAskedAndApplied() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            let name = try await Self.leaveAsked(fixture, hosts, slurm, world.time)
            _ = await slurm.add(name, after: .seconds(60))
            let events = Mutex<[BookingEvent]>([])
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm) { event in
                if case .booking(let event) = event { events.withLock { $0.append(event) } }
            }
            _ = try await run.apply()
            let found = BookingEvent.found(BatchJobName(system: .slurm, number: 1))
            #expect(events.withLock { $0 }.contains(found), "\(events.withLock { $0 })")
            #expect(await slurm.jobs.count == 1)
        }
    }

    @Test("of a job that a killed apply is still asking for stay on record when a later run is stopped")
    func stillAskedAndStopped() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            let name = try await Self.leaveAsked(fixture, hosts, slurm, world.time)
            let apply = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            let failure = await withTaskGroup(of: BookingFailure?.self) { group in
                group.cancelAll()
                group.addTask { await Self.failure(apply) }
                return await group.next() ?? nil
            }
            #expect(failure == .cancelled(nil))
            let destroy = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            let ended = await withTaskGroup(of: Result<DeploymentReport, DeploymentError>?.self) { group in
                group.addTask {
                    await Self.ending { () async throws(DeploymentError) in try await destroy.destroy() }
                }
                try? await world.time.sleep(for: .seconds(12))
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(try ended?.get().isInterrupted == true)
            #expect(try await SQLiteStore(fixture.folder, time: world.time).load("test")?.job?.name == name)
        }
    }

    /// An apply of which nobody knows whether its job was submitted.
    private static func leaveAsked(
        _ fixture: DeploymentFixture, _ hosts: ModelledHosts, _ slurm: ScriptedSlurm, _ time: any TimeSource
    ) async throws -> String {
        let silence = HostShellFailure.connectionLost(host: "frontend", words: "gone")
        await slurm.fail(with: [silence])
        let failure = await Self.failure(try fixture.run(on: hosts, time: time, frontend: slurm))
        #expect(failure == .unreachable(.slurm, silence))
        #expect(await slurm.jobs.isEmpty)
        return try #require(try await SQLiteStore(fixture.folder, time: time).load("test")?.job?.name)
    }

    @Test("are not awaited for longer than the file says")
    func tooLong() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            await slurm.hold(true)
            let began = world.time.now
            let failure = await Self.failure(try fixture.run(on: hosts, time: world.time, frontend: slurm))
            #expect(failure == .waitedTooLong(BatchJobName(system: .slurm, number: 1), limit: "10min"))
            #expect(world.time.now - began == .seconds(600))
            try await Self.expectNothing(fixture, hosts, slurm, world.time)
        }
    }

    @Test("are refused with the words of the batch system, and nothing is left on record")
    func refused() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet("slurm: {partition: none}")) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            let failure = await Self.failure(try fixture.run(on: hosts, time: world.time, frontend: slurm))
            #expect(
                failure
                    == .refused(
                        .slurm, words: "sbatch: error: invalid partition specified: none, exit status 1"))
            try await Self.expectNothing(fixture, hosts, slurm, world.time)
        }
    }

    @Test("are awaited although some looks fail, but not without end", arguments: [4, 5])
    func looks(failures: Int) async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(wait: .seconds(60), time: world.time)
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            async let outcome = Self.failure(run)
            try await world.time.sleep(for: .seconds(1))
            let silence = HostShellFailure.unreachable(host: "frontend", words: "no route")
            await slurm.fail(with: Array(repeating: silence, count: failures))
            #expect(await outcome == (failures == 4 ? nil : .unreachable(.slurm, silence)))
            // The job is there either way, and the next apply uses it.
            let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await hosts.expectWhole(fixture.fleet, report)
            #expect(await slurm.jobs.count == 1)
        }
    }

    @Test("of a job that ended before it was used are asked for anew")
    func endedUnused() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(wait: .seconds(60), time: world.time)
            let run = try fixture.run(on: hosts, time: world.time, frontend: slurm)
            async let outcome = Self.failure(run)
            try await world.time.sleep(for: .seconds(7))
            await slurm.end(1, "CANCELLED")
            #expect(await outcome == .endedUnused(BatchJobName(system: .slurm, number: 1), words: "CANCELLED"))
            let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await hosts.expectWhole(fixture.fleet, report)
            #expect(await slurm.jobs.count == 2)
        }
    }

    @Test("of a job that was ended are another's: apply says so, and destroy takes back what answers")
    func ended() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            _ = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await slurm.end(1, "TIMEOUT")
            await hosts.hosts["h2"]?.add(.dies(at: .removal))
            let failure = await Self.failure(try fixture.run(on: hosts, time: world.time, frontend: slurm))
            #expect(failure == .ended(BatchJobName(system: .slurm, number: 1), words: "TIMEOUT"))
            let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).destroy()
            // The host that does not answer is told of, and forgotten: it is no longer this deployment's.
            #expect(report.hosts.isEmpty && report.guests.isEmpty && report.failures.map(\.entity) == ["h2"])
            #expect(await hosts.used() == ["h2"])
            let store = try SQLiteStore(fixture.folder, time: world.time)
            #expect(try await store.leases().isEmpty)
            #expect(try await store.deployments().isEmpty)
        }
    }

    @Test("stay the deployment's while the job runs, although a host cannot be cleaned")
    func dirty() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            _ = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            await hosts.hosts["h2"]?.add(.dies(at: .removal))
            let report = try await fixture.run(on: hosts, time: world.time, frontend: slurm).destroy()
            #expect(report.hosts.map(\.host.id) == ["h2"])
            #expect(await slurm.live.map(\.number) == [1])
        }
    }

    @Test("are those that the deployment was made with: a file that says otherwise is refused")
    func changed() async throws {
        try await DeploymentFixture.inWorld(try Self.fleet()) { fixture, hosts, world in
            let slurm = ScriptedSlurm(time: world.time)
            _ = try await fixture.run(on: hosts, time: world.time, frontend: slurm).apply()
            let record = try await SQLiteStore(fixture.folder, time: world.time).load("test")
            let modelled = hosts
            for (provider, hosts, words) in [
                ("inventory", 2, "its hosts come from slurm, not from inventory"),
                ("oar", 2, "its hosts come from slurm, not from oar"),
                ("slurm", 3, "its job has 3 hosts, and not more, 4"),
            ] {
                let fleet = try DeploymentFixture.fleet(hosts: hosts, spares: 1, guests: 3, provider: provider)
                let error = #expect(throws: PlanConflicts.self) { _ = try DeploymentPlan(fleet, record) }
                #expect(error?.conflicts == [words])
                guard provider != "slurm" else { continue }
                let destroy = try fixture.run(fleet, on: modelled, time: world.time, frontend: slurm)
                let ended = await Self.ending { () async throws(DeploymentError) in try await destroy.destroy() }
                #expect(throws: DeploymentError.self) { _ = try ended.get() }
                #expect(await slurm.live.map(\.number) == [1])
            }
        }
    }
}

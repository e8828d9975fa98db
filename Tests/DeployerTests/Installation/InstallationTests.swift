import Basis
import Deployer
import Settings
import Simulation
import Synchronization
import Testing

/// Goal: each host gets its system once before anything else is done on it, whatever fails or is stopped. Method: a
/// scripted Kadeploy under virtual time, with modelled hosts.
@Suite("Hosts that get their operating system")
struct InstallationTests {
    private static func fleet(hosts: Int = 3, guests: Int = 6) throws -> FleetSettings {
        try DeploymentFixture.fleet(
            hosts: hosts, guests: guests, "preparation: {kadeploy: {environment: debian12-min, user: deploy}}")
    }

    private static func installer(_ fleet: FleetSettings, _ kadeploy: ScriptedKadeploy) throws -> KadeployInstaller {
        KadeployInstaller(try #require(fleet.kadeploy), shell: kadeploy)
    }

    /// A fleet of three workers and a spare, a Kadeploy that does what it is told, and runs of both.
    private struct Scene: Sendable {
        let fixture: DeploymentFixture
        let hosts: ModelledHosts
        let world: World
        let kadeploy: ScriptedKadeploy
        let installer: KadeployInstaller

        var fleet: FleetSettings { self.fixture.fleet }

        func run(watch: @escaping @Sendable (DeploymentEvent) -> Void = { _ in }) throws -> DeploymentRun {
            try self.fixture.run(on: self.hosts, installer: self.installer, time: self.world.time, watch: watch)
        }

        func recorded() async throws -> DeploymentRecord? {
            try await SQLiteStore(self.fixture.folder, time: self.world.time).load("test")
        }
    }

    private static func scene(
        faults: [String: Int] = [:], unavailable: Set<String> = [],
        _ body: @escaping @Sendable (Scene) async throws -> Void
    ) async throws {
        let fleet = try Self.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let kadeploy = ScriptedKadeploy(faults: faults, unavailable: unavailable, time: world.time)
            try await body(
                Scene(
                    fixture: fixture, hosts: hosts, world: world, kadeploy: kadeploy,
                    installer: try Self.installer(fleet, kadeploy)))
        }
    }

    private static func failure(_ run: DeploymentRun) async -> DeploymentError? {
        do {
            _ = try await run.apply()
            return nil
        } catch {
            return error
        }
    }

    /// Whether the run says that it was stopped, which it is after so long.
    private static func isInterrupted(
        after delay: Duration, _ time: any TimeSource,
        _ run: @escaping @Sendable () async throws -> DeploymentReport
    ) async -> Bool {
        let isInterrupted = await withTaskGroup(of: Bool?.self) { group in
            group.addTask { try? await run().isInterrupted }
            try? await time.sleep(for: delay)
            group.cancelAll()
            return await group.next() ?? nil
        }
        return isInterrupted == true
    }

    @Test("get it in one call, spares with them, and never again")
    func life() async throws {
        try await Self.scene { scene in
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(await scene.kadeploy.calls == [["h1", "h2", "h3", "h4"]])
            #expect(await scene.kadeploy.client == ["kadeploy3", "-e", "debian12-min", "-u", "deploy", "-k"])
            #expect(report.stages.first?.stage == .install && report.stages.first?.figures.count == 4)
            #expect(report.stages.first?.figures.longest == .seconds(300))
            #expect(report.hosts.map(\.state) == [.ready, .ready, .ready, .installed])

            _ = try await scene.run().apply()
            _ = try await scene.run().destroy()
            #expect(await scene.kadeploy.calls.count == 1)
            #expect(await scene.hosts.used().isEmpty)
        }
    }

    @Test("and do not, are tried again, and then give their places to spares that did")
    func faults() async throws {
        try await Self.scene(faults: ["h1": 1, "h2": 3]) { scene in
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(await scene.kadeploy.calls == [["h1", "h2", "h3", "h4"], ["h1", "h2"], ["h2"]])
            #expect(report.hosts.map(\.state) == [.ready, .setAside, .ready, .ready])
            #expect(report.failures.map(\.entity) == ["h2"])
            #expect(report.failures[0].why.contains("it did not come back") && report.retries == 3)

            // It becomes a spare, which is left as it is while no worker lacks its system.
            let again = try await scene.run().apply()
            #expect(again.hosts[1].state == .booked && again.hosts[1].role == .spare)
            #expect(await scene.kadeploy.calls.count == 3)
        }
    }

    @Test("and are refused alone, give their places to spares all the same")
    func refusedAlone() async throws {
        try await Self.scene(faults: ["h2": 1], unavailable: ["h2"]) { scene in
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(report.hosts.map(\.state) == [.ready, .setAside, .ready, .ready])
        }
    }

    @Test("take no place as spares where they do not get it")
    func spare() async throws {
        try await Self.scene(faults: ["h2": 3, "h4": 3]) { scene in
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(report.hosts.map(\.state) == [.ready, .setAside, .ready, .setAside])
            #expect(report.hosts[3].role == .spare)
        }
    }

    @Test("once, wherever an apply is stopped at a write", arguments: [false, true])
    func stops(isAfter: Bool) async throws {
        let fleet = try Self.fleet(hosts: 2, guests: 2)
        var kinds: Set<String> = []
        var isStopped = true
        var write = 1
        while isStopped {
            let at = write
            let stoppedAt = try await DeploymentFixture.inWorld(fleet, seed: UInt64(at)) { fixture, hosts, world in
                let kadeploy = ScriptedKadeploy(faults: ["h1": 1], time: world.time)
                let installer = try Self.installer(fleet, kadeploy)
                let store = StoppingStore(
                    try SQLiteStore(fixture.folder, time: world.time), stopAt: at, isAfter: isAfter)
                _ = await Self.failure(
                    try fixture.run(on: hosts, installer: installer, time: world.time, store: store))
                let known = try await SQLiteStore(fixture.folder, time: world.time).load("test")?.hosts ?? []
                let done = known.filter { $0.state == .installed || $0.reached != nil }.map(\.host.id.name)
                let before = await kadeploy.installs

                let report = try await fixture.run(on: hosts, installer: installer, time: world.time).apply()
                await hosts.expectWhole(fleet, report)
                let installs = await kadeploy.installs
                #expect(done.allSatisfy { before[$0] == 1 && installs[$0] == 1 }, "write \(at): \(installs)")
                #expect(Set(installs.keys) == ["h1", "h2", "h3"], "write \(at): \(installs)")
                _ = try await fixture.run(on: hosts, installer: installer, time: world.time).destroy()
                #expect(await hosts.used().isEmpty)
                return await store.stoppedAt
            }
            kinds.formUnion(stoppedAt)
            isStopped = !stoppedAt.isEmpty
            write += 1
        }
        #expect(
            kinds.isSuperset(of: [
                "host booked → installing", "host installing → installing", "host installing → installed",
                "host installed → doing probe",
            ]), "\(kinds.sorted())")
    }

    @Test("are set aside for nothing that is Kadeploy's own fault: the run ends, and the next one goes on")
    func refusal() async throws {
        try await Self.scene { scene in
            await scene.kadeploy.refuse(true)
            let refused = await Self.failure(try scene.run())
            #expect(refused == .installation(.refused(words: "no such environment, exit status 1")))
            #expect(await scene.kadeploy.calls.count == 3)
            let record = try await scene.recorded()
            #expect(record?.hosts.map(\.state) == Array(repeating: .installing, count: 4))
            await scene.kadeploy.refuse(false)

            // What waiting does not mend is not tried again; what it may, is.
            let stranger = HostShellFailure.hostKeyUnknown(host: "frontend", port: 22, knownHosts: "k")
            await scene.kadeploy.fail(with: [stranger])
            let unknown = await Self.failure(try scene.run())
            #expect(unknown == .installation(.unreachable(stranger)))
            #expect(await scene.kadeploy.calls.count == 4)
            await scene.kadeploy.fail(with: [.unreachable(host: "frontend", words: "no route")])
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(await scene.kadeploy.calls.count == 6)
        }
    }

    @Test("go on with that in the next apply when a run is stopped meanwhile")
    func cancelled() async throws {
        try await Self.scene { scene in
            let run = try scene.run()
            #expect(await Self.isInterrupted(after: .seconds(100), scene.world.time) { try await run.apply() })
            #expect(await scene.kadeploy.installs.isEmpty)
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(await scene.kadeploy.calls.count == 2)
        }
    }

    @Test("go on with that also when a spare alone is in the middle of it")
    func spareAlone() async throws {
        try await Self.scene(faults: ["h4": 1]) { scene in
            let run = try scene.run()
            #expect(await Self.isInterrupted(after: .seconds(400), scene.world.time) { try await run.apply() })
            let record = try await scene.recorded()
            #expect(record?.hosts.map(\.state) == [.installed, .installed, .installed, .installing])
            let report = try await scene.run().apply()
            await scene.hosts.expectWhole(scene.fleet, report)
            #expect(report.hosts.map(\.state) == [.ready, .ready, .ready, .installed])
            #expect(await scene.kadeploy.calls == [["h1", "h2", "h3", "h4"], ["h4"], ["h4"]])
        }
    }

    @Test("are neither prepared nor let go by a run that cannot tell whether an earlier one still installs them")
    func unsettled() async throws {
        try await Self.scene { scene in
            let run = try scene.run()
            #expect(await Self.isInterrupted(after: .seconds(100), scene.world.time) { try await run.apply() })
            let record = try await scene.recorded()

            let blind = try scene.fixture.run(on: scene.hosts, time: scene.world.time)
            let unsettled = DeploymentError.unsettled(hosts: ["h1", "h2", "h3", "h4"])
            #expect(await Self.failure(blind) == unsettled)
            await #expect(throws: unsettled) { _ = try await blind.destroy() }
            #expect(try await scene.recorded() == record)
            #expect(await scene.hosts.used().isEmpty)
        }
    }

    @Test("are let go when no client works any more that a stopped run left behind, and not before")
    func settled() async throws {
        try await Self.scene { scene in
            let run = try scene.run()
            #expect(await Self.isInterrupted(after: .seconds(100), scene.world.time) { try await run.apply() })
            let record = try await scene.recorded()
            #expect(record?.hosts.map(\.state) == Array(repeating: .installing, count: 4))

            // One that is stopped while it waits, or is not told, leaves all as it is.
            #expect(await Self.isInterrupted(after: .seconds(50), scene.world.time) { try await run.destroy() })
            #expect(try await scene.recorded() == record)
            let silence = HostShellFailure.unreachable(host: "frontend", words: "no route")
            await scene.kadeploy.fail(with: [silence])
            await #expect(throws: DeploymentError.installation(.unsettled(words: silence.description))) {
                _ = try await run.destroy()
            }
            #expect(try await scene.recorded() == record)

            let told = Told()
            let last = try scene.run { told.take($0) }
            let report = try await last.destroy()
            #expect(report.hosts.isEmpty && report.took >= .seconds(150), "\(report.took)")
            #expect(told.events.first == .settling(hosts: 4) && told.events.count > 1)
            #expect(await scene.kadeploy.settles == 3)
            #expect(await scene.kadeploy.calls.count == 1)
        }
    }

    @Test("are told by the plan: those that lack it, and those to come")
    func plan() throws {
        let fleet = try Self.fleet()
        let new = try DeploymentPlan(fleet, nil)
        #expect(new.hostsToInstall.isEmpty && new.installsOfNewHosts == 4)
        var record = DeploymentRecord(base: DeploymentBase(fleet))
        for host in fleet.inventory {
            record.hosts.append(HostRecord(host: host, role: .worker, leaseEndsMilliseconds: 0))
        }
        record.hosts[0].state = .installed
        (record.hosts[1].state, record.hosts[1].reached) = (.done(.image), .image)
        record.hosts[3].role = .spare
        let plan = try DeploymentPlan(fleet, record)
        #expect(plan.hostsToInstall == ["h3", "h4"] && plan.installsOfNewHosts == 0)
        record.hosts[2].state = .installed
        #expect(try DeploymentPlan(fleet, record).hostsToInstall.isEmpty, "a spare alone waits for a worker")
        record.hosts[3].state = .installing
        #expect(try DeploymentPlan(fleet, record).hostsToInstall == ["h4"], "what was begun is ended")
        record.hosts[3].state = .booked
        record.hosts[0].state = .setAside
        #expect(try DeploymentPlan(fleet, record).hostsToInstall == ["h1", "h4"], "it comes back as a spare")
        record.hosts[0].reached = .probe
        #expect(try DeploymentPlan(fleet, record).hostsToInstall == ["h4"], "it has its system")
    }
}

/// What a run told.
private final class Told: Sendable {
    private let all = Mutex<[DeploymentEvent]>([])

    var events: [DeploymentEvent] { self.all.withLock { $0 } }

    func take(_ event: DeploymentEvent) { self.all.withLock { $0.append(event) } }
}

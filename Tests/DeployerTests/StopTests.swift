import Basis
import Deployer
import Settings
import Simulation
import Testing

/// Stops a run at one of its writes, as if the process had been killed: before the write is done, or right after it.
/// Nothing is written from there on.
actor StoppingStore: DeploymentStore {
    private let store: SQLiteStore
    private let stopAt: Int
    private let isAfter: Bool
    private var isStopped = false
    /// Writes asked for so far.
    private(set) var writes = 0
    /// Kinds of changes that were asked for at the stop.
    private(set) var stoppedAt: [String] = []

    init(_ store: SQLiteStore, stopAt: Int, isAfter: Bool) {
        self.store = store
        self.stopAt = stopAt
        self.isAfter = isAfter
    }

    private func write<Value: Sendable>(
        _ kinds: [String], _ body: @Sendable () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard !self.isStopped else { throw .stopped }
        self.writes += 1
        guard self.writes == self.stopAt else { return try await body() }
        self.isStopped = true
        self.stoppedAt = kinds
        if self.isAfter { _ = try await body() }
        throw .stopped
    }

    func load(_ deployment: String) async throws(StoreError) -> DeploymentRecord? {
        try await self.store.load(deployment)
    }

    func leases() async throws(StoreError) -> [NodeID: HostLease] { try await self.store.leases() }

    func create(_ base: DeploymentBase) async throws(StoreError) -> DeploymentBase {
        let store = self.store
        return try await self.write(["create"]) { () async throws(StoreError) in try await store.create(base) }
    }

    func book(
        _ count: Int, of candidates: [FleetHost], for deployment: String, role: HostRecord.Role,
        untilMilliseconds: UInt64
    ) async throws(StoreError) -> [HostRecord] {
        let store = self.store
        return try await self.write(["book \(role.rawValue)"]) { () async throws(StoreError) in
            try await store.book(
                count, of: candidates, for: deployment, role: role, untilMilliseconds: untilMilliseconds)
        }
    }

    func admit(
        _ guests: [(name: String, template: GuestTemplate)], to deployment: String, pool: AddressPool
    ) async throws(StoreError) -> [GuestRecord] {
        let store = self.store
        return try await self.write(["admit"]) { () async throws(StoreError) in
            try await store.admit(guests, to: deployment, pool: pool)
        }
    }

    func record(_ changes: [RecordChange], of deployment: String) async throws(StoreError) {
        let store = self.store
        try await self.write(changes.map(Self.kind)) { () async throws(StoreError) in
            try await store.record(changes, of: deployment)
        }
    }

    func extendLeases(of deployment: String, untilMilliseconds: UInt64) async throws(StoreError) {
        let store = self.store
        try await self.write(["extend"]) { () async throws(StoreError) in
            try await store.extendLeases(of: deployment, untilMilliseconds: untilMilliseconds)
        }
    }

    func close(_ deployment: String) async throws(StoreError) {
        let store = self.store
        try await self.write(["close"]) { () async throws(StoreError) in try await store.close(deployment) }
    }

    private static func kind(_ change: RecordChange) -> String {
        switch change {
        case .host(let record, let from): "host \(from.text) → \(record.state.text)"
        case .hostReleased: "host released"
        case .guest(let record, let from): "vm \(from.rawValue) → \(record.stage.rawValue)"
        case .guestRemoved: "vm removed"
        case .copyBegun: "copy begun"
        case .copyGone: "copy gone"
        case .job(let job): "job \(job.stateText)"
        case .jobGone: "job gone"
        }
    }
}

/// Goal: wherever a deployment is stopped, nothing is forgotten and nothing is made twice. Method: a small deployment
/// with a host that dies is stopped at each of its writes in turn, before and after it; new runs on the same records and
/// the same hosts must then finish it, and leave nothing behind.
@Suite("A deployment that is stopped at a write")
struct StopTests {
    private static func ending(
        _ run: () async throws(DeploymentError) -> DeploymentReport
    ) async -> Result<DeploymentReport, DeploymentError> {
        do {
            return .success(try await run())
        } catch {
            return .failure(error)
        }
    }

    /// Everything but the stop, in one world; what the stop hit, or nil when the run ended before it.
    private static func stop(
        at write: Int, isAfter: Bool, isDestroy: Bool, seed: UInt64
    ) async throws -> [String]? {
        let fleet = try DeploymentFixture.fleet(hosts: 2, spares: 1, guests: 3)
        let faults: [NodeID: [ModelledFault]] = isDestroy ? [:] : ["h2": [.dies(at: .boot)]]
        return try await DeploymentFixture.inWorld(fleet, faults: faults, seed: seed) { fixture, hosts, world in
            if isDestroy { _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply() }
            let store = StoppingStore(
                try SQLiteStore(fixture.folder, time: world.time), stopAt: write, isAfter: isAfter)
            let run = try fixture.run(on: hosts, agents: PlainAgents(), time: world.time, store: store)
            let ended = await Self.ending { () async throws(DeploymentError) in
                isDestroy ? try await run.destroy() : try await run.apply()
            }
            let stoppedAt = await store.stoppedAt
            if stoppedAt.isEmpty {
                _ = try ended.get()
                return nil
            }
            #expect(throws: DeploymentError.store(.stopped)) { _ = try ended.get() }

            await hosts.hosts["h2"]?.heal()
            if isDestroy {
                let last = try fixture.run(on: hosts, agents: PlainAgents(), time: world.time)
                let again = await Self.ending { () async throws(DeploymentError) in try await last.destroy() }
                // After the last write there is nothing to destroy any more.
                if case .failure(let error) = again {
                    #expect(error == .unknown(deployment: "test"))
                }
            } else {
                // Once for the fleet, and once for what an interrupted start leaves to a look at hosts set aside.
                let report = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).apply()
                await hosts.expectWhole(fleet, report)
                let serving = await hosts.serving(.agentProgram)
                #expect(serving.isEmpty, "write \(write), after: \(isAfter), at \(stoppedAt)")
                #expect(report.strays.isEmpty, "write \(write), after: \(isAfter), at \(stoppedAt)")
                _ = try await fixture.run(on: hosts, agents: PlainAgents(), time: world.time).destroy()
            }
            #expect(await hosts.used().isEmpty, "write \(write), after: \(isAfter), at \(stoppedAt)")
            let reopened = try SQLiteStore(fixture.folder, time: world.time)
            #expect(try await reopened.leases().isEmpty)
            #expect(try await reopened.deployments().isEmpty)
            return stoppedAt
        }
    }

    @Test("is finished by the next apply, and destroy leaves nothing", arguments: [false, true])
    func apply(isAfter: Bool) async throws {
        var kinds: Set<String> = []
        var write = 1
        while let stopped = try await Self.stop(
            at: write, isAfter: isAfter, isDestroy: false, seed: UInt64(write))
        {
            kinds.formUnion(stopped)
            write += 1
        }
        #expect(write > 40, "a deployment has more than \(write) writes")
        #expect(
            kinds.isSuperset(of: [
                "create", "admit", "book worker", "book spare", "extend", "host booked → doing probe",
                "host doing probe → done probe", "host done probe → doing prepare", "host doing prepare → done prepare",
                "host done prepare → doing network", "host doing network → done network",
                "host done network → doing image", "host doing image → done image", "host done image → set aside",
                "host done image → doing agent", "host doing agent → done agent", "vm planned → planned",
                "vm planned → booting", "vm booting → running", "vm booting → planned",
                "vm booting → booting", "copy begun",
            ]), "\(kinds.sorted())")
    }

    @Test("is undone by the next destroy", arguments: [false, true])
    func destroy(isAfter: Bool) async throws {
        var kinds: Set<String> = []
        var write = 1
        // The same seed throughout: a destroy has few writes, and each is to be hit.
        while let stopped = try await Self.stop(at: write, isAfter: isAfter, isDestroy: true, seed: 1) {
            kinds.formUnion(stopped)
            write += 1
        }
        #expect(
            kinds == [
                "vm running → removing", "host done agent → undoing", "host booked → undoing", "copy gone",
                "host released", "vm removed", "close",
            ], "\(kinds.sorted())")
    }
}

package import Basis
package import Settings

/// Where a run gets its hosts' ports from.
package protocol HostDirectory: Sendable {
    /// The port of `host` that acts for `deployment`.
    func port(of host: FleetHost, for deployment: String) -> any DeployableHost

    /// The SHA-256 of the image's file, in hexadecimal; nil where hosts get none of it, as modelled ones.
    func digest(ofImage file: String) async throws(HostShellFailure) -> String?
}

/// One go at a fleet: what is recorded is carried on until the fleet is as its file says, or all of it is undone.
///
/// The caller holds the deployment's lock. Cancelling the calling task stops the run at the next safe point; what was
/// begun is on record, and the next run goes on from there.
package struct DeploymentRun: Sendable {
    let fleet: FleetSettings
    let store: any DeploymentStore
    let booking: any Booking
    let directory: any HostDirectory
    let installer: (any SystemInstaller)?
    let agents: (any AgentSource)?
    let time: any TimeSource
    let meter: DeploymentMeter
    let replacesLost: Bool

    /// How many of the slowest hosts a report names.
    private static let slowestCount = 5

    /// - Parameters:
    ///   - installer: what gives hosts their operating system; nil: they have it.
    ///   - agents: what looks after the fleet when it runs; nil: nothing.
    ///   - replacesLost: the user's word that guests that ran on hosts that fail now may be made anew elsewhere.
    ///   - watch: told what happens, from any thread.
    package init(
        _ fleet: FleetSettings, store: any DeploymentStore, booking: any Booking, directory: any HostDirectory,
        installer: (any SystemInstaller)? = nil, agents: (any AgentSource)? = nil, time: any TimeSource,
        replacesLost: Bool = false, watch: @escaping @Sendable (DeploymentEvent) -> Void = { _ in }
    ) {
        self.fleet = fleet
        self.store = store
        self.booking = booking
        self.directory = directory
        self.installer = installer
        self.agents = agents
        self.time = time
        self.replacesLost = replacesLost
        self.meter = DeploymentMeter(time: time, watch: watch)
    }

    /// Makes the fleet as its file says.
    package func apply() async throws(DeploymentError) -> DeploymentReport {
        let began = self.time.now
        let known = try await self.recorded()
        try self.confirmInstaller(for: known)
        let plan: DeploymentPlan
        let fleet = try await self.fleetWithDigest(known)
        do {
            plan = try DeploymentPlan(fleet, known)
        } catch {
            throw .plan(error)
        }
        try await self.book(plan, known)
        guard let record = try await self.recorded() else { throw .unknown(deployment: self.fleet.name) }
        let crew = self.crew(record)
        let isInterrupted = try await Self.isInterrupted { () async throws(RunFailure) in
            try await self.raise(plan, crew)
        }
        return await self.report(crew.roster, since: began, isInterrupted: isInterrupted)
    }

    /// Takes everything back that the records tell of, whatever the fleet's file says today but for who gave the hosts.
    package func destroy() async throws(DeploymentError) -> DeploymentReport {
        let began = self.time.now
        guard let record = try await self.recorded() else { throw .unknown(deployment: self.fleet.name) }
        // Only whoever gave the hosts can be told that they are free.
        let conflict = DeploymentPlan.providerConflict(self.fleet, record).map { [$0] } ?? []
        if let error = PlanConflicts(deployment: self.fleet.name, conflict) { throw .plan(error) }
        try self.confirmInstaller(for: record)
        let crew = self.crew(record)
        var isInterrupted = try await Self.isInterrupted { () async throws(RunFailure) in
            try await self.raze(crew)
        }
        if !isInterrupted { isInterrupted = try await self.letGo(crew) }
        // Stays as long as a host, a guest or a job does.
        do {
            try await self.store.close(self.fleet.name)
        } catch {
            throw .store(error)
        }
        return await self.report(crew.roster, since: began, isInterrupted: isInterrupted)
    }

    private func recorded() async throws(DeploymentError) -> DeploymentRecord? {
        do {
            return try await self.store.load(self.fleet.name)
        } catch {
            throw .store(error)
        }
    }

    /// Whether `part` was cancelled before its end.
    private static func isInterrupted(
        _ part: () async throws(RunFailure) -> Void
    ) async throws(DeploymentError) -> Bool {
        do throws(RunFailure) {
            try await part()
            return false
        } catch {
            switch error {
            case .cancelled: return true
            case .store(let error): throw .store(error)
            case .noRoom(let shortage): throw .noRoom(shortage)
            case .installation(let failure): throw .installation(failure)
            case .host(let failure): preconditionFailure("a host's failure, \(failure), ended a whole run")
            }
        }
    }

    // MARK: - Before the first host

    /// The fleet with the digest of what is in its image's file now. It is recorded with a new deployment, and is a
    /// conflict with one that has another: a file that was made anew must not take the place of the one under the disks
    /// of guests. A deployment that is there has the image on its hosts, and goes on without the file.
    private func fleetWithDigest(_ known: DeploymentRecord?) async throws(DeploymentError) -> FleetSettings {
        var fleet = self.fleet
        do throws(HostShellFailure) {
            guard let found = try await self.directory.digest(ofImage: fleet.image.file) else { return fleet }
            if let wanted = fleet.image.sha256, wanted != found {
                throw .transferDamaged(path: fleet.image.file, expected: wanted, found: found)
            }
            fleet.image.sha256 = found
        } catch {
            guard known != nil else { throw .image(error) }
        }
        return fleet
    }

    /// Notes the deployment, gives new guests their names and addresses, and books what is missing: all or nothing.
    private func book(_ plan: DeploymentPlan, _ known: DeploymentRecord?) async throws(DeploymentError) {
        let pool = AddressPool(plan.base.network.subnet)
        guard self.fleet.guestCount <= pool.capacity else {
            let error = AddressingError.poolTooSmall(
                subnet: pool.subnet, needed: self.fleet.guestCount, free: pool.capacity)
            throw .store(.addressing(error))
        }
        let names = Set((known?.guests ?? []).map(\.identity.name))
        // A name that is still being taken off a host is given again later.
        let guests = plan.newGuests.filter { !names.contains($0.name) }.map { ($0.name, $0.template) }
        var admitted: [GuestRecord] = []
        do throws(BookingFailure) {
            do throws(StoreError) {
                _ = try await self.store.create(plan.base)
                admitted = try await self.store.admit(guests, to: self.fleet.name, pool: pool)
            } catch {
                throw .store(error)
            }
            try await self.bookHosts(plan, isNew: known?.hosts.isEmpty ?? true)
        } catch {
            try await self.forget(admitted)
            switch error {
            case .store(let error): throw .store(error)
            default: throw .booking(error)
            }
        }
    }

    /// Leaves nothing of guests that were admitted in vain, nor of a deployment that has no host to come: then what a run
    /// that was killed had admitted goes as well.
    private func forget(_ admitted: [GuestRecord]) async throws(DeploymentError) {
        do {
            let record = try await self.store.load(self.fleet.name)
            let isVain = record.map { $0.hosts.isEmpty && $0.job == nil } ?? false
            let gone = isVain ? record?.guests ?? [] : admitted
            try await self.store.record(
                gone.map { .guestRemoved($0.identity.name, from: $0.stage) }, of: self.fleet.name)
            try await self.store.close(self.fleet.name)
        } catch {
            throw .store(error)
        }
    }

    private func bookHosts(_ plan: DeploymentPlan, isNew: Bool) async throws(BookingFailure) {
        let booking = self.fleet.booking
        let offer = try await self.booking.open(
            HostsRequest(
                deployment: self.fleet.name, count: booking.hosts + booking.spares, walltime: booking.walltime,
                inventory: self.fleet.inventory)
        ) { self.meter.note(.booking($0)) }
        func book(_ count: Int, _ role: HostRecord.Role) async throws(BookingFailure) {
            let request = BookingRequest(
                deployment: self.fleet.name, count: count, role: role, offer: offer)
            _ = try await self.booking.book(request)
        }
        func bookUpTo(_ count: Int, _ role: HostRecord.Role) async throws(BookingFailure) {
            for _ in 0..<count {
                do throws(BookingFailure) {
                    try await book(1, role)
                } catch .notEnough {
                    return
                } catch {
                    throw error
                }
            }
        }
        if isNew {
            try await book(plan.workersToBook, .worker)
        } else {
            // A fleet that is there goes on with the hosts that it has, and with those that answer again.
            try await bookUpTo(plan.workersToBook, .worker)
        }
        // Without a spare the fleet can still be made.
        try await bookUpTo(plan.sparesToBook, .spare)
        do {
            try await self.store.extendLeases(of: self.fleet.name, untilMilliseconds: offer.untilMilliseconds)
        } catch {
            throw .store(error)
        }
    }

    // MARK: - The crew

    /// The hosts and guests of the records, and who leads each host.
    private func crew(_ record: DeploymentRecord) -> Crew {
        let roster = Roster(record, store: self.store)
        let ports = Dictionary(
            uniqueKeysWithValues: record.hosts.map {
                ($0.host.id, self.directory.port(of: $0.host, for: self.fleet.name))
            })
        let sites = Dictionary(uniqueKeysWithValues: record.hosts.map { ($0.host.id, $0.host.site) })
        let context = RunContext(
            fleet: self.fleet, network: record.base.hostNetwork(among: record.hosts.map(\.host)),
            image: record.base.image, spread: HostSpread(self.fleet.image, ports: ports, sites: sites),
            schedule: RetrySchedule(self.fleet.retries), time: self.time, meter: self.meter,
            hosts: Turnstile(width: self.fleet.limits.hostsAtOnce),
            boots: Turnstile(width: self.fleet.limits.bootsAtOnce),
            doGuestsMove: record.hosts.contains { $0.reached == .agent })
        var drivers: [NodeID: HostDriver] = [:]
        for (id, port) in ports {
            let seed = self.fleet.seed ^ StableHash(of: id.name).folded
            drivers[id] = HostDriver(port, context, roster, generator: SplitMix64(seed: seed))
        }
        return Crew(roster: roster, context: context, drivers: drivers)
    }

    private func report(_ roster: Roster, since began: MonotonicInstant, isInterrupted: Bool) async -> DeploymentReport
    {
        DeploymentReport(
            deployment: self.fleet.name, took: self.time.now - began,
            stages: self.meter.stages.map { DeploymentReport.Stage(stage: $0.0, figures: $0.1) },
            slowest: self.meter.slowest(Self.slowestCount), failures: self.meter.failures,
            hosts: await roster.allHosts, guests: await roster.allGuests, unreached: await roster.unreached,
            strays: await roster.strays, agentless: self.meter.agentless,
            isInterrupted: isInterrupted)
    }
}

/// The hosts and guests of a run, and who leads each host.
struct Crew: Sendable {
    var roster: Roster
    var context: RunContext
    var drivers: [NodeID: HostDriver]

    func driver(_ id: NodeID) -> HostDriver {
        guard let driver = self.drivers[id] else { preconditionFailure("\(id) is no host of this run") }
        return driver
    }
}

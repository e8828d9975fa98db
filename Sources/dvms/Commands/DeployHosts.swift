import ArgumentParser
import Basis
import Deployer
import Dispatch
import Foundation
import Glibc
import Settings
import Simulation

/// Which hosts a fleet is made on.
struct HostOptions: ParsableArguments {
    @Flag(help: "Use modelled hosts in virtual time. They last as long as the command; records stay.")
    var modelled = false

    @Option(
        help: ArgumentHelp(
            "With --modelled: of a thousand things that hosts are asked, how many they refuse.", valueName: "count"))
    var refused = 0

    @OptionGroup var ssh: SSHOptions

    @Option(
        help: ArgumentHelp(
            "Public keys that may log in to the VMs, as in an authorized_keys file; cloud-init puts them there.",
            valueName: "file"))
    var guestKeys: String?

    @Option(
        help: ArgumentHelp(
            "A CPU model of libvirt's that every host has, so that VMs may migrate between hosts that differ.",
            valueName: "model"))
    var cpuModel: String?

    enum Verb {
        case apply(replacesLost: Bool)
        case destroy
    }

    func validate() throws {
        guard self.modelled || self.refused == 0 else { throw ValidationError("--refused goes with --modelled") }
        guard (0...1_000).contains(self.refused) else {
            throw ValidationError("--refused is a count of 0 to 1000, not \(self.refused)")
        }
    }

    /// One run, under the deployment's lock, that a signal stops.
    func run(_ fleet: FleetSettings, _ options: FleetOptions, _ verb: Verb) async throws -> DeploymentReport {
        let folder = try options.folder()
        let lock: DeploymentLock
        do {
            lock = try folder.lock(fleet.name)
        } catch .inUse {
            throw OperatorFailure(.inUse, StateFolderError.inUse(deployment: fleet.name).description)
        } catch {
            throw OperatorFailure(.badInput, error.description)
        }
        defer { withExtendedLifetime(lock) {} }
        let hadKeys = CertifiedAgents.keys(of: fleet.name, in: folder) != nil
        let progress = DeploymentProgress(fleet, isModelled: self.modelled)
        defer { progress.end() }
        do {
            let agents = try verb.needsAgents ? CertifiedAgents(fleet, in: folder, isModelled: self.modelled) : nil
            let report = try await Interruption.whileRunning {
                try await self.modelled
                    ? self.runModelled(fleet, folder, agents, verb) { progress.take($0) }
                    : self.runOverSSH(fleet, folder, agents, verb) { progress.take($0) }
            }
            if report.hosts.isEmpty { CertifiedAgents.forget(fleet.name, in: folder) }
            return report
        } catch let error as DeploymentError {
            // Keys that were made by a run that got no hosts go with it.
            if !hadKeys, await !Self.isRecorded(fleet, folder) { CertifiedAgents.forget(fleet.name, in: folder) }
            var words = error.description
            // A destroy may have been ended between its last record and the keys; or the records were lost, and the keys not.
            if case .unknown = error, let keys = CertifiedAgents.keys(of: fleet.name, in: folder) {
                words += "; keys of its agents are left in \(keys): remove them if its hosts are clean"
            }
            throw OperatorFailure(error.status, words)
        } catch let error as StoreError {
            throw OperatorFailure(.failed, error.description)
        }
    }

    /// Also when the records cannot be read.
    private static func isRecorded(_ fleet: FleetSettings, _ folder: StateFolder) async -> Bool {
        do {
            return try await DeploymentRecords(folder.path).record(of: fleet.name) != nil
        } catch {
            return true
        }
    }

    private func runModelled(
        _ fleet: FleetSettings, _ folder: StateFolder, _ agents: CertifiedAgents?, _ verb: Verb,
        watch: @escaping @Sendable (DeploymentEvent) -> Void
    ) async throws -> DeploymentReport {
        guard fleet.booking.provider == .inventory else {
            throw OperatorFailure(.badInput, "modelled hosts are those of an inventory; set provider: inventory")
        }
        let options = WorldOptions(
            durationMax: SettingsLimits.durationMax, eventsMax: .max, traceLinesMax: 0, tracksTasks: false,
            wallClockStartMilliseconds: SystemTimeSource().wallClockMilliseconds)
        let refused = self.refused
        return try await World.run(seed: fleet.seed, options: options) { world in
            var settings = ModelledHostSettings()
            settings.refusedPerThousand = refused
            let hosts = ModelledHosts(fleet.inventory, settings, seed: fleet.seed, time: world.time)
            return try await verb.carryOut(
                DeploymentRun(
                    fleet, in: folder, on: hosts, agents, ssh: nil, for: verb, time: world.time, watch: watch))
        }.value
    }

    private func runOverSSH(
        _ fleet: FleetSettings, _ folder: StateFolder, _ agents: CertifiedAgents?, _ verb: Verb,
        watch: @escaping @Sendable (DeploymentEvent) -> Void
    ) async throws -> DeploymentReport {
        let time = SystemTimeSource()
        let machine = GuestMachine(
            virtualization: fleet.booking.required.kvm ? .hardware : .emulation, cpuModel: self.cpuModel)
        let hosts: SSHHosts
        let options = try self.ssh.openSSH()
        do {
            hosts = try SSHHosts(
                options: options, machine: machine, authorizedKeys: self.authorizedKeys(), time: time)
        } catch let failure as HostShellFailure {
            throw OperatorFailure(.failed, failure.description)
        }
        let outcome: Result<DeploymentReport, any Error>
        do {
            let run = try DeploymentRun(
                fleet, in: folder, on: hosts, agents, ssh: options, for: verb, time: time, watch: watch)
            outcome = .success(try await verb.carryOut(run))
        } catch {
            outcome = .failure(error)
        }
        await hosts.close()
        return try outcome.get()
    }

    /// The lines of the file of keys that hold one.
    private func authorizedKeys() throws(OperatorFailure) -> [String] {
        guard let guestKeys = self.guestKeys else { return [] }
        do {
            return try FileText.read(guestKeys).split(whereSeparator: \.isNewline).map(String.init)
                .filter { !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace) }
        } catch {
            throw OperatorFailure(.badInput, "\(guestKeys): \(error)")
        }
    }
}

extension HostOptions.Verb {
    /// Destroying goes by the records.
    fileprivate var needsAgents: Bool {
        switch self {
        case .apply: true
        case .destroy: false
        }
    }

    fileprivate var replacesLost: Bool {
        switch self {
        case .apply(let replacesLost): replacesLost
        case .destroy: false
        }
    }

    fileprivate func carryOut(_ run: DeploymentRun) async throws -> DeploymentReport {
        switch self {
        case .apply: try await run.apply()
        case .destroy: try await run.destroy()
        }
    }
}

extension DeploymentRun {
    /// - Parameter ssh: how a frontend is reached; nil: hosts are modelled, and there is none.
    fileprivate init(
        _ fleet: FleetSettings, in folder: StateFolder, on hosts: any HostDirectory, _ agents: CertifiedAgents?,
        ssh: OpenSSHOptions?, for verb: HostOptions.Verb, time: any TimeSource,
        watch: @escaping @Sendable (DeploymentEvent) -> Void
    ) throws {
        let store = try SQLiteStore(folder, time: time)
        let booking: any Booking
        switch fleet.booking.provider {
        case .inventory:
            booking = InventoryBooking(store: store, time: time)
        case .batch(let settings):
            let shell = try Self.shell(of: settings.frontend, ssh, time)
            booking = BatchBooking(settings, shell: shell, store: store, time: time)
        }
        var installer: KadeployInstaller?
        // Modelled hosts have their system.
        if let kadeploy = fleet.kadeploy, ssh != nil {
            installer = KadeployInstaller(kadeploy, shell: try Self.shell(of: kadeploy.frontend, ssh, time))
        }
        self.init(
            fleet, store: store, booking: booking, directory: hosts, installer: installer, agents: agents, time: time,
            replacesLost: verb.replacesLost, watch: watch)
    }

    private static func shell(
        of frontend: FrontendSettings?, _ ssh: OpenSSHOptions?, _ time: any TimeSource
    ) throws(OperatorFailure) -> any HostShell {
        guard let frontend, let ssh else { return LocalShell(time: time) }
        do {
            let target = try SSHTarget(host: frontend.address, user: frontend.user, port: frontend.port)
            // Every question connects by itself: they are seconds apart.
            return OpenSSHShell(to: target, options: ssh, sharing: .alone, time: time)
        } catch {
            throw OperatorFailure(.badInput, "the frontend \(frontend.address): \(error)")
        }
    }
}

extension DeploymentError {
    fileprivate var status: OperatorFailure.Status {
        switch self {
        case .plan, .unknown, .unsettled, .image, .store(.addressing): .badInput
        case .booking(.cancelled): .interrupted
        case .booking, .store, .noRoom, .installation: .failed
        }
    }
}

/// Ctrl-C and TERM: the first stops a run in an orderly way, the second the process.
enum Interruption {
    static func whileRunning<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        // Unstructured, so that a signal can cancel it; it is awaited below.
        let task = Task { try await body() }
        let queue = DispatchQueue(label: "signals")
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if task.isCancelled { Console.end(OperatorFailure.Status.interrupted.rawValue) }
                Console.complain("dvms: stopping; again to stop at once")
                task.cancel()
            }
            source.resume()
            return source
        }
        defer {
            for source in sources { source.cancel() }
            for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        }
        return try await task.value
    }
}

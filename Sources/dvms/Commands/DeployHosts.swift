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

    enum Verb {
        case apply, destroy
    }

    func validate() throws {
        guard self.modelled else { throw ValidationError("say --modelled: hosts of other kinds cannot be driven") }
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
        let progress = DeploymentProgress(fleet, isModelled: self.modelled)
        defer { progress.end() }
        do {
            return try await Interruption.whileRunning {
                try await self.runModelled(fleet, folder, verb) { progress.take($0) }
            }
        } catch let error as DeploymentError {
            throw OperatorFailure(error.status, error.description)
        } catch let error as StoreError {
            throw OperatorFailure(.failed, error.description)
        }
    }

    private func runModelled(
        _ fleet: FleetSettings, _ folder: StateFolder, _ verb: Verb,
        watch: @escaping @Sendable (DeploymentEvent) -> Void
    ) async throws -> DeploymentReport {
        let options = WorldOptions(
            durationMax: SettingsLimits.durationMax, eventsMax: .max, traceLinesMax: 0, tracksTasks: false,
            wallClockStartMilliseconds: SystemTimeSource().wallClockMilliseconds)
        let refused = self.refused
        return try await World.run(seed: fleet.seed, options: options) { world in
            var settings = ModelledHostSettings()
            settings.refusedPerThousand = refused
            let hosts = ModelledHosts(fleet.inventory, settings, seed: fleet.seed, time: world.time)
            let store = try SQLiteStore(folder, time: world.time)
            let run = DeploymentRun(
                fleet, store: store, booking: InventoryBooking(store: store, time: world.time), directory: hosts,
                time: world.time, watch: watch)
            switch verb {
            case .apply: return try await run.apply()
            case .destroy: return try await run.destroy()
            }
        }.value
    }
}

extension DeploymentError {
    fileprivate var status: OperatorFailure.Status {
        switch self {
        case .plan, .unknown, .store(.addressing): .badInput
        case .booking, .store, .noRoom: .failed
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

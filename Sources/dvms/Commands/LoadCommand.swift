import ArgumentParser
import Basis
import Deployer
import Foundation
import Settings

/// Puts load into the VMs of a deployment; docs/load.md.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put CPU, memory, disk and network load into the VMs of a deployment, and record what came of it.",
        discussion: """
            VMs are reached through QEMU's guest agent in them, on whichever host they are. docs/load.md tells of the \
            profile's file and of the record. Exit status: 0 done; 1 some VMs could not be told something; 2 the command \
            line or a file is not right, or the deployment is not known; 130 stopped by Ctrl-C, and the VMs as well.
            """)

    @Argument(help: ArgumentHelp("The profile of the load.", valueName: "file"))
    var profile: String?

    @Option(help: ArgumentHelp("The fleet's file, as for dvms deploy.", valueName: "file"))
    var fleet: String

    @Option(help: ArgumentHelp("Of everything that is drawn, in place of the profile's.", valueName: "number"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "A file that gets a JSON object a line for each order and each measurement.", valueName: "file"))
    var out: String?

    @Flag(help: "Print who is told what and when, and do nothing.")
    var plan = false

    @Flag(help: "End all load in the VMs of the fleet.")
    var stop = false

    @Option(
        help: ArgumentHelp(
            "The folder of the deployment's records, as for dvms deploy.", valueName: "folder"))
    var state: String?

    @OptionGroup var ssh: SSHOptions

    func validate() throws {
        guard self.stop != (self.profile != nil) else {
            throw ValidationError("name a profile, or say --stop")
        }
        if self.stop, self.plan || self.seed != nil || self.out != nil {
            throw ValidationError("--stop goes without --plan, --seed and --out")
        }
    }

    func run() async throws {
        let fleet = try FleetFile.read(self.fleet)
        guard let profile = self.profile else {
            return try await self.withHosts(fleet) { hosts, record in
                try await Self.stop(record.guests.map(\.identity.name), InjectionRun(on: hosts, of: record))
            }
        }
        let timetable = try self.timetable(profile, fleet)
        if self.plan { return try Console.write(LoadReport.plan(timetable)) }
        try await self.withHosts(fleet) { hosts, record in
            try await self.carryOut(timetable, hosts, record)
        }
    }

    private func timetable(_ file: String, _ fleet: FleetSettings) throws(OperatorFailure) -> InjectionTimetable {
        do {
            var profile = try InjectionProfile.read(file: file, contentsOf: FileText.read)
            profile.seed = self.seed ?? profile.seed
            return try InjectionTimetable(profile, of: fleet, courses: SimulatedCourses())
        } catch {
            throw OperatorFailure(.badInput, "\(file) cannot be used\n\(error)")
        }
    }

    private func carryOut(
        _ timetable: InjectionTimetable, _ hosts: [any LoadableHost], _ record: DeploymentRecord
    ) async throws {
        let journal = try LoadJournal(self.out)
        let run = InjectionRun(timetable, on: hosts, of: record) { journal.take($0) }
        var isInterrupted = false
        do {
            try await Interruption.whileRunning {
                await run.run()
                try Task.checkCancellation()
            }
        } catch is CancellationError {
            isInterrupted = true
        }
        if isInterrupted {
            try? await Self.stop(Array(timetable.orders.keys), InjectionRun(on: hosts, of: record))
        }
        let rows = try journal.end()
        try Console.write(LoadReport.table(rows))
        if isInterrupted { throw OperatorFailure(.interrupted, "stopped, and the VMs as well") }
        let failures = rows.reduce(0) { $0 + $1.failures }
        guard failures == 0 else {
            throw OperatorFailure(.failed, "\(Figures.count(failures, "order")) did not reach the VM")
        }
    }

    private static func stop(_ vms: [String], _ run: InjectionRun) async throws {
        let missed = try await Interruption.whileRunning { await run.stop(vms) }
        for (vm, words) in missed.sorted(by: { $0.key < $1.key }) {
            Console.complain("dvms: \(vm): \(words)")
        }
        guard missed.isEmpty else {
            throw OperatorFailure(
                .failed, "\(Figures.count(missed.count, "VM")) could not be told; they stop when their orders are over")
        }
    }

    /// Runs `body` with all hosts that the deployment has, over ssh.
    private func withHosts(
        _ fleet: FleetSettings, _ body: ([any LoadableHost], DeploymentRecord) async throws -> Void
    ) async throws {
        guard let record = try await DeploymentRecords(self.state).record(of: fleet.name) else {
            throw OperatorFailure(.badInput, DeploymentError.unknown(deployment: fleet.name).description)
        }
        let hosts: SSHHosts
        do {
            hosts = try SSHHosts(options: self.ssh.openSSH(), machine: GuestMachine(), time: SystemTimeSource())
        } catch let failure as HostShellFailure {
            throw OperatorFailure(.failed, failure.description)
        }
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(
                try await body(record.hosts.map { hosts.loadable($0.host, of: fleet.name) }, record))
        } catch {
            outcome = .failure(error)
        }
        await hosts.close()
        try outcome.get()
    }
}

extension InjectionRun {
    fileprivate init(
        _ timetable: InjectionTimetable = .empty, on hosts: [any LoadableHost], of record: DeploymentRecord,
        watch: @escaping @Sendable (InjectionEvent) -> Void = { _ in }
    ) {
        self.init(
            timetable, on: hosts,
            addresses: Dictionary(
                record.guests.map { ($0.identity.name, $0.identity.address) }, uniquingKeysWith: { first, _ in first }),
            time: SystemTimeSource(), watch: watch)
    }
}

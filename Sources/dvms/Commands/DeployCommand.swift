import ArgumentParser
import Basis
import Deployer
import Foundation
import Settings

/// Makes fleets of VMs on many hosts, and takes them back; docs/deployment.md.
struct DeployCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Book hosts, make them ready and boot a fleet of VMs on them; or take it back.",
        discussion: """
            docs/deployment.md tells of the fleet's file and of what is recorded. --json answers in JSON. Exit status: 0 the fleet is as its file \
            says, or gone; 1 some hosts or VMs failed, or there are not enough of them; 2 the command line or the file is \
            not right, or the deployment is not known; 6 another apply or destroy of it is running; 130 stopped by Ctrl-C, \
            the same command goes on.
            """,
        subcommands: [Plan.self, Apply.self, Status.self, Destroy.self])

    func run() throws {
        throw ValidationError("say what: plan, apply, status or destroy")
    }

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what apply would do, and what destroy would undo. Nothing is touched.")

        @OptionGroup var options: FleetOptions

        func run() async throws {
            let fleet = try self.options.fleet()
            let record = try await self.options.record(of: fleet.name)
            let plan: DeploymentPlan
            do {
                plan = try DeploymentPlan(fleet, record)
            } catch {
                throw OperatorFailure(.badInput, error.description)
            }
            let view = DeploymentPlanView(fleet, plan, record)
            try Console.write(self.options.json ? view.json() : view.text)
        }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the fleet as its file says, from wherever an earlier apply has left it.")

        @OptionGroup var options: FleetOptions
        @OptionGroup var hosts: HostOptions

        @Flag(
            help: ArgumentHelp(
                "Make VMs anew elsewhere that ran on hosts which fail now. What was in them is lost; make sure that these "
                    + "hosts are off."))
        var replaceLost = false

        @Option(
            help: ArgumentHelp(
                "A folder for hosts and VMs as CSV, Ansible inventory, ssh config and dvmsd config; made if need be.",
                valueName: "folder"))
        var out: String?

        func run() async throws {
            let fleet = try self.options.fleet()
            let report = try await self.hosts.run(
                fleet, self.options, .apply(replacesLost: self.replaceLost))
            if let out = self.out { try DeploymentFiles(report, fleet).write(to: out) }
            try self.options.show(report, self.hosts)
            if report.isInterrupted { throw FleetOptions.interruption }
            guard report.runningCount == fleet.guestCount, report.strays.isEmpty else {
                throw OperatorFailure(
                    .failed,
                    "\(report.runningCount) of \(Figures.count(fleet.guestCount, "VM")) run; mend what is told above, "
                        + "and apply again")
            }
            guard report.agentless.isEmpty else {
                throw OperatorFailure(
                    .failed,
                    "all VMs run, and dvmsd does not on \(Figures.count(report.agentless.count, "host")); mend what is told "
                        + "above, and apply again")
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how far a deployment is, from its records. No host is asked.")

        @OptionGroup var options: FleetOptions

        func run() async throws {
            let fleet = try self.options.fleet()
            guard let record = try await self.options.record(of: fleet.name) else {
                throw OperatorFailure(.badInput, DeploymentError.unknown(deployment: fleet.name).description)
            }
            let view = DeploymentStatusView(record, now: SystemTimeSource().wallClockMilliseconds)
            try Console.write(self.options.json ? view.json() : view.text)
        }
    }

    struct Destroy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back everything that is recorded of a deployment, and let go of its hosts.")

        @OptionGroup var options: FleetOptions
        @OptionGroup var hosts: HostOptions

        func run() async throws {
            let fleet = try self.options.fleet()
            let report = try await self.hosts.run(fleet, self.options, .destroy)
            try self.options.show(report, self.hosts)
            if report.isInterrupted { throw FleetOptions.interruption }
            guard report.hosts.isEmpty, report.guests.isEmpty else {
                throw OperatorFailure(
                    .failed,
                    "\(Figures.count(report.hosts.count, "host")) could not be cleaned and stay booked; "
                        + "mend them, and destroy again")
            }
        }
    }
}

/// Which fleet, where its records are, and how to answer.
struct FleetOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The fleet's file.", valueName: "fleet"))
    var file: String

    @Option(
        help: ArgumentHelp(
            "The folder of the records. Default: $XDG_STATE_HOME/dvms, or ~/.local/state/dvms.", valueName: "folder"))
    var state: String?

    /// The flag --json is that of all of dvms; a daemon is not asked.
    @OptionGroup(visibility: .hidden) private var daemon: DaemonOptions

    var json: Bool { self.daemon.json }

    func fleet() throws(OperatorFailure) -> FleetSettings { try FleetFile.read(self.file) }

    private var records: DeploymentRecords { DeploymentRecords(self.state) }

    func folder() throws(OperatorFailure) -> StateFolder { try self.records.folder() }

    func record(of deployment: String) async throws(OperatorFailure) -> DeploymentRecord? {
        try await self.records.record(of: deployment)
    }

    func show(_ report: DeploymentReport, _ hosts: HostOptions) throws {
        let view = DeploymentReportView(report, isModelled: hosts.modelled)
        try Console.write(self.json ? view.json() : view.text)
    }

    static let interruption = OperatorFailure(.interrupted, "stopped; the same command goes on from here")
}

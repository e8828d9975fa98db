import Basis
package import Deployer
package import Settings

/// What apply would do, and destroy would undo.
package struct DeploymentPlanView {
    private let fleet: FleetSettings
    private let plan: DeploymentPlan
    private let record: DeploymentRecord?

    /// How many names of one kind are shown.
    private static let namesMax = 5

    package init(_ fleet: FleetSettings, _ plan: DeploymentPlan, _ record: DeploymentRecord?) {
        self.fleet = fleet
        self.plan = plan
        self.record = record
    }

    package var text: String {
        var table = TextTable(.left("APPLY WOULD"), .right("COUNT"), .left("WHICH"))
        for row in self.rows where row.count > 0 { table.add(row.what, "\(row.count)", Self.names(row.names)) }
        var undo = TextTable(.left("DESTROY WOULD"), .right("COUNT"), .left("WHICH"))
        for row in self.undoRows where row.count > 0 { undo.add(row.what, "\(row.count)", Self.names(row.names)) }
        let isEmpty = self.undoRows.allSatisfy { $0.count == 0 }
        return table.text + "\n\n" + (isEmpty ? "destroy would undo nothing: nothing is recorded" : undo.text)
    }

    package func json() throws -> String {
        try DeploymentJSON.text(Answer(deployment: self.fleet.name, apply: self.rows, destroy: self.undoRows))
    }

    private struct Answer: Encodable {
        var deployment: String
        var apply: [Row]
        var destroy: [Row]
    }

    private struct Row: Encodable {
        var what: String
        var count: Int
        /// Empty where names are not known yet.
        var names: [String]

        init(_ what: String, _ names: [String]) {
            self.what = what
            self.count = names.count
            self.names = names
        }

        init(_ what: String, count: Int) {
            self.what = what
            self.count = count
            self.names = []
        }
    }

    private var rows: [Row] {
        var rows = [
            Row("book hosts", count: self.plan.workersToBook), Row("book spares", count: self.plan.sparesToBook),
            Row("look again at hosts that failed", self.plan.hostsToReadmit.map(\.name)),
            Row("take off VMs", self.plan.guestsToRemove),
        ]
        var installs = Row("install a system on hosts", self.plan.hostsToInstall.map(\.name))
        installs.count += self.plan.installsOfNewHosts
        rows.append(installs)
        for stage in HostStage.beforeGuests {
            let hosts = self.plan.stagesToDo.filter { $0.stages.contains(stage) }.map(\.host.name)
            var row = Row("\(stage.rawValue) on hosts", hosts)
            row.count += self.plan.workersToBook
            rows.append(row)
        }
        return rows + [
            Row("make and boot new VMs", self.plan.newGuests.map(\.name)),
            Row("boot VMs that do not run", self.plan.guestsToBoot),
            Row("look at VMs that run", count: self.plan.guestsToCheck),
            Row("have dvmsd run on hosts", count: self.fleet.agents == nil ? 0 : self.fleet.booking.hosts),
        ]
    }

    private var undoRows: [Row] {
        let hosts = self.record?.hosts ?? []
        let copies = self.record?.copies ?? [:]
        var rows = [Row("take off VMs", count: copies.values.reduce(0) { $0 + $1.count })]
        for (stage, what) in [
            (HostStage.agent, "stop and remove dvmsd on hosts"), (.image, "remove the image from hosts"),
            (.network, "remove the network from hosts"),
            (.prepare, "undo the preparation of hosts"),
        ] {
            rows.append(Row(what, hosts.filter { $0.reached.map { $0 >= stage } ?? false }.map(\.host.id.name)))
        }
        let job = self.record?.job.map { [$0.title] } ?? []
        return rows + [Row("let go of hosts", hosts.map(\.host.id.name)), Row("delete the job of the hosts", job)]
    }

    private static func names(_ names: [String]) -> String {
        let more = names.count - self.namesMax
        return names.prefix(self.namesMax).joined(separator: " ") + (more > 0 ? " and \(more) more" : "")
    }
}

/// How far a deployment is.
package struct DeploymentStatusView {
    private let record: DeploymentRecord
    private let nowMilliseconds: UInt64

    /// - Parameter now: in milliseconds since 1970.
    package init(_ record: DeploymentRecord, now: UInt64) {
        self.record = record
        self.nowMilliseconds = now
    }

    package var text: String {
        var hosts = TextTable(
            .left("HOST"), .left("ROLE"), .left("STATE"), .right("VMS"), .left("BOOKED FOR"), .left("ERROR"))
        for record in self.record.hosts {
            let guests = self.record.guests.count { $0.host == record.host.id }
            let left = Int64(clamping: record.leaseEndsMilliseconds) - Int64(clamping: self.nowMilliseconds)
            hosts.add(
                record.host.id.name, record.role.rawValue, record.state.text, "\(guests)",
                left > 0 ? Figures.duration(milliseconds: left / 1_000 * 1_000) : "time is over", record.error)
        }
        var stages = TextTable(.left("VMS"), .right("COUNT"), .left("FIRST"))
        for stage in GuestStage.allCases {
            let guests = self.record.guests.filter { $0.stage == stage }
            if let first = guests.first { stages.add(stage.rawValue, "\(guests.count)", Self.line(first)) }
        }
        let job = self.record.job.map { "\($0.title), \($0.stateText) with \(Figures.count($0.hosts, "host"))\n\n" }
        return (job ?? "") + hosts.text + "\n\n" + stages.text
    }

    private static func line(_ guest: GuestRecord) -> String {
        let place = guest.host.map { " on \($0)" } ?? ""
        return guest.identity.name + place + (guest.error.isEmpty ? "" : ": \(guest.error)")
    }

    package func json() throws -> String {
        try DeploymentJSON.text(
            Answer(
                deployment: self.record.base.name, job: self.record.job.map(Job.init),
                hosts: self.record.hosts.map(DeploymentJSON.Host.init),
                vms: self.record.guests.map(DeploymentJSON.Guest.init)))
    }

    private struct Answer: Encodable {
        var deployment: String
        var job: Job?
        var hosts: [DeploymentJSON.Host]
        var vms: [DeploymentJSON.Guest]
    }

    private struct Job: Encodable {
        var system: String
        var name: String
        var number: Int?
        var state: String
        var hosts: Int

        init(_ job: JobRecord) {
            self.system = job.system.rawValue
            self.name = job.name
            self.number = job.number
            self.state = job.stateText
            self.hosts = job.hosts
        }
    }
}

extension JobRecord {
    fileprivate var title: String {
        self.number.map { "\(BatchJobName(system: self.system, number: $0)) (\(self.name))" }
            ?? "\(self.system.title) job \(self.name)"
    }
}

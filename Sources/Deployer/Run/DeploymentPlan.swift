package import Basis
package import Settings

/// What a run would do: the fleet that is wanted beside what is recorded.
package struct DeploymentPlan: Hashable, Sendable {
    package var base: DeploymentBase
    /// How many more hosts are to run guests, after spares that are there have taken their places.
    package var workersToBook: Int
    /// How many more spares are wanted; fewer will do.
    package var sparesToBook: Int
    /// Recorded hosts that failed before: they are looked at again, and become spares if they answer.
    package var hostsToReadmit: [NodeID]
    /// Recorded hosts that get their operating system.
    package var hostsToInstall: [NodeID]
    /// How many of those that are to be booked get it.
    package var installsOfNewHosts: Int
    /// The stages that each recorded worker has before it.
    package var stagesToDo: [HostStages]
    package var newGuests: [NewGuest]
    /// Recorded guests that the fleet no longer has, by ordinal.
    package var guestsToRemove: [String]
    /// Recorded guests that are not known to run, by ordinal.
    package var guestsToBoot: [String]
    /// What runs already is only looked at.
    package var guestsToCheck: Int

    package struct HostStages: Hashable, Sendable {
        package var host: NodeID
        package var stages: [HostStage]
    }

    package struct NewGuest: Hashable, Sendable {
        package var name: String
        package var template: GuestTemplate
    }

    /// - Parameter record: nil: the deployment is new.
    /// - Throws: ``PlanConflicts`` with everything that cannot be changed on a deployment that is there.
    package init(_ fleet: FleetSettings, _ record: DeploymentRecord?) throws(PlanConflicts) {
        let wanted = DeploymentBase(fleet)
        self.base = record?.base ?? wanted
        let hosts = record?.hosts ?? []
        let known = Dictionary(uniqueKeysWithValues: (record?.guests ?? []).map { ($0.identity.name, $0) })
        var conflicts = Self.conflicts(wanted, fleet, record)

        let workers = hosts.filter { $0.role == .worker && $0.state.isUsable }
        let spares = hosts.filter(\.isFreeSpare).count
        let missing = max(0, fleet.booking.hosts - workers.count)
        self.workersToBook = max(0, missing - spares)
        self.sparesToBook = max(0, fleet.booking.spares - max(0, spares - missing))
        // Those that are readmitted are spares by then, and spares get it together with a worker or what was begun.
        let lacking = hosts.filter { ($0.state.isUsable || $0.state == .setAside) && $0.lacksSystem }
        let isDue = workers.contains(where: \.lacksSystem) || lacking.contains { $0.state == .installing }
        let isInstalling = fleet.kadeploy != nil && (missing > 0 || isDue)
        self.hostsToInstall = isInstalling ? lacking.map(\.host.id) : []
        self.installsOfNewHosts = isInstalling ? self.workersToBook + self.sparesToBook : 0
        self.hostsToReadmit = hosts.filter { $0.state == .setAside }.map(\.host.id)
        self.stagesToDo = workers.map { worker in
            HostStages(host: worker.host.id, stages: HostStage.beforeGuests.filter { !worker.state.isPast($0) })
        }

        var names: Set<String> = []
        self.newGuests = []
        for group in fleet.groups {
            for number in 1...group.count {
                let name = group.name(number)
                names.insert(name)
                guard let guest = known[name], guest.stage != .removing else {
                    // One that is being removed is made again when it is gone.
                    self.newGuests.append(NewGuest(name: name, template: group.template))
                    continue
                }
                if guest.template != group.template {
                    conflicts.append("the VM \(name) was made from another template, \(guest.template.words)")
                }
            }
        }
        let guests = record?.guests ?? []
        self.guestsToRemove = guests.filter { !names.contains($0.identity.name) || $0.stage == .removing }
            .map(\.identity.name)
        let kept = guests.filter { names.contains($0.identity.name) }
        self.guestsToBoot = kept.filter { [.planned, .booting, .failed].contains($0.stage) }.map(\.identity.name)
        self.guestsToCheck = kept.count { $0.stage == .running }
        if let error = PlanConflicts(deployment: fleet.name, conflicts) { throw error }
    }

    private static func conflicts(
        _ wanted: DeploymentBase, _ fleet: FleetSettings, _ record: DeploymentRecord?
    ) -> [String] {
        guard let record else { return [] }
        var conflicts: [String] = []
        if record.base.network != wanted.network {
            conflicts.append("its network is \(record.base.network.words), not \(wanted.network.words)")
        }
        if !record.base.image.agrees(with: wanted.image) {
            conflicts.append("its image is \(record.base.image.words), not \(wanted.image.words)")
        }
        let workers = record.hosts.count { $0.role == .worker && $0.state.isUsable }
        if workers > fleet.booking.hosts {
            conflicts.append("it has \(workers) hosts, and not fewer, \(fleet.booking.hosts)")
        }
        conflicts += Self.bookingConflicts(fleet, record)
        if record.hosts.contains(where: { $0.state == .undoing }) {
            conflicts.append("it is half destroyed")
        }
        return conflicts
    }

    /// Hosts come from where they came from, and a job does not grow.
    private static func bookingConflicts(_ fleet: FleetSettings, _ record: DeploymentRecord) -> [String] {
        if let conflict = self.providerConflict(fleet, record) { return [conflict] }
        let wanted = fleet.booking.hosts + fleet.booking.spares
        guard let job = record.job, job.hosts < wanted else { return [] }
        return ["its job has \(job.hosts) hosts, and not more, \(wanted)"]
    }

    /// Nil when the hosts that are recorded come from whom the file says.
    static func providerConflict(_ fleet: FleetSettings, _ record: DeploymentRecord) -> String? {
        guard record.job != nil || !record.hosts.isEmpty else { return nil }
        let provider = fleet.booking.provider.name.rawValue
        let recorded = record.job?.system.rawValue ?? BookingProvider.Name.inventory.rawValue
        return recorded == provider ? nil : "its hosts come from \(recorded), not from \(provider)"
    }
}

/// What cannot be changed on a deployment that is there.
package struct PlanConflicts: Error, Hashable, Sendable, CustomStringConvertible {
    package let deployment: String
    /// Never empty.
    package let conflicts: [String]

    /// How many are shown.
    private static let shownMax = 10

    init?(deployment: String, _ conflicts: [String]) {
        guard !conflicts.isEmpty else { return nil }
        self.deployment = deployment
        self.conflicts = conflicts
    }

    package var description: String {
        let more = self.conflicts.count - Self.shownMax
        return "\(self.deployment) is there, and differs in what stays: "
            + self.conflicts.prefix(Self.shownMax).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
            + ". Destroy it and apply again, or put the fleet's file back"
    }
}

extension DeploymentBase {
    /// As a new deployment of `fleet` has it; its VXLAN follows from its name.
    package init(_ fleet: FleetSettings) {
        let file = fleet.image.file.split(separator: "/").last.map(String.init) ?? fleet.image.file
        let stem = String(
            file.unicodeScalars.map { scalar in
                let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                return isPlain || ".-_".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
            })
        self.init(
            name: fleet.name, network: fleet.network,
            vxlan: Int(StableHash(of: fleet.name).folded % UInt64(Self.vxlanMax)) + 1,
            image: ImageReference(
                // All of it is ASCII.
                name: String("\(fleet.name)-\(stem)".prefix(HostNames.bytesMax)), file: fleet.image.file,
                sha256: fleet.image.sha256))
    }
}

extension GuestTemplate {
    fileprivate var words: String {
        "\(self.name) (\(self.vcpus) vCPUs, \(self.memoryMiB) MiB, \(self.diskGiB) GiB)"
    }
}

extension FleetNetwork {
    fileprivate var words: String { "\(self.subnet) \(self.isolation.rawValue) \(self.domain)" }
}

extension ImageReference {
    fileprivate var words: String { self.file + (self.sha256.map { " (\($0.prefix(12))…)" } ?? "") }
}

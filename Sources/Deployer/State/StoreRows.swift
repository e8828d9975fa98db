import Basis
import GRDB
import Settings

/// Rows of the records' file, to values and back.
enum StoreRows {
    // MARK: - Reading

    static func base(_ database: Database, _ deployment: String, _ path: String) throws -> DeploymentBase? {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM deployment WHERE name = ?", arguments: [deployment])
        else { return nil }
        let network = FleetNetwork(
            subnet: try Self.value(IPv4Subnet(row["subnet"] as String), "subnet", path),
            isolation: try Self.value(FleetNetwork.Isolation(rawValue: row["isolation"]), "isolation", path),
            domain: row["domain"])
        return DeploymentBase(
            name: deployment, network: network, vxlan: row["vxlan"],
            image: ImageReference(name: row["image"], file: row["image_file"], sha256: row["sha256"]))
    }

    static func hosts(_ database: Database, _ deployment: String, _ path: String) throws -> [HostRecord] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM host WHERE deployment = ? ORDER BY number", arguments: [deployment]
        ).map { row in
            let host = FleetHost(
                id: try Self.value(NodeID(row["id"] as String), "host", path), address: row["address"],
                sshUser: row["ssh_user"], sshPort: row["ssh_port"], site: row["site"], cluster: row["cluster"],
                memoryMiB: row["memory_mib"], cpus: row["cpus"])
            var record = HostRecord(
                host: host, role: try Self.value(HostRecord.Role(rawValue: row["role"]), "role", path),
                leaseEndsMilliseconds: UInt64(clamping: row["lease_ends_ms"] as Int64))
            record.state = try Self.value(HostState(text: row["state"]), "state of a host", path)
            record.reached = try (row["reached"] as String?).map {
                try Self.value(HostStage(rawValue: $0), "stage of a host", path)
            }
            record.attempt = row["attempt"]
            record.error = row["error"]
            return record
        }
    }

    static func guests(_ database: Database, _ deployment: String, _ path: String) throws -> [GuestRecord] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM guest WHERE deployment = ? ORDER BY ordinal", arguments: [deployment]
        ).map { row in
            let identity = GuestIdentity(
                name: row["name"], ordinal: row["ordinal"],
                address: IPv4Address(bits: UInt32(truncatingIfNeeded: row["address"] as Int64)),
                mac: try Self.value(Self.mac(row["mac"] as Int64), "MAC of a VM", path))
            var record = GuestRecord(
                identity: identity,
                template: GuestTemplate(
                    name: row["template"], vcpus: row["vcpus"], memoryMiB: row["memory_mib"], diskGiB: row["disk_gib"]))
            record.stage = try Self.value(GuestStage(rawValue: row["stage"]), "stage of a VM", path)
            record.host = try (row["host"] as String?).map { try Self.value(NodeID($0), "host of a VM", path) }
            record.attempt = row["attempt"]
            record.error = row["error"]
            return record
        }
    }

    private static func mac(_ bits: Int64) -> MACAddress? {
        (0..<1 << 48).contains(bits) ? MACAddress(bits: UInt64(bits)) : nil
    }

    static func copies(_ database: Database, _ deployment: String) throws -> [NodeID: Set<String>] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT host, guest FROM copy WHERE deployment = ?", arguments: [deployment])
        return rows.reduce(into: [:]) { copies, row in
            if let host = NodeID(row["host"] as String) { copies[host, default: []].insert(row["guest"]) }
        }
    }

    static func job(_ database: Database, _ deployment: String, _ path: String) throws -> JobRecord? {
        guard
            let row = try Row.fetchOne(database, sql: "SELECT * FROM job WHERE deployment = ?", arguments: [deployment])
        else { return nil }
        return try Self.value(
            JobRecord(
                system: row["system"], name: row["name"], hosts: row["hosts"], state: row["state"],
                number: row["number"]), "job", path)
    }

    static func taken(_ database: Database) throws -> TakenIdentities {
        var taken = TakenIdentities()
        for row in try Row.fetchAll(database, sql: "SELECT name, deployment, address, mac FROM guest") {
            taken.names[row["name"]] = row["deployment"]
            taken.addresses.insert(IPv4Address(bits: UInt32(truncatingIfNeeded: row["address"] as Int64)))
            taken.macs.insert(UInt64(clamping: row["mac"] as Int64))
        }
        return taken
    }

    private static func value<Value>(_ value: Value?, _ what: String, _ path: String) throws -> Value {
        guard let value else { throw StoreError.damaged(path: path, reason: "a \(what) that nobody writes") }
        return value
    }

    // MARK: - Writing

    static func insert(_ base: DeploymentBase, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO deployment (name, subnet, isolation, domain, vxlan, image, image_file, sha256)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                base.name, base.network.subnet.description, base.network.isolation.rawValue, base.network.domain,
                base.vxlan, base.image.name, base.image.file, base.image.sha256,
            ])
    }

    static func insert(_ record: HostRecord, _ deployment: String, _ database: Database) throws {
        let host = record.host
        try database.cachedStatement(
            sql: """
                INSERT INTO host (id, deployment, address, ssh_user, ssh_port, site, cluster, memory_mib, cpus, role,
                    state, attempt, error, lease_ends_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            host.id.name, deployment, host.address, host.sshUser, host.sshPort, host.site, host.cluster,
            host.memoryMiB, host.cpus, record.role.rawValue, record.state.text, record.attempt, record.error,
            Int64(clamping: record.leaseEndsMilliseconds),
        ])
    }

    static func insert(_ record: GuestRecord, _ deployment: String, _ database: Database) throws {
        let (identity, template) = (record.identity, record.template)
        try database.cachedStatement(
            sql: "INSERT INTO guest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            identity.name, deployment, identity.ordinal, Int64(identity.address.bits), Int64(identity.mac.bits),
            template.name, template.vcpus, template.memoryMiB, template.diskGiB, record.stage.rawValue,
            record.host?.name, record.attempt, record.error,
        ])
    }

    static func apply(
        _ change: RecordChange, _ database: Database, _ deployment: String, _ wall: UInt64
    ) throws {
        switch change {
        case .host(let record, let from):
            try database.cachedStatement(
                sql: "UPDATE host SET role = ?, state = ?, reached = ?, attempt = ?, error = ? WHERE id = ?"
            ).execute(arguments: [
                record.role.rawValue, record.state.text, record.reached?.rawValue, record.attempt, record.error,
                record.host.id.name,
            ])
            try self.note(
                "host", record.host.id.name, from: from.text, to: record.state.text, attempt: record.attempt,
                error: record.error, database, deployment, wall)
        case .hostReleased(let id, let from):
            try database.execute(sql: "DELETE FROM host WHERE id = ?", arguments: [id.name])
            try self.note(
                "host", id.name, from: from.text, to: HostState.released.text, database, deployment, wall)
        case .guest(let record, let from):
            try database.cachedStatement(
                sql: "UPDATE guest SET stage = ?, host = ?, attempt = ?, error = ? WHERE name = ?"
            ).execute(arguments: [
                record.stage.rawValue, record.host?.name, record.attempt, record.error, record.identity.name,
            ])
            try self.note(
                "vm", record.identity.name, from: from.rawValue, to: record.stage.rawValue, attempt: record.attempt,
                error: record.error, database, deployment, wall)
        case .guestRemoved(let name, let from):
            try database.cachedStatement(sql: "DELETE FROM guest WHERE name = ?").execute(arguments: [name])
            try self.note(
                "vm", name, from: from.rawValue, to: GuestStage.removed.rawValue, database, deployment, wall)
        case .copyBegun(let guest, let host):
            try database.cachedStatement(sql: "INSERT OR IGNORE INTO copy VALUES (?, ?, ?)")
                .execute(arguments: [host.name, guest, deployment])
            try self.note(
                "copy", "\(guest) on \(host)", from: "none", to: "begun", database, deployment, wall)
        case .copyGone(let guest, let host):
            try database.cachedStatement(sql: "DELETE FROM copy WHERE host = ? AND guest = ?")
                .execute(arguments: [host.name, guest])
            try self.note("copy", "\(guest) on \(host)", from: "begun", to: "gone", database, deployment, wall)
        case .job(let job):
            let before = try String.fetchOne(
                database, sql: "SELECT state FROM job WHERE deployment = ?", arguments: [deployment])
            try database.execute(
                sql: """
                    INSERT INTO job (deployment, system, name, hosts, state, number) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (deployment) DO UPDATE SET state = excluded.state, number = excluded.number
                    """,
                arguments: [
                    deployment, job.system.rawValue, job.name, job.hosts, job.stateText, job.number,
                ])
            try self.note(
                "job", job.entity, from: before ?? "none", to: job.stateText, database, deployment, wall)
        case .jobGone(let job):
            try database.execute(sql: "DELETE FROM job WHERE deployment = ?", arguments: [deployment])
            try self.note("job", job.entity, from: job.stateText, to: "gone", database, deployment, wall)
        }
    }

    static func note(
        _ kind: String, _ entity: String, from: String, to: String, attempt: Int = 0, error: String = "",
        _ database: Database, _ deployment: String, _ wall: UInt64
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO transition (wall_ms, deployment, kind, entity, from_state, to_state, attempt, error)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [Int64(clamping: wall), deployment, kind, entity, from, to, attempt, error])
    }
}

import GRDB

/// The tables of deployments, as a list of changes that is only ever added to.
enum StoreSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: deployments, hosts, guests, copies, transitions") { database in
            try database.execute(
                sql: """
                    CREATE TABLE deployment (name TEXT PRIMARY KEY, subnet TEXT NOT NULL, isolation TEXT NOT NULL,
                        domain TEXT NOT NULL, vxlan INTEGER NOT NULL UNIQUE, image TEXT NOT NULL,
                        image_file TEXT NOT NULL, sha256 TEXT, ordinals INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
                    CREATE TABLE host (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, deployment TEXT NOT NULL,
                        address TEXT NOT NULL, ssh_user TEXT NOT NULL, ssh_port INTEGER NOT NULL, site TEXT NOT NULL,
                        cluster TEXT NOT NULL, memory_mib INTEGER, cpus INTEGER, role TEXT NOT NULL,
                        state TEXT NOT NULL, reached TEXT, attempt INTEGER NOT NULL, error TEXT NOT NULL,
                        lease_ends_ms INTEGER NOT NULL);
                    CREATE TABLE guest (name TEXT PRIMARY KEY, deployment TEXT NOT NULL, ordinal INTEGER NOT NULL,
                        address INTEGER NOT NULL UNIQUE, mac INTEGER NOT NULL UNIQUE, template TEXT NOT NULL,
                        vcpus INTEGER NOT NULL, memory_mib INTEGER NOT NULL, disk_gib INTEGER NOT NULL,
                        stage TEXT NOT NULL, host TEXT, attempt INTEGER NOT NULL, error TEXT NOT NULL) WITHOUT ROWID;
                    CREATE INDEX guest_deployment ON guest (deployment);
                    CREATE TABLE copy (host TEXT NOT NULL, guest TEXT NOT NULL, deployment TEXT NOT NULL,
                        PRIMARY KEY (host, guest)) WITHOUT ROWID;
                    CREATE TABLE transition (number INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL,
                        deployment TEXT NOT NULL, kind TEXT NOT NULL, entity TEXT NOT NULL, from_state TEXT NOT NULL,
                        to_state TEXT NOT NULL, attempt INTEGER NOT NULL, error TEXT NOT NULL);
                    CREATE INDEX transition_deployment ON transition (deployment, entity);
                    """)
        }
        migrator.registerMigration("2: jobs of batch systems") { database in
            try database.execute(
                sql: """
                    CREATE TABLE job (deployment TEXT PRIMARY KEY, system TEXT NOT NULL, name TEXT NOT NULL UNIQUE,
                        hosts INTEGER NOT NULL, state TEXT NOT NULL, number INTEGER) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}

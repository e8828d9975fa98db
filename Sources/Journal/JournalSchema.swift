import GRDB

/// The tables of the journal, as a list of changes that is only ever added to.
enum JournalSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: node, handover, marks, history") { database in
            try database.execute(
                sql: """
                    CREATE TABLE node (one INTEGER PRIMARY KEY CHECK (one = 1), boot INTEGER NOT NULL,
                        is_paused INTEGER NOT NULL, is_draining INTEGER NOT NULL);
                    INSERT INTO node VALUES (1, 0, 0, 0);
                    CREATE TABLE handover (action TEXT NOT NULL, role INTEGER NOT NULL, vm TEXT NOT NULL,
                        peer TEXT NOT NULL, peer_endpoint TEXT NOT NULL, phase INTEGER NOT NULL,
                        updated_ms INTEGER NOT NULL, PRIMARY KEY (action, role)) WITHOUT ROWID;
                    CREATE TABLE move (number INTEGER PRIMARY KEY, vm TEXT NOT NULL, from_node TEXT NOT NULL,
                        wall_ms INTEGER NOT NULL);
                    CREATE TABLE event (sequence INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, kind TEXT NOT NULL,
                        isp TEXT, vm TEXT, text TEXT NOT NULL, facts TEXT NOT NULL);
                    CREATE INDEX event_isp ON event (isp) WHERE isp IS NOT NULL;
                    CREATE INDEX event_vm ON event (vm) WHERE vm IS NOT NULL;
                    CREATE TABLE isp (number INTEGER PRIMARY KEY, isp TEXT NOT NULL UNIQUE, trigger TEXT NOT NULL,
                        reason TEXT NOT NULL, birth INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER,
                        outcome TEXT, detail TEXT, took_ms INTEGER, decide_ms INTEGER, members_peak INTEGER,
                        nodes_asked INTEGER, hops INTEGER, sweeps INTEGER, messages INTEGER, solves INTEGER,
                        solve_steps INTEGER, solve_us INTEGER, migrations INTEGER, moved_mib INTEGER);
                    CREATE TABLE migration (number INTEGER PRIMARY KEY, action TEXT NOT NULL UNIQUE, isp TEXT NOT NULL,
                        vm TEXT NOT NULL, from_node TEXT NOT NULL, to_node TEXT NOT NULL, started_ms INTEGER NOT NULL,
                        took_ms INTEGER, result TEXT, moved_mib INTEGER);
                    CREATE INDEX migration_isp ON migration (isp);
                    CREATE INDEX migration_vm ON migration (vm);
                    """)
        }
        // A journal that is older than this column is of a node that has recovered; one that begins now is not.
        migrator.registerMigration("2: whether the node has recovered once") { database in
            try database.execute(
                sql: """
                    ALTER TABLE node ADD COLUMN has_recovered INTEGER NOT NULL DEFAULT 0;
                    UPDATE node SET has_recovered = boot > 0;
                    """)
        }
        return migrator
    }
}

extension Int64 {
    /// SQLite's integers are signed; what does not fit is never written by us and becomes the largest that does.
    init(stored value: UInt64) { self = Int64(clamping: value) }
}

#if Libvirt
    import Basis
    package import Hypervisor
    package import Placement

    /// How one host's libvirt is reached and used.
    package struct LibvirtSettings: Hashable, Sendable {
        /// Where this host's own libvirt daemon listens, as a libvirt connection URI.
        package var uri: String
        /// Where other hosts' libvirt daemons and agents reach this one (`qemu+tls://node7/system`). Marks name this host
        /// so: it must be the same text in the settings of every agent that speaks of this host.
        package var endpoint: MigrationEndpoint
        /// What the host offers to guests; nil: all that libvirt says it has.
        package var capacity: Resources?
        /// Directories that every host of the ring sees alike, as absolute paths. Guests whose file disks all lie there
        /// can be moved, and libvirt is then told not to judge their cache modes.
        package var sharedPaths: [String] = []
        /// Directories that every host has of its own, each the target of a storage pool there, as absolute paths. Images
        /// that lie there are sent along with their guests; the destination's libvirt makes them in its pool. What the
        /// source leaves is overwritten when the guest comes back.
        package var copiedPaths: [String] = []

        /// How often an idle connection is asked whether it lives, and how many answers may be missing, 1 or more.
        package var keepAliveInterval = Duration.seconds(2)
        package var keepAliveCount = 3
        /// After this a connection that does not come about is given up, to this host's daemon or another's.
        package var openTimeout = Duration.seconds(5)
        /// After this a caller stops waiting for any call but a migration.
        package var callTimeout = Duration.seconds(30)
        /// Between two attempts to reach this host's daemon: the first, and the longest after doubling.
        package var reconnectDelayMin = Duration.milliseconds(500)
        package var reconnectDelayMax = Duration.seconds(10)
        /// How often the progress of a migration is read.
        package var progressInterval = Duration.milliseconds(250)
        /// How long an aborted migration may take to end before its caller is told that its fate is not known.
        package var abortGrace = Duration.seconds(30)
        /// How often the dirty rate of each running guest is measured (1 s of page sampling); nil: never.
        package var dirtyRateInterval: Duration? = .seconds(60)

        /// Threads for short calls, and how many more calls may wait for one.
        package var callThreads = 4
        package var queuedCallsMax = 256
        /// Outgoing migrations at a time; each has two threads of its own.
        package var migrationsMax = 8
        /// Questions to other hosts' daemons at a time; one that hangs keeps its thread until libvirt gives up.
        package var peerQueriesMax = 8
        /// Tickets of guests that may flow in at a time.
        package var ticketsMax = 64
        /// Domains of one host. One that has more cannot be sampled.
        package var domainsMax = 4_096
        /// The longest domain description that is read, in bytes of XML. A longer one roots its guest.
        package var domainXMLBytesMax = 1_048_576

        /// Where libvirt leaves the process ids of its guests, and where the kernel describes processes: read only when
        /// libvirt does not tell how long vCPUs waited.
        package var processIDDirectory = "/run/libvirt/qemu"
        package var processDirectory = "/proc"

        package init(uri: String, endpoint: MigrationEndpoint, capacity: Resources? = nil, sharedPaths: [String] = []) {
            self.uri = uri
            self.endpoint = endpoint
            self.capacity = capacity
            self.sharedPaths = sharedPaths
        }

        /// What is wrong with these settings, each in words; empty when nothing is.
        package var problems: [String] {
            var problems: [String] = []
            if self.uri.isEmpty { problems.append("the libvirt URI is empty") }
            if self.endpoint.uri.isEmpty || self.endpoint.uri.utf8.count > MigrationEndpoint.lengthMax {
                problems.append("the migration endpoint has 1 to \(MigrationEndpoint.lengthMax) bytes")
            }
            for (kind, paths) in [("shared", self.sharedPaths), ("copied", self.copiedPaths)] {
                for path in paths where !path.hasPrefix("/") || path.split(separator: "/").contains("..") {
                    problems.append("\(kind) path \(path) is not absolute and plain")
                }
            }
            let durations = [
                ("keepAliveInterval", self.keepAliveInterval, Duration.seconds(1)),
                ("openTimeout", self.openTimeout, .milliseconds(100)),
                ("callTimeout", self.callTimeout, .milliseconds(100)),
                ("reconnectDelayMin", self.reconnectDelayMin, .milliseconds(10)),
                ("reconnectDelayMax", self.reconnectDelayMax, self.reconnectDelayMin),
                ("progressInterval", self.progressInterval, .milliseconds(50)),
                ("abortGrace", self.abortGrace, .seconds(1)),
                ("dirtyRateInterval", self.dirtyRateInterval ?? .seconds(60), .seconds(5)),
            ]
            for (name, value, least) in durations where value < least || value > Self.durationMax {
                problems.append("\(name) is \(value.inSeconds) s, not within \(least.inSeconds) s to 1 day")
            }
            let counts = [
                ("keepAliveCount", self.keepAliveCount, 1...100), ("callThreads", self.callThreads, 1...64),
                ("queuedCallsMax", self.queuedCallsMax, 0...65_536), ("migrationsMax", self.migrationsMax, 1...64),
                ("peerQueriesMax", self.peerQueriesMax, 1...64), ("ticketsMax", self.ticketsMax, 1...4_096),
                ("domainsMax", self.domainsMax, 1...65_536),
                ("domainXMLBytesMax", self.domainXMLBytesMax, 4_096...16_777_216),
            ]
            for (name, value, range) in counts where !range.contains(value) {
                problems.append("\(name) is \(value), not within \(range.lowerBound) to \(range.upperBound)")
            }
            return problems
        }

        var migratabilityRules: MigratabilityRules {
            MigratabilityRules(sharedPaths: self.sharedPaths, copiedPaths: self.copiedPaths)
        }

        var keepAlive: KeepAlive {
            KeepAlive(
                intervalSeconds: Int32(self.keepAliveInterval.components.seconds), count: UInt32(self.keepAliveCount))
        }

        private static let durationMax = Duration.seconds(86_400)
    }
#endif

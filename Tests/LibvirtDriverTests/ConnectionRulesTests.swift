#if Libvirt
    import Basis
    import Hypervisor
    import LibvirtDriver
    import Placement
    import Testing

    @Suite("Connection rules")
    struct ConnectionRulesTests {
        @Test(
            "speaks only to hosts that are reached as this one is",
            arguments: [
                ("qemu+tls://n1/system", "qemu+tls://n2/system", true),
                ("qemu+tls://n1/system", "qemu+tls://10.0.0.2:16514/system", true),
                ("qemu+tls://[2001:db8::1]/system", "qemu+tls://[2001:db8::2]:16514/system", true),
                ("qemu+tls://n1/system?pkipath=/etc/a", "qemu+tls://n2/system?pkipath=/etc/a", true),
                ("qemu+unix:///system?socket=/run/a", "qemu+unix:///system?socket=/run/b", true),
                ("qemu+tls://n1/system", "qemu+tcp://n2/system", false),
                ("qemu+tls://n1/system", "qemu+tls://n2/session", false),
                ("qemu+tls://n1/system", "qemu+tls://n2/system?no_verify=1", false),
                ("qemu+tls://n1/system", "qemu+ext:///system?command=/bin/evil", false),
                ("qemu+tls://n1/system", "qemu+ssh://n2/system?netcat=/bin/evil", false),
                ("qemu+tls://n1/system?pkipath=/etc/a", "qemu+tls://n2/system?pkipath=/tmp/b", false),
                ("qemu+tls://n1/system", "", false), ("qemu+tls://n1/system", "not a uri", false),
            ])
        func peers(own: String, other: String, isUsed: Bool) {
            let refusal = PeerAddress.refusal(of: MigrationEndpoint(uri: other), like: MigrationEndpoint(uri: own))
            #expect((refusal == nil) == isUsed)
        }

        @Test("refuses an endpoint that is too long")
        func longEndpoint() {
            let uri = "qemu+tls://" + String(repeating: "n", count: MigrationEndpoint.lengthMax) + "/system"
            let own = MigrationEndpoint(uri: "qemu+tls://n1/system")
            #expect(PeerAddress.refusal(of: MigrationEndpoint(uri: uri), like: own) != nil)
        }

        /// The numbers are libvirt's ABI (`virDomainMigrateFlags`).
        private static let flags: [(MigrationFlags, UInt32)] = {
            let live: UInt32 = 1
            let peerToPeer: UInt32 = 2
            let persistDestination: UInt32 = 8
            let undefineSource: UInt32 = 16
            let paused: UInt32 = 32
            let unsafe: UInt32 = 512
            let abortOnError: UInt32 = 4_096
            let autoConverge: UInt32 = 8_192
            let nonSharedDisk: UInt32 = 64
            let tls: UInt32 = 65_536
            let always = live | peerToPeer | paused | abortOnError
            func flags(
                autoConverge: Bool = false, tls: Bool = false, persistent: Bool = false, shared: Bool = false,
                copied: [String] = []
            ) -> MigrationFlags {
                MigrationFlags(
                    limits: MigrationLimits(
                        bandwidthMiBPerSecond: 0, timeLimit: .seconds(1), autoConverge: autoConverge, tls: tls),
                    isPersistent: persistent, livesOnSharedStorage: shared, copiedDisks: copied)
            }
            return [
                (flags(), always), (flags(autoConverge: true), always | autoConverge), (flags(tls: true), always | tls),
                (flags(persistent: true), always | persistDestination | undefineSource),
                (flags(shared: true), always | unsafe), (flags(copied: ["vda"]), always | nonSharedDisk),
                (
                    flags(autoConverge: true, tls: true, persistent: true, shared: true),
                    always | autoConverge | tls | persistDestination | undefineSource | unsafe
                ),
            ]
        }()

        @Test("always sends a guest paused, and looks away from storage only where it is shared", arguments: flags)
        func migrationFlags(flags: MigrationFlags, bits: UInt32) {
            #expect(flags.bits == bits)
        }

        /// Domain 1 gives an error, others a reading. The numbers are libvirt's ABI (`virErrorNumber`).
        private static func reading(of count: Int, limit: Int, failing code: UInt32) throws(LibvirtCallError) -> [Int] {
            try CompleteReading.ofDomains(count, limit: limit) { index throws(LibvirtCallError) -> Int? in
                if index == 1 { throw LibvirtCallError(code: code, message: "x") }
                return index == 3 ? nil : index
            }
        }

        @Test("a reading has every domain but those that have ended, or there is none")
        func completeReading() throws {
            let noDomain: UInt32 = 42
            #expect(try Self.reading(of: 5, limit: 5, failing: noDomain) == [0, 2, 4])
            #expect(try Self.reading(of: 0, limit: 5, failing: noDomain) == [])
            for code in [1, 38, 55, 68] as [UInt32] {
                #expect(throws: LibvirtCallError(code: code, message: "x")) {
                    try Self.reading(of: 5, limit: 5, failing: code)
                }
            }
            let error = #expect(throws: LibvirtCallError.self) {
                try Self.reading(of: 6, limit: 5, failing: noDomain)
            }
            #expect(
                error?.inPortTerms(connectionIsAlive: true)
                    == .refused("6 domains are here, more than the 5 that are read"))
        }

        /// The numbers are libvirt's ABI (`virErrorNumber`).
        @Test(
            "tells whose fault an error was",
            arguments: [
                (1, true, HypervisorError.failed("x")), (1, false, .unreachable("x")), (42, false, .unreachable("x")),
                (5, true, .unreachable("x")), (45, true, .unreachable("x")), (78, true, .aborted("x")),
                (84, true, .refused("x")), (55, true, .refused("x")), (81, true, .refused("x")),
                (9, true, .failed("x")),
                (38, true, .failed("x")), (99_999, true, .failed("x")),
            ] as [(UInt32, Bool, HypervisorError)])
        func errors(code: UInt32, connectionIsAlive: Bool, expected: HypervisorError) {
            let error = LibvirtCallError(code: code, message: "x")
            #expect(error.inPortTerms(connectionIsAlive: connectionIsAlive) == expected)
        }

        @Test("the defaults are sound")
        func defaults() {
            let endpoint = MigrationEndpoint(uri: "qemu+tls://n1/system")
            let settings = LibvirtSettings(uri: "qemu:///system", endpoint: endpoint, sharedPaths: ["/srv"])
            #expect(settings.problems == [])
        }

        @Test("names every setting that is out of range, all at once")
        func problems() {
            var settings = LibvirtSettings(
                uri: "", endpoint: MigrationEndpoint(uri: ""), sharedPaths: ["srv", "/a/../b"])
            settings.keepAliveInterval = .milliseconds(999)
            settings.callThreads = 0
            settings.reconnectDelayMax = .milliseconds(1)
            settings.migrationsMax = 65
            settings.dirtyRateInterval = .seconds(4)
            let problems = settings.problems
            #expect(problems.count == 9)
            for name in ["keepAliveInterval", "callThreads", "reconnectDelayMax", "migrationsMax", "dirtyRateInterval"]
            {
                #expect(problems.contains { $0.hasPrefix(name) }, "\(problems)")
            }
        }
    }
#endif

#if Libvirt
    import Basis
    import Foundation
    import Hypervisor
    import LibvirtDriver
    import Logging
    import Placement
    import Testing

    /// Goal: the driver against libvirt's C library itself. Method: libvirt's test driver, which lives in this process,
    /// has one running domain named "test", and knows states, metadata and definitions, but neither jobs nor migrations.
    ///
    /// One at a time: the test driver has one world per process, which is new when nobody is connected.
    @Suite("Libvirt hypervisor", .serialized)
    struct LibvirtHypervisorTests {
        private static let vm: VMID = "test"
        private static let here = MigrationEndpoint(uri: "test:///default")
        private static let mark = HandoverMark(
            isp: "n1#1.1", action: 3, source: "n1", sourceEndpoint: MigrationEndpoint(uri: "test://n1/default"),
            destination: "n2")

        /// Runs `body` with a driver that is connected, and closes the driver afterwards.
        private func withDriver(
            uri: String = "test:///default", capacity: Resources? = nil, domainsMax: Int = 4_096,
            _ body: @escaping @Sendable (LibvirtHypervisor) async throws -> Void
        ) async throws {
            var settings = LibvirtSettings(uri: uri, endpoint: Self.here, capacity: capacity)
            settings.dirtyRateInterval = nil
            settings.domainsMax = domainsMax
            var log = Logger(label: "test")
            log.logLevel = .critical
            let driver = LibvirtHypervisor(settings: settings, time: TimeThatStands(), log: log)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await driver.run() }
                for await event in driver.events() where event == .connected { break }
                try await body(driver)
                group.cancelAll()
            }
        }

        @Test("describes the host by libvirt's figures, or by the capacity that the settings give")
        func description() async throws {
            try await self.withDriver { driver async throws in
                let host = try await driver.describeHost()
                #expect(host.capacity.cpuMillicores > 0 && host.capacity.memoryMiB > 0)
                #expect(host.hypervisor.hasPrefix("libvirt "))
                #expect(host.endpoint == Self.here)
            }
            let capacity = Resources(cpuMillicores: 1_500, memoryMiB: 640)
            try await self.withDriver(capacity: capacity) { driver async throws in
                #expect(try await driver.describeHost().capacity == capacity)
            }
        }

        @Test("samples every domain, without demand at first sight")
        func sample() async throws {
            try await self.withDriver { driver async throws in
                let sample = try await driver.sample()
                #expect(sample.domains.map(\.vm) == [Self.vm])
                #expect(sample.domains.first?.presence == .running)
                #expect(sample.domains.first?.demand == nil)
                #expect(sample.domains.first?.job == nil)
            }
        }

        @Test("samples all domains, or says that there are too many of them")
        func domainsMax() async throws {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("host-\(UUID().uuidString).xml")
            defer { try? FileManager.default.removeItem(at: file) }
            let domains = ["a", "b"].map { name in
                """
                <domain type='test'><name>\(name)</name><memory>1024</memory><vcpu>1</vcpu>\
                <os><type>hvm</type></os></domain>
                """
            }
            try Data("<node>\(domains.joined())</node>".utf8).write(to: file)
            let uri = "test://\(file.path)"
            try await self.withDriver(uri: uri, domainsMax: 2) { driver async throws in
                #expect(try await driver.sample().domains.map(\.vm) == ["a", "b"])
            }
            try await self.withDriver(uri: uri, domainsMax: 1) { driver async throws in
                await #expect(throws: HypervisorError.refused("2 domains are here, more than the 1 that are read")) {
                    try await driver.sample()
                }
            }
        }

        @Test("a mark is written, read in samples, and taken away")
        func marks() async throws {
            try await self.withDriver { driver async throws in
                try await driver.setMark(Self.mark, on: Self.vm)
                #expect(try await driver.sample().domains.first?.mark == Self.mark)
                try await driver.setMark(nil, on: Self.vm)
                #expect(try await driver.sample().domains.first?.mark == nil)
                await #expect(throws: HypervisorError.noSuchVM("other")) {
                    try await driver.setMark(Self.mark, on: "other")
                }
            }
        }

        @Test("resuming a running guest changes nothing; one that is not here is no such VM")
        func resume() async throws {
            try await self.withDriver { driver async throws in
                try await driver.resume(Self.vm)
                #expect(try await driver.presence(of: Self.vm) == .running)
                #expect(try await driver.presence(of: "other") == .absent)
                await #expect(throws: HypervisorError.noSuchVM("other")) { try await driver.resume("other") }
            }
        }

        @Test("a running guest is never destroyed; discarding one that is gone changes nothing")
        func discard() async throws {
            try await self.withDriver { driver async throws in
                await #expect(throws: HypervisorError.refused("test runs")) {
                    try await driver.discardPausedCopy(of: Self.vm)
                }
                #expect(try await driver.presence(of: Self.vm) == .running)
                try await driver.discardPausedCopy(of: "other")
            }
        }

        @Test("one guest is expected once, from one source, and not where it runs")
        func tickets() async throws {
            try await self.withDriver { driver async throws in
                let ticket = MigrationTicket(vm: "web", source: "n1", number: 1)
                try await driver.openIncoming(ticket)
                try await driver.openIncoming(ticket)
                await #expect(throws: HypervisorError.refused("web is expected from n1 already")) {
                    try await driver.openIncoming(MigrationTicket(vm: "web", source: "n3", number: 2))
                }
                // Closing another ticket of the same guest does not close this one.
                try await driver.closeIncoming(MigrationTicket(vm: "web", source: "n3", number: 2))
                await #expect(throws: HypervisorError.refused("web is expected from n1 already")) {
                    try await driver.openIncoming(MigrationTicket(vm: "web", source: "n3", number: 2))
                }
                try await driver.closeIncoming(ticket)
                try await driver.openIncoming(MigrationTicket(vm: "web", source: "n3", number: 2))
                await #expect(throws: HypervisorError.refused("test is here already")) {
                    try await driver.openIncoming(MigrationTicket(vm: Self.vm, source: "n1", number: 3))
                }
            }
        }

        @Test("asks another host's libvirt by its own connection, and only hosts reached as this one is")
        func peers() async throws {
            try await self.withDriver { driver async throws in
                #expect(try await driver.presence(of: Self.vm, at: Self.here) == .running)
                #expect(try await driver.presence(of: "other", at: Self.here) == .absent)
                await #expect {
                    try await driver.presence(of: Self.vm, at: MigrationEndpoint(uri: "qemu+ext:///system?command=x"))
                } throws: { error in
                    if case .refused? = error as? HypervisorError { true } else { false }
                }
            }
        }

        @Test("says why a guest cannot run here")
        func admission() async throws {
            try await self.withDriver { driver async throws in
                #expect(try await driver.admits(cpuRequirement: "") == nil)
                #expect(try await driver.admits(cpuRequirement: "nonsense") != nil)
                let exotic = "<requirement arch='pdp11' machine='' type='kvm'/>"
                #expect(
                    try await driver.admits(cpuRequirement: exotic) == "needs architecture pdp11, not offered here")
            }
        }

        @Test("tells listeners of changes, and ends their streams when it is closed")
        func events() async throws {
            try await self.withDriver { driver async throws in
                let events = driver.events()
                try await driver.setMark(Self.mark, on: Self.vm)
                for await event in events where event == .changed(Self.vm) { break }
                try await driver.setMark(nil, on: Self.vm)
            }
            let closed = LibvirtHypervisor(
                settings: LibvirtSettings(uri: "test:///default", endpoint: Self.here), time: TimeThatStands(),
                log: Logger(label: "test"))
            let events = closed.events()
            let running = Task { await closed.run() }
            for await event in events where event == .connected { running.cancel() }
            await running.value
        }

        @Test("everything is unreachable until the driver is connected, and after it was closed")
        func unreachable() async throws {
            let driver = LibvirtHypervisor(
                settings: LibvirtSettings(uri: "test:///default", endpoint: Self.here), time: TimeThatStands(),
                log: Logger(label: "test"))
            await #expect(throws: HypervisorError.unreachable("no connection to test:///default")) {
                try await driver.sample()
            }
            let running = Task { await driver.run() }
            for await event in driver.events() where event == .connected { break }
            _ = try await driver.sample()
            running.cancel()
            await running.value
            await #expect(throws: HypervisorError.unreachable("no connection to test:///default")) {
                try await driver.presence(of: Self.vm)
            }
        }
    }
#endif

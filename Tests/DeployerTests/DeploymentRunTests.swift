import Basis
import Deployer
import Settings
import Simulation
import Testing

@Suite("A deployment")
struct DeploymentRunTests {
    @Test("boots every VM once, a second apply changes nothing, and destroy leaves nothing")
    func life() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let first = try await fixture.run(on: hosts, time: world.time).apply()
            await hosts.expectWhole(fleet, first)
            #expect(first.failures.isEmpty && first.retries == 0)
            #expect(first.hosts.map(\.role) == [.worker, .worker, .worker, .spare])
            #expect(await hosts.used() == ["h1", "h2", "h3"])

            let changes = await hosts.changes()
            let second = try await fixture.run(on: hosts, time: world.time).apply()
            await hosts.expectWhole(fleet, second)
            #expect(await hosts.changes() == changes)
            #expect(second.guests == first.guests)

            let last = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(last.hosts.isEmpty && last.guests.isEmpty && last.failures.isEmpty)
            #expect(await hosts.used().isEmpty)
            let store = try SQLiteStore(fixture.folder, time: world.time)
            #expect(try await store.load("test") == nil)
            #expect(try await store.leases().isEmpty)
        }
    }

    /// Modelled hosts beside an image's file that the test writes.
    private struct ImageHosts: HostDirectory {
        let hosts: ModelledHosts
        let digest: Result<String, HostShellFailure>

        func port(of host: FleetHost, for deployment: String) -> any DeployableHost {
            self.hosts.port(of: host, for: deployment)
        }

        func digest(ofImage file: String) throws(HostShellFailure) -> String? { try self.digest.get() }
    }

    @Test("records what its image is, goes on without the file, and takes no other in its place")
    func image() async throws {
        let fleet = try DeploymentFixture.fleet()
        let missing = HostShellFailure.couldNotStart(detail: "debian.qcow2 cannot be read")
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            func apply(_ digest: Result<String, HostShellFailure>) async throws -> DeploymentReport {
                try await fixture.run(on: ImageHosts(hosts: hosts, digest: digest), time: world.time).apply()
            }
            await #expect(throws: DeploymentError.image(missing)) { _ = try await apply(.failure(missing)) }
            #expect(await hosts.used().isEmpty)
            await hosts.expectWhole(fleet, try await apply(.success("aa")))
            let store = try SQLiteStore(fixture.folder, time: world.time)
            #expect(try await store.load("test")?.base.image.sha256 == "aa")

            let changes = await hosts.changes()
            await hosts.expectWhole(fleet, try await apply(.failure(missing)))
            let error = await #expect(throws: DeploymentError.self) { _ = try await apply(.success("bb")) }
            let words = try #require(error).description
            #expect(words.contains("debian.qcow2 (aa…), not ") && words.contains("debian.qcow2 (bb…)"), "\(words)")
            #expect(await hosts.changes() == changes)
        }
    }

    @Test("leaves alone what was on a host before")
    func foreign() async throws {
        var settings = ModelledHostSettings()
        settings.holdsAlready = [.packages, .hypervisor]
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet, settings: settings) { fixture, hosts, world in
            await hosts.expectWhole(fleet, try await fixture.run(on: hosts, time: world.time).apply())
            _ = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test(
        "goes on without a host that dies, and the spare takes its place",
        arguments: [ModelledDeed.probe, .prepare, .network, .image, .boot, .check])
    func deadHost(deed: ModelledDeed) async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet, faults: ["h2": [.dies(at: deed)]]) { fixture, hosts, world in
            let report = try await fixture.run(on: hosts, time: world.time).apply()
            #expect(report.runningCount == 6, "\(report.failures)")
            let states = Dictionary(uniqueKeysWithValues: report.hosts.map { ($0.host.id, $0) })
            #expect(states["h2"]?.state == .setAside)
            #expect(states["h4"]?.role == .worker && states["h4"]?.state == .ready)
            #expect(Set(report.guests.compactMap(\.host)) == ["h1", "h3", "h4"])
            // What the dead host has is on record, and goes when it is back.
            let strays = await hosts.hosts["h2"]?.contents.guests.count ?? 0
            #expect(report.strays.count >= strays)
            await hosts.hosts["h2"]?.heal()
            let again = try await fixture.run(on: hosts, time: world.time).apply()
            await hosts.expectWhole(fleet, again)
            #expect(again.strays.isEmpty)
            #expect(again.hosts.first { $0.host.id == "h2" }?.role == .spare)
            _ = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("keeps the addresses of VMs that get another host")
    func addressesStay() async throws {
        let fleet = try DeploymentFixture.fleet()
        let faults: [NodeID: [ModelledFault]] = ["h2": [.dies(at: .boot)]]
        try await DeploymentFixture.inWorld(fleet, faults: faults) { fixture, hosts, world in
            let report = try await fixture.run(on: hosts, time: world.time).apply()
            #expect(
                report.guests.map(\.identity.address.description)
                    == (2...7).map { "10.158.0.\($0)" })
            #expect(report.guests.allSatisfy { $0.stage == .running })
        }
    }

    @Test("tries again what fails for a while")
    func retries() async throws {
        let fleet = try DeploymentFixture.fleet()
        let faults: [NodeID: [ModelledFault]] = [
            "h1": [.refuses(.probe, times: 2), .hangs(.prepare, times: 1)],
            "h2": [.damagesImage(times: 2), .refuses(.network, times: 1)],
            "h3": [.guestHangs("vm-3", times: 1), .refuses(.boot, times: 1)],
        ]
        try await DeploymentFixture.inWorld(fleet, faults: faults) { fixture, hosts, world in
            let report = try await fixture.run(on: hosts, time: world.time).apply()
            await hosts.expectWhole(fleet, report)
            #expect(report.failures.isEmpty)
            #expect(report.retries == 8)
            #expect(report.hosts.allSatisfy { $0.state != .setAside })
        }
    }

    @Test("counts one bad VM as failed, and no other")
    func badGuest() async throws {
        let fleet = try DeploymentFixture.fleet()
        let faults: [NodeID: [ModelledFault]] = ["h1": [.refusesGuest("vm-1")]]
        try await DeploymentFixture.inWorld(fleet, faults: faults) { fixture, hosts, world in
            let report = try await fixture.run(on: hosts, time: world.time).apply()
            #expect(report.runningCount == 5)
            #expect(report.failures.map(\.entity) == ["vm-1"])
            #expect(report.failures.allSatisfy { $0.why.contains("unsupported configuration") })
            await hosts.hosts["h1"]?.heal()
            await hosts.expectWhole(fleet, try await fixture.run(on: hosts, time: world.time).apply())
        }
    }

    @Test("boots again what crashed, and follows the fleet's file")
    func converges() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let first = try await fixture.run(on: hosts, time: world.time).apply()
            let victim = try #require(first.guests[0].host)
            await hosts.hosts[victim]?.crash(guest: "vm-1")
            await hosts.expectWhole(fleet, try await fixture.run(on: hosts, time: world.time).apply())

            let larger = try DeploymentFixture.fleet(guests: 9)
            await hosts.expectWhole(larger, try await fixture.run(larger, on: hosts, time: world.time).apply())
            let smaller = try DeploymentFixture.fleet(guests: 2)
            let last = try await fixture.run(smaller, on: hosts, time: world.time).apply()
            await hosts.expectWhole(smaller, last)
            #expect(last.guests.map(\.identity) == first.guests.prefix(2).map(\.identity))
        }
    }

    @Test("leaves VMs that ran before on a host that fails now, unless told to make them anew")
    func ranBefore() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let first = try await fixture.run(on: hosts, time: world.time).apply()
            for deed in [ModelledDeed.probe, .check] {
                await hosts.hosts["h2"]?.add(.dies(at: deed))
                let second = try await fixture.run(on: hosts, time: world.time).apply()
                #expect(second.guests.map(\.host) == first.guests.map(\.host) && second.strays.isEmpty)
                #expect(second.runningCount == 4 && second.unreached == ["vm-2", "vm-5"], "\(second.unreached)")
                #expect(second.failures.map(\.entity) == ["h2"] && second.hosts.allSatisfy { $0.state != .setAside })
                await hosts.hosts["h2"]?.heal()
                await hosts.expectWhole(fleet, try await fixture.run(on: hosts, time: world.time).apply())
            }

            await hosts.hosts["h2"]?.add(.dies(at: .probe))
            let anew = try await fixture.run(on: hosts, time: world.time, replacesLost: true).apply()
            #expect(anew.runningCount == 6 && anew.unreached.isEmpty && anew.strays.map(\.guest) == ["vm-2", "vm-5"])
            #expect(anew.guests.allSatisfy { $0.host != "h2" })
        }
    }

    @Test("does not touch a VM that ran before and does not answer")
    func silentGuest() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let first = try await fixture.run(on: hosts, time: world.time).apply()
            let host = try #require(first.guests[0].host.flatMap { hosts.hosts[$0] })
            await host.silence(guest: "vm-1")
            let before = await host.contents
            let second = try await fixture.run(on: hosts, time: world.time).apply()
            #expect(
                second.runningCount == 5 && second.unreached == ["vm-1"] && second.failures.map(\.entity) == ["vm-1"])
            #expect(await host.contents == before)
        }
    }

    @Test("keeps leases and records of a host that does not answer, until it confirms")
    func destroyLater() async throws {
        let fleet = try DeploymentFixture.fleet()
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            _ = try await fixture.run(on: hosts, time: world.time).apply()
            await hosts.hosts["h2"]?.add(.dies(at: .removal))
            let half = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(half.hosts.map(\.host.id) == ["h2"])
            #expect(half.guests.count == 2 && half.guests.allSatisfy { $0.host == "h2" })
            let store = try SQLiteStore(fixture.folder, time: world.time)
            #expect(try await store.leases().keys.map(\.name) == ["h2"])
            await #expect(throws: DeploymentError.self) {
                _ = try await fixture.run(on: hosts, time: world.time).apply()
            }
            await hosts.hosts["h2"]?.heal()
            _ = try await fixture.run(on: hosts, time: world.time).destroy()
            #expect(await hosts.used().isEmpty)
            #expect(try await store.leases().isEmpty)
        }
    }

    @Test("says how much is missing when VMs do not fit, before anything is prepared")
    func noRoom() async throws {
        let fleet = try DeploymentFixture.fleet(guests: 12, memory: "2GiB")
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let error = await #expect(throws: DeploymentError.self) {
                _ = try await fixture.run(on: hosts, time: world.time).apply()
            }
            #expect(error?.description.contains("3 VMs (vm-10 first) find no host: they need 1536 MiB") == true)
            #expect(await hosts.used().isEmpty)
        }
    }

    @Test("never has a host, a name or an address of another deployment")
    func twoDeployments() async throws {
        let fleet = try DeploymentFixture.fleet("one", hosts: 2, spares: 0, inventory: 4)
        try await DeploymentFixture.inWorld(fleet) { fixture, hosts, world in
            let one = try await fixture.run(on: hosts, time: world.time).apply()
            let clash = try DeploymentFixture.fleet("two", hosts: 2, spares: 0, inventory: 4)
            let error = await #expect(throws: DeploymentError.self) {
                _ = try await fixture.run(clash, on: hosts, time: world.time).apply()
            }
            #expect(error?.description.contains("vm-1 belongs to a VM of the deployment one") == true)

            let other = try DeploymentFixture.fleet("two", hosts: 2, spares: 0, inventory: 4, pattern: "other-{n}")
            let two = try await fixture.run(other, on: hosts, time: world.time).apply()
            #expect(two.runningCount == 6)
            #expect(Set(two.hosts.map(\.host.id)).isDisjoint(with: one.hosts.map(\.host.id)))
            #expect(
                Set(two.guests.map(\.identity.address)).isDisjoint(with: one.guests.map(\.identity.address)))

            let third = try DeploymentFixture.fleet("three", hosts: 1, spares: 0, inventory: 4, pattern: "third-{n}")
            let refused = await #expect(throws: DeploymentError.self) {
                _ = try await fixture.run(third, on: hosts, time: world.time).apply()
            }
            #expect(refused?.description.contains("1 more hosts are needed and 0 are free") == true)
            let store = try SQLiteStore(fixture.folder, time: world.time)
            #expect(try await store.deployments() == ["one", "two"])
        }
    }

    @Test("stops when it is cancelled, and the next apply goes on")
    func cancelled() async throws {
        let fleet = try DeploymentFixture.fleet()
        for seconds in [1, 5, 20, 40, 70] {
            try await DeploymentFixture.inWorld(fleet, seed: UInt64(seconds)) { fixture, hosts, world in
                let run = try fixture.run(on: hosts, time: world.time)
                // Unstructured, so that it can be cancelled as a signal does it; awaited below.
                let task = Task { try await run.apply() }
                try await world.time.sleep(for: .seconds(seconds))
                task.cancel()
                let report = try await task.value
                #expect(report.isInterrupted || report.runningCount == 6)
                await hosts.expectWhole(fleet, try await fixture.run(on: hosts, time: world.time).apply())
                _ = try await fixture.run(on: hosts, time: world.time).destroy()
                #expect(await hosts.used().isEmpty)
            }
        }
    }
}

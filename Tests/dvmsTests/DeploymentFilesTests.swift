import Basis
import Deployer
import Foundation
import Settings
import Simulation
import Testing
import dvms

@Suite("The files of a deployment")
struct DeploymentFilesTests {
    private static func files(hosts: Int) async throws -> [String: String] {
        let listed = (1...3).map { "    - {id: h\($0), address: 192.0.2.\($0), site: \"a, b\", ssh: {user: me}}" }
        let text = """
            fleet: small
            inventory:
              hosts:
            \(listed.joined(separator: "\n"))
            booking: {hosts: \(hosts)}
            network: {subnet: 10.1.0.0/24, domain: vm.example}
            image: {file: debian.qcow2}
            templates:
              - {name: t, memory: 1GiB}
            vms:
              - {template: t, count: 3, name: "vm-{n}"}
            """
        let fleet = try FleetSettings.read(file: "fleet.yaml") { _ in text }
        let folder = try TemporaryFolder()
        let path = folder.path
        let report = try await World.run(seed: 1) { world in
            let store = try SQLiteStore(try StateFolder(path), time: world.time)
            return try await DeploymentRun(
                fleet, store: store, booking: InventoryBooking(store: store, time: world.time),
                directory: ModelledHosts(fleet.inventory, seed: 1, time: world.time), time: world.time
            ).apply()
        }.value
        withExtendedLifetime(folder) {}
        return Dictionary(uniqueKeysWithValues: DeploymentFiles(report, fleet).files.map { ($0.name, $0.text) })
    }

    @Test("hold a config that each host's daemon can read")
    func ring() async throws {
        let files = try await Self.files(hosts: 3)
        let text = try #require(files["dvmsd.yaml"])
        for id in ["h1", "h2", "h3"] as [NodeID] {
            let settings = try NodeSettings.read(file: "dvmsd.yaml", node: id) { _ in text }
            #expect(settings.cluster == "small" && settings.ring.nodes.map(\.id) == ["h1", "h2", "h3"])
            #expect(settings.ring.nodes[0].address == NodeAddress("192.0.2.1:7400"))
            #expect(settings.ring.nodes[0].site == "a, b" && settings.tls?.key == "/etc/dvms/tls/\(id).key")
        }
        #expect(try await Self.files(hosts: 1)["dvmsd.yaml"] == nil)
    }

    @Test("name every VM with its address, and the host through which it is reached")
    func others() async throws {
        let files = try await Self.files(hosts: 3)
        let csv = try #require(files["vms.csv"]).split(separator: "\n")
        #expect(csv.count == 4)
        #expect(csv[1].hasPrefix("vm-1,vm-1.vm.example,h1,running,10.1.0.2,02:"))
        #expect(files["hosts.csv"]?.contains("h1,192.0.2.1,me,22,\"a, b\",,worker,done image\n") == true)
        #expect(files["inventory.ini"]?.contains("vm-2 ansible_host=10.1.0.3 ansible_user=root dvms_host=h2\n") == true)
        let ssh = "Host vm-3 vm-3.vm.example\n    HostName 10.1.0.4\n    User root\n    ProxyJump h3\n"
        #expect(files["ssh_config"]?.contains(ssh) == true)
    }
}

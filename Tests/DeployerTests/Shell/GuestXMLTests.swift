import Deployer
import Foundation
import Settings
import Testing

@Suite("What guests are defined by")
struct GuestXMLTests {
    static func guest(network name: String = "dvms-t", address: String = "10.9.0.2") throws -> GuestDefinition {
        let network = HostNetwork(
            name: name, subnet: try #require(IPv4Subnet("10.9.0.0/24")),
            gateway: try #require(IPv4Address("10.9.0.1")), domain: "t.example",
            isolation: .vxlan(identifier: 4_711, peers: ["10.81.0.1", "10.81.0.2"]))
        return GuestDefinition(
            name: "g1", vcpus: 1, memoryMiB: 128, diskGiB: 1, address: try #require(IPv4Address(address)),
            mac: MACAddress(bits: 0x02_00_00_00_00_2A), network: network,
            image: ImageReference(name: "disk.qcow2", file: "/tmp/disk.qcow2", sha256: nil))
    }

    private func text(deployment: String = "t", machine: GuestMachine = GuestMachine()) throws -> String {
        GuestXML(
            guest: try Self.guest(), deployment: deployment, machine: machine, disk: "/d/<&>'\".qcow2", seed: "/s.iso",
            bridge: HostBridge(name: "br0", mtu: 1_450)
        ).text
    }

    @Test("escapes what is put into the definition")
    func escapes() throws {
        let text = try self.text(deployment: "a'/><evil x='&")
        #expect(text.contains("file='/d/&lt;&amp;&gt;&apos;&quot;.qcow2'"))
        #expect(text.contains("name='a&apos;/&gt;&lt;evil x=&apos;&amp;'/>") && !text.contains("<evil"))
    }

    @Test("has the CPU that all hosts have, if one is named, and never falls back to another")
    func machines() throws {
        let common = try self.text(machine: GuestMachine(virtualization: .hardware, cpuModel: "Haswell"))
        #expect(common.contains("<domain type='kvm'>"))
        #expect(common.contains("<model fallback='forbid'>Haswell</model>"))
        #expect(try self.text().contains("<cpu mode='host-model'/>"))
        let emulated = try self.text(machine: GuestMachine(virtualization: .emulation))
        #expect(emulated.contains("<domain type='qemu'>") && emulated.contains("<model>qemu64</model>"))
        #expect(emulated.contains("<mac address='02:00:00:00:00:2a'/>") && emulated.contains("<mtu size='1450'/>"))
    }

    @Test("tells the guest its name, its address, its way out and its keys")
    func seed() throws {
        let seed = GuestSeed(guest: try Self.guest(), authorizedKeys: ["ssh-ed25519 AAAA \"x\"\n- evil"])
        #expect(seed.metaData == "instance-id: g1-02:00:00:00:00:2a\nlocal-hostname: g1\n")
        #expect(
            seed.userData == """
                #cloud-config
                fqdn: "g1.t.example"
                preserve_hostname: false
                ssh_authorized_keys:
                  - "ssh-ed25519 AAAA \\"x\\" - evil"

                """)
        #expect(
            seed.networkConfig == """
                version: 2
                ethernets:
                  nic0:
                    match: {macaddress: "02:00:00:00:00:2a"}
                    addresses: ["10.9.0.2/24"]
                    routes: [{to: "0.0.0.0/0", via: "10.9.0.1"}]
                    nameservers: {search: ["t.example"], addresses: [10.9.0.1]}

                """)
    }

    @Test(
        "takes as names what is fit for a file",
        arguments: [
            ("a", true), ("a.b_c-1", true), ("", false), (".a", false), ("-a", false), ("a/b", false), ("a b", false),
            (String(repeating: "a", count: 63), true), (String(repeating: "a", count: 64), false), ("é", false),
        ])
    func names(name: String, isSafe: Bool) {
        #expect(HostNames.isSafe(name) == isSafe)
    }
}

import Basis
import Foundation
import Placement
import Settings
import Testing

@Suite("The config files that come with DVMS")
struct ConfigFilesTests {
    private func read(_ name: String, node: NodeID) throws -> NodeSettings {
        try NodeSettings.read(
            file: "\(SettingsFixture.configs)/\(name)", node: node, contentsOf: SettingsFixture.fileText)
    }

    @Test(
        "read without a problem for each of their nodes",
        arguments: [("ring-3.yaml", 3), ("ring-8-tls.yaml", 8), ("lab.yaml", 4), ("node.example.yaml", 2)])
    func everyFile(name: String, nodes: Int) throws {
        let file = "\(SettingsFixture.configs)/\(name)"
        let ids = try NodeSettings.nodes(inFile: file, contentsOf: SettingsFixture.fileText)
        #expect(ids.count == nodes)
        for id in ids where name != "node.example.yaml" || id == "n1" {
            #expect(try self.read(name, node: id).node == id)
        }
    }

    @Test("give each node of ring-3 its own sockets and folders")
    func placeholders() throws {
        let first = try self.read("ring-3.yaml", node: "n1")
        let second = try self.read("ring-3.yaml", node: "n2")
        #expect(first.controlSocket == "\(SettingsFixture.configs)/../.run/ring-3/n1.sock")
        #expect(second.stateDirectory == "\(SettingsFixture.configs)/../.run/ring-3/n2")
        #expect(second.hypervisor == .modelled(socket: "\(SettingsFixture.configs)/../.run/ring-3/n2.host.sock"))
        #expect(first.listen.port == 7_401 && second.listen.port == 7_402)
    }

    @Test("lead the lab's hosts to their own libvirt, and others to them by name")
    func lab() throws {
        let settings = try self.read("lab.yaml", node: "h3")
        guard case .libvirt(let libvirt) = settings.hypervisor else {
            Issue.record("the lab runs libvirt, not \(settings.hypervisor)")
            return
        }
        #expect(libvirt.uri == "qemu:///system")
        #expect(libvirt.migrationURI == "qemu+tcp://h3/system")
        #expect(libvirt.capacity == Resources(cpuMillicores: 1_400, memoryMiB: 2_048))
        #expect(settings.insecure && settings.tls == nil)
        // The folders of a lab host that are its own.
        #expect(settings.controlSocket == "/run/dvms/h3.sock")
        #expect(settings.stateDirectory == "/var/lib/libvirt/dvms")
    }

    @Test("say in the example what holds without it: every value is the default")
    func exampleShowsDefaults() throws {
        let example = try self.read("node.example.yaml", node: "n1")
        var bare = """
            cluster: example
            ring:
              nodes:
                - {id: n1, address: "127.0.0.1:7401", site: paris, rack: a1}
                - {id: n2, address: "127.0.0.1:7402", site: paris, rack: a1}
            """
        bare += "\nnode: n1\n"
        #expect(try SettingsFixture.read(bare) == example)
    }

    @Test("show every key that there is in the example, commented out where it excludes another")
    func exampleShowsEveryKey() throws {
        let path = "\(SettingsFixture.configs)/node.example.yaml"
        let text = try SettingsFixture.fileText(path)
        let alternative = try Regex(#"^( *)#(?=[a-z-])"#).anchorsMatchLineEndings()
        let full = text.replacing(alternative) { match in match.output[1].substring ?? "" }
        let reading = try SettingsReading(file: path, node: "n1", contentsOf: { _ in full })

        #expect(reading.knownKeys.subtracting(reading.presentKeys) == [])
        // Nothing but the exclusions may be wrong with it.
        #expect(
            reading.problems.map(\.key).sorted() == ["hypervisor.libvirt", "ring_file"],
            "\(reading.problems.map(\.description).joined(separator: "\n"))")
    }
}

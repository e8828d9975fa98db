import Basis
import Placement

/// Reads which hypervisor the node has.
enum HypervisorReader {
    static func read(
        _ root: inout SettingsSection, _ own: RingNodeSettings, _ template: PathTemplate
    ) -> HypervisorSettings {
        var section = root.section("hypervisor")
        let modelled = self.modelled(&section, template)
        let libvirt = self.libvirt(&section, own, template)
        section.finish()
        guard section.has("modelled") else { return .libvirt(libvirt) }
        if section.has("libvirt") {
            section.report("modelled and libvirt exclude each other", key: "libvirt", line: section.line(of: "libvirt"))
        }
        return .modelled(socket: modelled)
    }

    private static func modelled(_ hypervisor: inout SettingsSection, _ template: PathTemplate) -> String {
        let present = hypervisor.has("modelled")
        var section = hypervisor.section("modelled")
        let socket = section.optional("socket", template.socketPath)
        section.finish()
        if present, !section.has("socket") {
            section.report("missing: the socket of the modelled host", key: "socket", line: section.line)
        }
        return socket ?? ""
    }

    private static func libvirt(
        _ hypervisor: inout SettingsSection, _ own: RingNodeSettings, _ template: PathTemplate
    ) -> LibvirtSettings {
        var section = hypervisor.section("libvirt")
        let uri = section.optional("uri", self.uri(template)) ?? "qemu:///system"
        let migrationURI =
            section.optional("migration_uri", self.uri(template)) ?? "qemu+tls://\(template.hostInURI)/system"
        var capacity = section.section("capacity")
        let (cpu, memory) = LoadReader.amounts(&capacity)
        capacity.finish()
        let merged = (own.overrides.cpuCapacityMillicores ?? cpu, own.overrides.memoryCapacityMiB ?? memory)
        var total: Resources?
        switch merged {
        case (let cpu?, let memory?): total = Resources(cpuMillicores: cpu, memoryMiB: memory)
        case (nil, nil): total = nil
        case (_?, nil), (nil, _?):
            section.report(
                "needs both cpu and memory, for \(own.id)", key: "capacity", line: section.line(of: "capacity"))
        }
        let storage = section.words("shared_storage", template.path).map(\.value)
        let copied = section.words("copied_storage", template.path).map(\.value)
        let tls = section.flag("tls", default: false)
        section.finish()
        return LibvirtSettings(
            uri: uri, migrationURI: migrationURI,
            capacity: total, sharedStorage: storage, copiedStorage: copied, tls: tls)
    }

    private static func uri(
        _ template: PathTemplate
    ) -> (String) throws(Quantities.Unexpected) -> String {
        { text throws(Quantities.Unexpected) in
            guard text.contains("://") else {
                throw Quantities.Unexpected(
                    expected: "a libvirt URI such as qemu:///system or qemu+tls://{host}/system")
            }
            return try template.uri(try SettingsSection.word(text))
        }
    }
}

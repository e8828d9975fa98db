import Basis
import Settings

/// How guests are run on all hosts of a deployment: the same everywhere, so that each may migrate to any.
package struct GuestMachine: Hashable, Sendable {
    package enum Virtualization: Hashable, Sendable {
        /// KVM; a host without it is refused.
        case hardware
        /// QEMU's own translation: slow, for machines without KVM.
        case emulation
    }

    package var virtualization: Virtualization
    /// A CPU model of libvirt's that every host has, as `Haswell-noTSX`; nil: that of each host, between which only
    /// guests of like hosts migrate.
    package var cpuModel: String?

    package init(virtualization: Virtualization = .hardware, cpuModel: String? = nil) {
        self.virtualization = virtualization
        self.cpuModel = cpuModel
    }
}

/// A bridge as the host calls it.
package struct HostBridge: Hashable, Sendable {
    package var name: String
    /// In bytes, 576...65535.
    package var mtu: Int

    package init(name: String, mtu: Int) {
        self.name = name
        self.mtu = mtu
    }
}

/// The definition of a guest as libvirt reads it (https://libvirt.org/formatdomain.html).
package struct GuestXML: Sendable {
    /// The namespace of the element by which a deployment finds its guests again.
    package static let markNamespace = "urn:dvms:deployment"

    package var guest: GuestDefinition
    package var deployment: String
    package var machine: GuestMachine
    /// Paths on the host.
    package var disk: String
    package var seed: String
    /// The bridge that the host plugs the guest into, and its MTU in bytes.
    package var bridge: HostBridge

    package init(
        guest: GuestDefinition, deployment: String, machine: GuestMachine, disk: String, seed: String,
        bridge: HostBridge
    ) {
        self.guest = guest
        self.deployment = deployment
        self.machine = machine
        self.disk = disk
        self.seed = seed
        self.bridge = bridge
    }

    package var text: String {
        """
        <domain type='\(self.machine.virtualization == .hardware ? "kvm" : "qemu")'>
          <name>\(XMLText.escaped(self.guest.name))</name>
          <metadata>
            <mark:deployment xmlns:mark='\(Self.markNamespace)' name='\(XMLText.escaped(self.deployment))'/>
          </metadata>
          <memory unit='MiB'>\(self.guest.memoryMiB)</memory>
          <vcpu>\(self.guest.vcpus)</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
          <features><acpi/><apic/></features>
          \(self.cpu)
          <clock offset='utc'/>
          <on_poweroff>destroy</on_poweroff>
          <on_reboot>restart</on_reboot>
          <on_crash>destroy</on_crash>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2' discard='unmap'/>
              <source file='\(XMLText.escaped(self.disk))'/>
              <target dev='vda' bus='virtio'/>
            </disk>
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file='\(XMLText.escaped(self.seed))'/>
              <target dev='vdb' bus='virtio'/>
            </disk>
            <interface type='bridge'>
              <mac address='\(self.guest.mac)'/>
              <source bridge='\(XMLText.escaped(self.bridge.name))'/>
              <model type='virtio'/>
              <mtu size='\(self.bridge.mtu)'/>
            </interface>
            <serial type='pty'/>
            <console type='pty'/>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
            <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
            <memballoon model='virtio'/>
          </devices>
        </domain>
        """
    }

    private var cpu: String {
        if let model = self.machine.cpuModel {
            return "<cpu mode='custom' match='exact'><model fallback='forbid'>\(XMLText.escaped(model))</model></cpu>"
        }
        return self.machine.virtualization == .hardware
            ? "<cpu mode='host-model'/>" : "<cpu mode='custom' match='exact'><model>qemu64</model></cpu>"
    }
}

/// What a guest reads of itself at its first boot: a NoCloud seed, as cloud-init has it
/// (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html).
package struct GuestSeed: Sendable {
    package var guest: GuestDefinition
    /// Lines of an `authorized_keys` file for the image's own user.
    package var authorizedKeys: [String]

    package init(guest: GuestDefinition, authorizedKeys: [String]) {
        self.guest = guest
        self.authorizedKeys = authorizedKeys
    }

    package var metaData: String {
        """
        instance-id: \(self.guest.name)-\(self.guest.mac)
        local-hostname: \(self.guest.name)

        """
    }

    package var userData: String {
        let keys = self.authorizedKeys.map { "  - \(Self.quoted($0))\n" }.joined()
        return """
            #cloud-config
            fqdn: \(Self.quoted("\(self.guest.name).\(self.guest.network.domain)"))
            preserve_hostname: false
            \(keys.isEmpty ? "" : "ssh_authorized_keys:\n\(keys)")
            """
    }

    package var networkConfig: String {
        let network = self.guest.network
        return """
            version: 2
            ethernets:
              nic0:
                match: {macaddress: "\(self.guest.mac)"}
                addresses: ["\(self.guest.address)/\(network.subnet.prefixLength)"]
                routes: [{to: "0.0.0.0/0", via: "\(network.gateway)"}]
                nameservers: {search: [\(Self.quoted(network.domain))]\(self.nameServer)}

            """
    }

    /// The host's end of the network answers for names in it; elsewhere the image decides.
    private var nameServer: String {
        switch self.guest.network.isolation {
        case .none: ""
        case .vxlan: ", addresses: [\(self.guest.network.gateway)]"
        }
    }

    /// A double-quoted scalar of YAML.
    private static func quoted(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "\"") { quoted, scalar in
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.properties.generalCategory == .control: quoted += " "
            default: quoted.unicodeScalars.append(scalar)
            }
        } + "\""
    }
}

#if Libvirt
    /// What a guest needs of the processor of any host that it is to run on.
    ///
    /// Travels as text, opaque to the agents: written by the source's driver, judged by the destination's. Judged are
    /// only the things that would break the guest: who executes its instructions, the architecture, and the CPU that it
    /// has seen since it booted.
    package struct CPURequirement: Hashable, Sendable {
        /// `kvm` or `qemu`, as `<domain type=…>` says.
        package var domainType: String
        package var architecture: String
        package var machine: String
        /// The live domain's `<cpu>`; nil when it has none, which leaves the choice to the hypervisor.
        package var cpu: XMLTree?
        /// The host's own `<cpu>`, only when the guest sees that one (`host-passthrough`).
        package var hostCPU: XMLTree?

        /// The longest text that is read, in bytes. A CPU with every feature libvirt knows takes about 12 KiB.
        package static let textBytesMax = 64 * 1_024

        /// - Returns: nil when `domain` is not the XML of a domain with an operating system type.
        package init?(domain: XMLTree, hostCPU: XMLTree?) {
            guard domain.name == "domain", let type = domain.attributes["type"], let system = domain["os"]?["type"]
            else { return nil }
            self.domainType = type
            self.architecture = system.attributes["arch"] ?? ""
            self.machine = system.attributes["machine"] ?? ""
            self.cpu = domain["cpu"]
            self.hostCPU = self.seesHostCPU ? hostCPU.map(Self.withoutWhatMayDiffer) : nil
        }

        /// - Returns: nil when `text` was not made by ``text``.
        package init?(text: String) {
            guard text.utf8.count <= Self.textBytesMax, let tree = XMLTree(parsing: text), tree.name == "requirement",
                let type = tree.attributes["type"], let architecture = tree.attributes["arch"],
                let machine = tree.attributes["machine"]
            else { return nil }
            self.domainType = type
            self.architecture = architecture
            self.machine = machine
            self.cpu = tree["cpu"]
            self.hostCPU = tree["host"]?["cpu"]
        }

        package var text: String {
            var tree = XMLTree(
                name: "requirement",
                attributes: ["type": self.domainType, "arch": self.architecture, "machine": self.machine])
            if let cpu = self.cpu { tree.children.append(cpu) }
            if let hostCPU = self.hostCPU { tree.children.append(XMLTree(name: "host", children: [hostCPU])) }
            return tree.serialized
        }

        /// Whether the guest sees the host's processor as it is.
        package var seesHostCPU: Bool { self.cpu?.attributes["mode"] == "host-passthrough" }

        /// Whether the processor's model matters. An emulated guest brings its own.
        package var dependsOnHostCPU: Bool { self.domainType == "kvm" && self.cpu != nil }

        /// Why a guest that sees the host's CPU cannot go to a host with `other`; nil when it can.
        package func refusalOfPassthrough(to other: XMLTree) -> String? {
            guard self.seesHostCPU else { return nil }
            guard let own = self.hostCPU else { return "host-passthrough, and its host's CPU is not known" }
            guard own != Self.withoutWhatMayDiffer(other) else { return nil }
            let ownModel = own["model"]?.text ?? "unknown"
            let otherModel = other["model"]?.text ?? "unknown"
            return "host-passthrough needs the same CPU: it sees \(ownModel), here is \(otherModel)"
        }

        /// A host's `<cpu>` without that in which two equal processors differ: how many there are, microcode, and the
        /// measured clock.
        private static func withoutWhatMayDiffer(_ cpu: XMLTree) -> XMLTree {
            var cpu = cpu
            cpu.children.removeAll { ["topology", "microcode", "counter", "pages"].contains($0.name) }
            return cpu
        }
    }
#endif

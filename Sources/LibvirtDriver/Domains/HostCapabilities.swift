#if Libvirt
    /// What a host can run, out of libvirt's capabilities XML.
    package struct HostCapabilities: Hashable, Sendable {
        /// The host's `<cpu>`; nil where libvirt cannot tell.
        package var cpu: XMLTree?
        package var guests: [Guest]

        /// One architecture for which the host has a hypervisor.
        package struct Guest: Hashable, Sendable {
            package var architecture: String
            package var emulator: String?
            /// `kvm`, `qemu`.
            package var domainTypes: Set<String>
            /// Every machine type by every name it has.
            package var machines: Set<String>
        }

        /// - Returns: nil when `document` is not a capabilities document.
        package init?(parsing document: String) {
            guard let tree = XMLTree(parsing: document), tree.name == "capabilities" else { return nil }
            self.cpu = tree["host"]?["cpu"]
            self.guests = tree.children(named: "guest").compactMap { guest in
                guard let arch = guest["arch"], let name = arch.attributes["name"] else { return nil }
                let domains = arch.children(named: "domain")
                let machines = (arch.children(named: "machine") + domains.flatMap { $0.children(named: "machine") })
                return Guest(
                    architecture: name, emulator: arch["emulator"]?.text,
                    domainTypes: Set(domains.compactMap { $0.attributes["type"] }),
                    machines: Set(machines.flatMap { [$0.text] + ($0.attributes["canonical"].map { [$0] } ?? []) }))
            }
        }

        /// Whether guests can run on the processor itself.
        package var offersKVM: Bool { self.guests.contains { $0.domainTypes.contains("kvm") } }

        /// Why a guest cannot run here, as far as it shows without comparing processors; nil when it can.
        package func refusal(of requirement: CPURequirement) -> String? {
            let guests = self.guests.filter { $0.architecture == requirement.architecture }
            guard !guests.isEmpty else { return "needs architecture \(requirement.architecture), not offered here" }
            guard guests.contains(where: { $0.domainTypes.contains(requirement.domainType) }) else {
                return "needs a hypervisor of type \(requirement.domainType), not offered here"
            }
            guard requirement.machine.isEmpty || guests.contains(where: { $0.machines.contains(requirement.machine) })
            else { return "needs machine type \(requirement.machine), not offered here" }
            guard requirement.dependsOnHostCPU, requirement.seesHostCPU else { return nil }
            guard let cpu = self.cpu else { return "needs its host's CPU, and libvirt does not tell this host's" }
            return requirement.refusalOfPassthrough(to: cpu)
        }

        /// The emulator for guests of an architecture.
        package func emulator(for architecture: String) -> String? {
            self.guests.first { $0.architecture == architecture }?.emulator
        }
    }
#endif

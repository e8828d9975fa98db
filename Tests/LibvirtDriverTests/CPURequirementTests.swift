#if Libvirt
    import LibvirtDriver
    import Testing

    @Suite("CPU requirement")
    struct CPURequirementTests {
        private func capabilities(cpu: String = Self.epyc) throws -> HostCapabilities {
            try #require(
                HostCapabilities(
                    parsing: """
                        <capabilities><host><uuid>u</uuid>\(cpu)</host>
                        <guest><os_type>hvm</os_type><arch name='x86_64'><emulator>/usr/bin/qemu-system-x86_64</emulator>
                        <machine maxCpus='255' canonical='pc-q35-10.0'>q35</machine><machine>pc-q35-7.2</machine>
                        <domain type='qemu'/><domain type='kvm'><machine>pc-kvm-only</machine></domain></arch></guest>
                        <guest><arch name='aarch64'><machine>virt</machine><domain type='qemu'/></arch></guest>
                        </capabilities>
                        """))
        }

        private static let epyc =
            "<cpu><arch>x86_64</arch><model>EPYC</model><microcode version='1'/><topology cores='8'/>"
            + "<feature name='avx2'/></cpu>"

        private func requirement(
            type: String = "kvm", arch: String = "x86_64", machine: String = "pc-q35-7.2", cpu: String = "",
            hostCPU: String? = nil
        ) throws -> CPURequirement {
            let domain = try #require(
                XMLTree(
                    parsing: "<domain type='\(type)'><os><type arch='\(arch)' machine='\(machine)'>hvm</type></os>"
                        + "\(cpu)</domain>"))
            return try #require(CPURequirement(domain: domain, hostCPU: hostCPU.flatMap { XMLTree(parsing: $0) }))
        }

        private static let named =
            "<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC</model>"
            + "<feature policy='require' name='x2apic'/></cpu>"

        @Test(
            "comes back from its text as it was",
            arguments: [("", nil), (named, nil), ("<cpu mode='host-passthrough'/>", epyc)] as [(String, String?)])
        func roundTrip(cpu: String, hostCPU: String?) throws {
            let requirement = try self.requirement(cpu: cpu, hostCPU: hostCPU)
            #expect(CPURequirement(text: requirement.text) == requirement)
        }

        @Test(
            "refuses text that is none", arguments: ["", "<requirement/>", "<cpu/>", "kvm", "<requirement type='kvm'"])
        func notOurs(text: String) {
            #expect(CPURequirement(text: text) == nil)
        }

        @Test("refuses text that is too long before reading it")
        func tooLong() throws {
            let text = try self.requirement(cpu: Self.named).text
            #expect(CPURequirement(text: text + String(repeating: " ", count: CPURequirement.textBytesMax)) == nil)
        }

        @Test(
            "is refused by a host that lacks the architecture, the hypervisor or the machine type",
            arguments: [
                ("kvm", "x86_64", "pc-q35-7.2", nil), ("kvm", "x86_64", "q35", nil),
                ("kvm", "x86_64", "pc-q35-10.0", nil),
                ("kvm", "x86_64", "pc-kvm-only", nil), ("qemu", "x86_64", "", nil), ("qemu", "aarch64", "virt", nil),
                ("kvm", "aarch64", "virt", "needs a hypervisor of type kvm, not offered here"),
                ("kvm", "riscv64", "virt", "needs architecture riscv64, not offered here"),
                ("kvm", "x86_64", "pc-q35-11.0", "needs machine type pc-q35-11.0, not offered here"),
            ] as [(String, String, String, String?)])
        func offers(type: String, arch: String, machine: String, refusal: String?) throws {
            let requirement = try self.requirement(type: type, arch: arch, machine: machine)
            #expect(try self.capabilities().refusal(of: requirement) == refusal)
        }

        @Test("a guest that sees its host's CPU goes only to the same one, however many there are of it")
        func passthrough() throws {
            let seen = try self.requirement(cpu: "<cpu mode='host-passthrough'/>", hostCPU: Self.epyc)
            let bigger = Self.epyc.replacing("cores='8'", with: "cores='64'").replacing(
                "version='1'", with: "version='2'")
            #expect(try self.capabilities(cpu: bigger).refusal(of: seen) == nil)
            let newer = Self.epyc.replacing(">EPYC<", with: ">EPYC-Milan<")
            #expect(
                try self.capabilities(cpu: newer).refusal(of: seen)
                    == "host-passthrough needs the same CPU: it sees EPYC, here is EPYC-Milan")
            let richer = Self.epyc.replacing("</cpu>", with: "<feature name='avx512f'/></cpu>")
            #expect(try self.capabilities(cpu: richer).refusal(of: seen) != nil)
            #expect(try self.capabilities(cpu: "").refusal(of: seen) != nil)
            let unknown = try self.requirement(cpu: "<cpu mode='host-passthrough'/>")
            #expect(try self.capabilities().refusal(of: unknown) != nil)
        }

        @Test(
            "only a guest on the processor itself depends on it",
            arguments: [("kvm", named, true), ("qemu", named, false), ("kvm", "", false)])
        func dependence(type: String, cpu: String, expected: Bool) throws {
            #expect(try self.requirement(type: type, cpu: cpu).dependsOnHostCPU == expected)
        }

        @Test("capabilities that are none are refused", arguments: ["", "<domain/>", "<capabilities>"])
        func noCapabilities(document: String) {
            #expect(HostCapabilities(parsing: document) == nil)
        }
    }
#endif

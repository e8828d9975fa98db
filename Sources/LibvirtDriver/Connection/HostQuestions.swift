#if Libvirt
    import CLibvirt
    import Foundation
    import Placement

    /// What libvirt says of a host.
    struct HostFacts: Sendable {
        /// All that the machine has.
        var capacity: Resources
        /// For people: "libvirt 9.0.0, QEMU 10.0.2, KVM".
        var hypervisor: String
        var capabilities: HostCapabilities
    }

    // Questions about the host itself, each blocking.
    extension LibvirtConnection {
        func hostFacts() throws(LibvirtCallError) -> HostFacts {
            let capabilities = try self.capabilities()
            var libvirtVersion: UInt = 0
            try checked(virConnectGetLibVersion(self.pointer, &libvirtVersion))
            var hypervisorVersion: UInt = 0
            try checked(virConnectGetVersion(self.pointer, &hypervisorVersion))
            let type = try checked(virConnectGetType(self.pointer))
            let words = [
                "libvirt \(Self.words(version: libvirtVersion))",
                "\(String(cString: type)) \(Self.words(version: hypervisorVersion))",
                capabilities.offersKVM ? "KVM" : "emulation only",
            ]
            return HostFacts(
                capacity: try self.capacity(), hypervisor: words.joined(separator: ", "), capabilities: capabilities)
        }

        func capabilities() throws(LibvirtCallError) -> HostCapabilities {
            let text = try checked(virConnectGetCapabilities(self.pointer))
            defer { free(text) }
            guard let capabilities = HostCapabilities(parsing: String(cString: text)) else {
                throw LibvirtCallError(
                    code: VIR_ERR_XML_ERROR.rawValue, message: "libvirt's capabilities cannot be read")
            }
            return capabilities
        }

        private func capacity() throws(LibvirtCallError) -> Resources {
            var info = virNodeInfo()
            try checked(virNodeGetInfo(self.pointer, &info))
            // Node info adds up NUMA cells and can miss memory that was added later; the statistics ask the kernel.
            let memoryKiB = self.memoryTotalKiB() ?? UInt64(info.memory)
            return Resources(
                cpuMillicores: Int(info.cpus) * 1_000,
                memoryMiB: Int(min(memoryKiB / 1_024, UInt64(Resources.amountMax))))
        }

        private func memoryTotalKiB() -> UInt64? {
            let allCells = VIR_NODE_MEMORY_STATS_ALL_CELLS.rawValue
            var count: Int32 = 0
            guard virNodeGetMemoryStats(self.pointer, allCells, nil, &count, 0) == 0, count > 0 else { return nil }
            var statistics = [virNodeMemoryStats](repeating: virNodeMemoryStats(), count: Int(count))
            guard virNodeGetMemoryStats(self.pointer, allCells, &statistics, &count, 0) == 0 else { return nil }
            return statistics.prefix(Int(count)).lazy.compactMap { entry -> UInt64? in
                let field = withUnsafeBytes(of: entry.field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                return field == VIR_NODE_MEMORY_STATS_TOTAL ? UInt64(entry.value) : nil
            }.first
        }

        /// Why the host cannot run a guest with this CPU; nil when it can.
        ///
        /// Asked of the hypervisor rather than of the bare processor: a live guest's description also has features that
        /// QEMU adds by itself, which no processor has. Daemons and hypervisors that cannot tell are asked the older
        /// question about the processor.
        func refusal(
            ofCPU requirement: CPURequirement, capabilities: HostCapabilities
        ) throws(LibvirtCallError) -> String? {
            guard let cpu = requirement.cpu?.serialized else { return nil }
            let failing = VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE.rawValue
            var result = virConnectCompareHypervisorCPU(
                self.pointer, capabilities.emulator(for: requirement.architecture), requirement.architecture,
                requirement.machine, requirement.domainType, cpu, failing)
            if result < 0,
                LibvirtCallError.lastOnThisThread().isOne(of: VIR_ERR_NO_SUPPORT, VIR_ERR_OPERATION_UNSUPPORTED)
            {
                result = virConnectCompareCPU(self.pointer, cpu, failing)
            }
            if result == VIR_CPU_COMPARE_IDENTICAL.rawValue || result == VIR_CPU_COMPARE_SUPERSET.rawValue {
                return nil
            }
            guard result < 0 else { return "its CPU is not offered here" }
            let error = LibvirtCallError.lastOnThisThread()
            guard self.isAlive else { throw error }
            // Incompatible, or so foreign that it cannot be compared: a model or feature that this libvirt does not know.
            return "its CPU is not offered here: \(error.message)"
        }

        /// libvirt's version numbers are 1,000,000 × major + 1,000 × minor + release.
        private static func words(version: UInt) -> String {
            "\(version / 1_000_000).\(version / 1_000 % 1_000).\(version % 1_000)"
        }
    }
#endif

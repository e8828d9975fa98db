#if Libvirt
    package import Placement

    /// Whether a guest can leave its host alive, judged by its domain XML and what is known of the host.
    ///
    /// A guest is held back for what libvirt would refuse, for what would break it (a disk that the other side does not
    /// have), and for what its operator chose for this very host (pinning, huge pages). All reasons are told at once.
    /// What depends on the destination is not judged here but there (``CPURequirement``).
    package struct MigratabilityRules: Hashable, Sendable {
        /// Directories that every host of the ring sees alike, as absolute paths.
        package var sharedPaths: [String]
        /// Directories that every host has of its own: a disk image there is sent along with its guest.
        package var copiedPaths: [String]

        package init(sharedPaths: [String], copiedPaths: [String] = []) {
            self.sharedPaths = sharedPaths
            self.copiedPaths = copiedPaths
        }

        /// What the XML does not tell.
        package struct Facts: Hashable, Sendable {
            /// Targets of the disks on which a block job runs ("vda").
            package var disksWithBlockJob: [String]
            package var snapshots: Int

            package init(disksWithBlockJob: [String] = [], snapshots: Int = 0) {
                self.disksWithBlockJob = disksWithBlockJob
                self.snapshots = snapshots
            }
        }

        package func migratability(of domain: XMLTree, facts: Facts = Facts()) -> Migratability {
            let reasons = self.reasonsAgainst(domain, facts: facts)
            return reasons.isEmpty ? .migratable : .rooted(reason: reasons.joined(separator: "; "))
        }

        /// Everything that holds the guest where it is, in words for its operator; empty when nothing does.
        package func reasonsAgainst(_ domain: XMLTree, facts: Facts) -> [String] {
            guard domain.name == "domain" else { return ["its description is not a libvirt domain"] }
            let devices = domain["devices"]?.children ?? []
            var reasons = devices.flatMap { self.reasonsAgainstDevice($0) }
            reasons += facts.disksWithBlockJob.map { "block job running on disk \($0)" }
            if facts.snapshots > 0 { reasons.append("\(facts.snapshots) snapshots") }
            return reasons + Self.reasonsInCPU(of: domain) + Self.reasonsInMemory(of: domain)
                + Self.reasonsInSecurity(of: domain)
        }

        /// Whether the guest has a disk that it writes to and that is not sent along, and all such disks lie where every
        /// host sees them, so that libvirt may be told not to look at cache modes: it cannot know that a path is shared.
        package func livesOnSharedStorage(_ domain: XMLTree) -> Bool {
            let disks = Self.disks(of: domain)
            let writable = disks.filter { $0["readonly"] == nil && $0["source"] != nil && !self.isCopied($0) }
            return !writable.isEmpty && disks.allSatisfy { self.reasonsAgainstDisk($0).isEmpty }
        }

        /// Targets ("vda") of the disks that are sent along when the guest migrates, in the domain's order.
        package func copiedDisks(_ domain: XMLTree) -> [String] {
            Self.disks(of: domain).filter(self.isCopied).compactMap { $0["target"]?.attributes["dev"] }
        }

        private static func disks(of domain: XMLTree) -> [XMLTree] {
            (domain["devices"]?.children ?? []).filter { $0.name == "disk" }
        }

        private func reasonsAgainstDevice(_ device: XMLTree) -> [String] {
            switch device.name {
            case "disk": self.reasonsAgainstDisk(device)
            case "hostdev": Self.hasTransientTeam(device) ? [] : ["host device \(Self.hostDeviceName(device))"]
            case "interface": Self.reasonsAgainstInterface(device)
            case "filesystem": ["\(Self.filesystemName(device)) filesystem of the host"]
            case "shmem": ["shared memory \(device.attributes["name"] ?? "device") with other guests of the host"]
            case "memory": self.reasonsAgainstMemoryDevice(device)
            case "tpm":
                device["backend"]?.attributes["type"] == "passthrough" ? ["the host's own TPM"] : []
            case "serial", "parallel", "console", "channel":
                Self.reasonsAgainstCharacterDevice(device)
            default: []
            }
        }

        // MARK: Disks

        private func reasonsAgainstDisk(_ disk: XMLTree) -> [String] {
            let target = disk["target"]?.attributes["dev"] ?? "without target"
            var reasons: [String] = []
            if disk["mirror"] != nil { reasons.append("block job running on disk \(target)") }
            if disk["transient"] != nil { reasons.append("transient disk \(target)") }
            // An empty drive holds nothing back.
            guard let source = disk["source"], !source.attributes.isEmpty || !source.children.isEmpty else {
                return reasons
            }
            if disk["driver"]?.attributes["cache"] == "unsafe" {
                reasons.append("disk \(target) has cache mode unsafe")
            }
            switch disk.attributes["type"] ?? "file" {
            case "network":
                break
            case "nvme":
                reasons.append("disk \(target) is an NVMe device of the host")
            case "vhostuser", "vhostvdpa":
                reasons.append("disk \(target) is served by a process of the host")
            case "volume":
                let pool = source.attributes["pool"] ?? "?"
                let volume = source.attributes["volume"] ?? "?"
                reasons.append("disk \(target) is volume \(volume) of storage pool \(pool), not known to be shared")
            default:
                reasons += self.reasonsAgainstPath(of: disk, source: source, target: target)
            }
            return reasons
        }

        private func reasonsAgainstPath(of disk: XMLTree, source: XMLTree, target: String) -> [String] {
            let attributes = source.attributes
            guard let path = attributes["file"] ?? attributes["dev"] ?? attributes["dir"] else { return [] }
            guard !Self.lies(path, below: self.sharedPaths), !self.isCopied(disk) else { return [] }
            switch disk.attributes["device"] ?? "disk" {
            case "cdrom": return ["attached local ISO \(path)"]
            case "floppy": return ["attached local floppy image \(path)"]
            default: return ["local disk \(target) (\(path))"]
            }
        }

        /// Whether libvirt can send the disk along: it makes files only, and leaves out what the guest does not write to
        /// and what other guests have as well.
        private func isCopied(_ disk: XMLTree) -> Bool {
            guard disk.attributes["type"] ?? "file" == "file", disk.attributes["device"] ?? "disk" == "disk",
                disk["readonly"] == nil, disk["shareable"] == nil, let path = disk["source"]?.attributes["file"],
                ["qcow2", "raw"].contains(disk["driver"]?.attributes["type"])
            else { return false }
            return Self.lies(path, below: self.copiedPaths)
        }

        /// Whether `path` lies in one of `directories`. One with ".." in it does not: it may lead anywhere.
        private static func lies(_ path: String, below directories: [String]) -> Bool {
            guard !path.split(separator: "/").contains("..") else { return false }
            return directories.contains { directory in
                let directory = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
                return path == directory || path.hasPrefix(directory + "/")
            }
        }

        // MARK: Devices of the host

        private static func hostDeviceName(_ device: XMLTree) -> String {
            let type = device.attributes["type"] ?? ""
            guard let source = device["source"] else { return type }
            if let address = source["address"] {
                if let uuid = address.attributes["uuid"] { return "mdev \(uuid)" }
                let digits = { (name: String, width: Int) -> String in
                    let text = address.attributes[name].map { $0.hasPrefix("0x") ? String($0.dropFirst(2)) : $0 } ?? "0"
                    return String(repeating: "0", count: max(0, width - text.count)) + text
                }
                if type == "usb" {
                    return "usb bus \(address.attributes["bus"] ?? "?") device \(address.attributes["device"] ?? "?")"
                }
                return "\(digits("domain", 4)):\(digits("bus", 2)):\(digits("slot", 2)).\(digits("function", 1))"
            }
            if let vendor = source["vendor"]?.attributes["id"], let product = source["product"]?.attributes["id"] {
                return "\(type) \(vendor):\(product)"
            }
            return type
        }

        /// A device with a virtio partner is unplugged for the migration and plugged in again by libvirt.
        private static func hasTransientTeam(_ device: XMLTree) -> Bool {
            device["teaming"]?.attributes["type"] == "transient"
        }

        private static func reasonsAgainstInterface(_ interface: XMLTree) -> [String] {
            let address = interface["mac"]?.attributes["address"] ?? "without address"
            switch interface.attributes["type"] ?? "" {
            case "hostdev":
                return self.hasTransientTeam(interface) ? [] : ["SR-IOV interface \(address)"]
            case "vdpa":
                return ["vDPA interface \(address)"]
            case "direct" where interface["source"]?.attributes["mode"] == "passthrough":
                return ["interface \(address) has a device of the host to itself"]
            default:
                return []
            }
        }

        private static func filesystemName(_ filesystem: XMLTree) -> String {
            filesystem["driver"]?.attributes["type"] == "virtiofs" ? "virtiofs" : "9p"
        }

        private func reasonsAgainstMemoryDevice(_ memory: XMLTree) -> [String] {
            guard let path = memory["source"]?["path"]?.text, !Self.lies(path, below: self.sharedPaths) else {
                return []
            }
            return ["\(memory.attributes["model"] ?? "memory") device on local \(path)"]
        }

        private static func reasonsAgainstCharacterDevice(_ device: XMLTree) -> [String] {
            guard device.attributes["type"] == "dev", let path = device["source"]?.attributes["path"] else { return [] }
            return ["\(device.name) port is the host's \(path)"]
        }

        // MARK: Processor and memory

        private static func reasonsInCPU(of domain: XMLTree) -> [String] {
            var reasons: [String] = []
            let cpu = domain["cpu"]
            if cpu?.attributes["migratable"] == "off" { reasons.append("CPU has migratable='off'") }
            let needsInvariantTSC =
                cpu?.children(named: "feature").contains {
                    $0.attributes["name"] == "invtsc" && $0.attributes["policy"] != "disable"
                } ?? false
            let fixesTSC =
                domain["clock"]?.children(named: "timer").contains {
                    $0.attributes["name"] == "tsc" && $0.attributes["frequency"] != nil
                } ?? false
            if needsInvariantTSC, !fixesTSC { reasons.append("CPU feature invtsc without a fixed TSC frequency") }
            var pins = domain["cputune"]?.children(named: "vcpupin").compactMap { $0.attributes["cpuset"] } ?? []
            if let confined = domain["vcpu"]?.attributes["cpuset"] { pins.append(confined) }
            if !pins.isEmpty {
                reasons.append("vCPUs pinned to CPUs \(Set(pins).sorted().joined(separator: " and ")) of this host")
            }
            return reasons
        }

        private static func reasonsInMemory(of domain: XMLTree) -> [String] {
            var reasons: [String] = []
            let memory = domain["numatune"]?["memory"].map { [$0] } ?? []
            let cells = domain["numatune"]?.children(named: "memnode") ?? []
            for binding in memory + cells where (binding.attributes["mode"] ?? "strict") != "preferred" {
                // `placement='auto'` has no nodeset: each host chooses anew.
                guard let nodes = binding.attributes["nodeset"] else { continue }
                reasons.append("memory bound to NUMA nodes \(nodes) of this host")
            }
            if domain["memoryBacking"]?["hugepages"] != nil { reasons.append("memory on huge pages of this host") }
            return reasons
        }

        private static func reasonsInSecurity(of domain: XMLTree) -> [String] {
            guard let security = domain["launchSecurity"] else { return [] }
            return ["memory encrypted for this host's processor (\(security.attributes["type"] ?? "launch security"))"]
        }
    }
#endif

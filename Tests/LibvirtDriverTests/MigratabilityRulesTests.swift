#if Libvirt
    import LibvirtDriver
    import Placement
    import Testing

    @Suite("Migratability rules")
    struct MigratabilityRulesTests {
        private let rules = MigratabilityRules(sharedPaths: ["/srv/shared", "/mnt/images/"])

        private func domain(devices: String = "", rest: String = "") throws -> XMLTree {
            try #require(
                XMLTree(parsing: "<domain type='kvm'><name>web</name>\(rest)<devices>\(devices)</devices></domain>"))
        }

        private func reasons(devices: String = "", rest: String = "") throws -> [String] {
            self.rules.reasonsAgainst(try self.domain(devices: devices, rest: rest), facts: .init())
        }

        private static let harmlessDevices = [
            "",
            "<disk type='file' device='disk'><source file='/srv/shared/web.qcow2'/><target dev='vda'/></disk>",
            "<disk type='file' device='disk'><source file='/mnt/images/a/b.raw'/><target dev='vda'/></disk>",
            "<disk type='block' device='disk'><source dev='/srv/shared/lun1'/><target dev='vda'/></disk>",
            "<disk type='network' device='disk'><source protocol='rbd' name='p/i'/><target dev='vda'/></disk>",
            "<disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>",
            "<disk type='file' device='cdrom'><source file='/srv/shared/i.iso'/><target dev='sda'/></disk>",
            "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>",
            "<interface type='direct'><source dev='eth0' mode='bridge'/></interface>",
            "<interface type='hostdev'><teaming type='transient' persistent='ua-a'/></interface>",
            "<hostdev mode='subsystem' type='pci'><teaming type='transient' persistent='ua-a'/></hostdev>",
            "<serial type='pty'><target port='0'/></serial>",
            "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>",
            "<memory model='dimm'><target><size>1048576</size></target></memory>",
        ]

        @Test("lets go what every host can run", arguments: harmlessDevices)
        func harmless(devices: String) throws {
            #expect(try self.reasons(devices: devices) == [])
        }

        private static let rootingDevices = [
            (
                "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x3b' "
                    + "slot='0x00' function='0x0'/></source></hostdev>", "host device 0000:3b:00.0"
            ),
            (
                "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address "
                    + "uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>",
                "host device mdev c2177883-f1bb-47f0-914d-32a22e3a8804"
            ),
            (
                "<hostdev type='usb'><source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>",
                "host device usb 0x1234:0xbeef"
            ),
            (
                "<hostdev type='usb'><source><address bus='1' device='4'/></source></hostdev>",
                "host device usb bus 1 device 4"
            ),
            ("<hostdev type='scsi_host'/>", "host device scsi_host"),
            (
                "<interface type='hostdev'><mac address='52:54:00:00:00:02'/></interface>",
                "SR-IOV interface 52:54:00:00:00:02"
            ),
            (
                "<interface type='vdpa'><mac address='52:54:00:00:00:03'/></interface>",
                "vDPA interface 52:54:00:00:00:03"
            ),
            (
                "<interface type='direct'><mac address='52:54:00:00:00:04'/><source dev='eth1' mode='passthrough'/>"
                    + "</interface>", "interface 52:54:00:00:00:04 has a device of the host to itself"
            ),
            (
                "<disk type='file' device='disk'><source file='/var/lib/a.qcow2'/><target dev='vda'/></disk>",
                "local disk vda (/var/lib/a.qcow2)"
            ),
            // A name that only begins like a shared directory, and one that leads out of it.
            (
                "<disk type='file' device='disk'><source file='/srv/shared2/a'/><target dev='vda'/></disk>",
                "local disk vda (/srv/shared2/a)"
            ),
            (
                "<disk type='file' device='disk'><source file='/srv/shared/../a'/><target dev='vda'/></disk>",
                "local disk vda (/srv/shared/../a)"
            ),
            (
                "<disk type='block' device='disk'><source dev='/dev/sdb'/><target dev='vdb'/></disk>",
                "local disk vdb (/dev/sdb)"
            ),
            (
                "<disk type='file' device='cdrom'><source file='/root/i.iso'/><target dev='sda'/></disk>",
                "attached local ISO /root/i.iso"
            ),
            (
                "<disk type='file' device='floppy'><source file='/root/f.img'/><target dev='fda'/></disk>",
                "attached local floppy image /root/f.img"
            ),
            (
                "<disk type='nvme' device='disk'><source type='pci' namespace='1'/><target dev='vdc'/></disk>",
                "disk vdc is an NVMe device of the host"
            ),
            (
                "<disk type='volume' device='disk'><source pool='default' volume='v1'/><target dev='vdd'/></disk>",
                "disk vdd is volume v1 of storage pool default, not known to be shared"
            ),
            (
                "<disk type='vhostuser' device='disk'><source type='unix' path='/s'/><target dev='vde'/></disk>",
                "disk vde is served by a process of the host"
            ),
            (
                "<disk type='file' device='disk'><driver name='qemu' cache='unsafe'/><source file='/srv/shared/a'/>"
                    + "<target dev='vda'/></disk>", "disk vda has cache mode unsafe"
            ),
            (
                "<disk type='file' device='disk'><source file='/srv/shared/a'/><mirror type='file' job='copy'/>"
                    + "<target dev='vda'/></disk>", "block job running on disk vda"
            ),
            (
                "<disk type='file' device='disk'><source file='/srv/shared/a'/><transient/><target dev='vda'/></disk>",
                "transient disk vda"
            ),
            ("<filesystem type='mount'><driver type='virtiofs'/></filesystem>", "virtiofs filesystem of the host"),
            ("<filesystem type='mount'><source dir='/x'/></filesystem>", "9p filesystem of the host"),
            (
                "<shmem name='ring0'><model type='ivshmem-plain'/></shmem>",
                "shared memory ring0 with other guests of the host"
            ),
            ("<tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>", "the host's own TPM"),
            ("<serial type='dev'><source path='/dev/ttyS0'/></serial>", "serial port is the host's /dev/ttyS0"),
            (
                "<memory model='nvdimm'><source><path>/var/nv</path></source></memory>",
                "nvdimm device on local /var/nv"
            ),
        ]

        @Test("holds a guest back for each device that ties it to its host, and says which", arguments: rootingDevices)
        func rooting(devices: String, reason: String) throws {
            #expect(try self.reasons(devices: devices) == [reason])
        }

        private static let rootingElements = [
            ("<cpu mode='host-passthrough' migratable='off'/>", "CPU has migratable='off'"),
            (
                "<cpu mode='custom'><feature policy='require' name='invtsc'/></cpu>",
                "CPU feature invtsc without a fixed TSC frequency"
            ),
            (
                "<cputune><vcpupin vcpu='0' cpuset='4'/><vcpupin vcpu='1' cpuset='5'/></cputune>",
                "vCPUs pinned to CPUs 4 and 5 of this host"
            ),
            (
                "<vcpu placement='static' cpuset='0-3'>4</vcpu>", "vCPUs pinned to CPUs 0-3 of this host"
            ),
            (
                "<numatune><memory mode='strict' nodeset='0'/></numatune>",
                "memory bound to NUMA nodes 0 of this host"
            ),
            (
                "<numatune><memnode cellid='0' mode='strict' nodeset='1'/></numatune>",
                "memory bound to NUMA nodes 1 of this host"
            ),
            ("<memoryBacking><hugepages/></memoryBacking>", "memory on huge pages of this host"),
            ("<launchSecurity type='sev'/>", "memory encrypted for this host's processor (sev)"),
        ]

        @Test("holds a guest back for what its operator chose for this very host", arguments: rootingElements)
        func rootingElement(rest: String, reason: String) throws {
            #expect(try self.reasons(rest: rest) == [reason])
        }

        @Test(
            "lets go what only prefers its host",
            arguments: [
                "<cpu mode='host-passthrough' migratable='on'/>",
                "<cpu mode='custom'><feature policy='disable' name='invtsc'/></cpu>",
                "<cpu><feature policy='require' name='invtsc'/></cpu><clock><timer name='tsc' frequency='9'/></clock>",
                "<numatune><memory mode='preferred' nodeset='0'/></numatune>",
                "<numatune><memory mode='strict' placement='auto'/></numatune>",
                "<memoryBacking><source type='memfd'/></memoryBacking>",
            ])
        func preference(rest: String) throws {
            #expect(try self.reasons(rest: rest) == [])
        }

        @Test("tells all reasons at once")
        func allReasons() throws {
            let domain = try self.domain(
                devices: "<hostdev type='scsi_host'/>"
                    + "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/></disk>",
                rest: "<memoryBacking><hugepages/></memoryBacking>")
            let facts = MigratabilityRules.Facts(disksWithBlockJob: ["vdb"], snapshots: 2)
            #expect(
                self.rules.migratability(of: domain, facts: facts)
                    == .rooted(
                        reason:
                            "host device scsi_host; local disk vda (/a); block job running on disk vdb; 2 snapshots; "
                            + "memory on huge pages of this host"))
            #expect(self.rules.migratability(of: try self.domain()) == .migratable)
        }

        @Test("roots what is not a domain at all")
        func notADomain() throws {
            let network = try #require(XMLTree(parsing: "<network/>"))
            #expect(self.rules.migratability(of: network) != .migratable)
        }

        @Test(
            "knows a guest on shared storage only by all its disks",
            arguments: [
                ([], false), (["/srv/shared/a"], true), (["/srv/shared/a", "/mnt/images/b"], true),
                (["/srv/shared/a", "/var/b"], false), (["/var/b"], false),
            ] as [([String], Bool)])
        func sharedStorage(paths: [String], expected: Bool) throws {
            let disks = paths.enumerated().map {
                "<disk type='file' device='disk'><source file='\($0.element)'/><target dev='vd\($0.offset)'/></disk>"
            }
            #expect(self.rules.livesOnSharedStorage(try self.domain(devices: disks.joined())) == expected)
        }

        private static func disk(_ path: String, _ target: String, format: String = "qcow2", rest: String = "")
            -> String
        {
            "<disk type='file' device='disk'><driver type='\(format)'/><source file='\(path)'/><target dev='\(target)'/>"
                + "\(rest)</disk>"
        }

        @Test("sends along what lies in a folder of each host's own, and nothing else")
        func copiedStorage() throws {
            let rules = MigratabilityRules(sharedPaths: ["/srv/shared"], copiedPaths: ["/var/lib/vms"])
            let (own, shared) = (Self.disk("/var/lib/vms/a.qcow2", "vda"), Self.disk("/srv/shared/b", "vdb"))
            let both = try self.domain(devices: shared + own)
            #expect(rules.reasonsAgainst(both, facts: .init()) == [])
            #expect(rules.copiedDisks(both) == ["vda"])
            #expect(rules.livesOnSharedStorage(both))
            #expect(!rules.livesOnSharedStorage(try self.domain(devices: own)))
            #expect(rules.copiedDisks(try self.domain(devices: shared)) == [])
        }

        @Test(
            "roots a guest with a disk that libvirt would not send along",
            arguments: [
                Self.disk("/var/lib/vms/a", "vda", rest: "<readonly/>"),
                Self.disk("/var/lib/vms/a", "vda", rest: "<shareable/>"),
                Self.disk("/var/lib/vms/a", "vda", format: "vmdk"),
                Self.disk("/var/lib/vms/../a", "vda"), Self.disk("/var/lib/vms2/a", "vda"),
                "<disk type='block' device='disk'><driver type='raw'/><source dev='/var/lib/vms/a'/><target dev='vda'/></disk>",
                "<disk type='file' device='cdrom'><driver type='raw'/><source file='/var/lib/vms/a'/><target dev='sda'/></disk>",
            ])
        func notCopied(disk: String) throws {
            let rules = MigratabilityRules(sharedPaths: [], copiedPaths: ["/var/lib/vms"])
            let domain = try self.domain(devices: disk)
            #expect(rules.reasonsAgainst(domain, facts: .init()).count == 1)
            #expect(rules.copiedDisks(domain) == [])
        }
    }
#endif

/// What a look at a host shows.
package struct HostFacts: Hashable, Sendable {
    /// Hardware threads.
    package var cpus: Int
    /// As /proc/cpuinfo names them, sorted.
    package var cpuFlags: [String]
    /// Whether `/dev/kvm` is there and can be opened.
    package var hasKVM: Bool
    package var memoryMiB: Int
    /// Where images and disks of guests lie.
    package var freeDiskMiB: Int
    /// As `uname -r` says.
    package var kernel: String
    /// How far the host's wall clock is ahead of the deployer's, in milliseconds; negative: behind.
    package var clockAheadMilliseconds: Int
    /// Which packages of those that a deployment may install are there, sorted.
    package var installed: [String]

    package init(
        cpus: Int, cpuFlags: [String], hasKVM: Bool, memoryMiB: Int, freeDiskMiB: Int, kernel: String,
        clockAheadMilliseconds: Int, installed: [String]
    ) {
        self.cpus = cpus
        self.cpuFlags = cpuFlags
        self.hasKVM = hasKVM
        self.memoryMiB = memoryMiB
        self.freeDiskMiB = freeDiskMiB
        self.kernel = kernel
        self.clockAheadMilliseconds = clockAheadMilliseconds
        self.installed = installed
    }
}

/// An amount of each resource that is scheduled: a node's capacity, a VM's demand, or a sum of these.
///
/// Integers, so that every node decides alike. Memory is occupied (continuous: it must hold at every instant of a
/// plan); the other three are rates, of which too much means slowness.
package struct Resources: Hashable, Sendable {
    /// Thousandths of one core.
    package var cpuMillicores: Int
    package var memoryMiB: Int
    /// Bytes read and written on disks, in KiB per second. 0 in a capacity means "not limited".
    package var diskKiBPerSecond: Int
    /// Bytes sent and received, in KiB per second. 0 in a capacity means "not limited".
    package var networkKiBPerSecond: Int

    package init(cpuMillicores: Int, memoryMiB: Int, diskKiBPerSecond: Int = 0, networkKiBPerSecond: Int = 0) {
        self.cpuMillicores = cpuMillicores
        self.memoryMiB = memoryMiB
        self.diskKiBPerSecond = diskKiBPerSecond
        self.networkKiBPerSecond = networkKiBPerSecond
    }

    package static let zero = Resources(cpuMillicores: 0, memoryMiB: 0)

    /// No amount in this package may exceed this; bigger input is refused where it enters, so that sums of
    /// `vmsMax` of them cannot overflow an `Int`.
    package static let amountMax = 1 << 40

    package static func + (left: Resources, right: Resources) -> Resources {
        var sum = left
        sum += right
        return sum
    }

    package static func += (left: inout Resources, right: Resources) {
        left.cpuMillicores += right.cpuMillicores
        left.memoryMiB += right.memoryMiB
        left.diskKiBPerSecond += right.diskKiBPerSecond
        left.networkKiBPerSecond += right.networkKiBPerSecond
    }

    package static func -= (left: inout Resources, right: Resources) {
        left.cpuMillicores -= right.cpuMillicores
        left.memoryMiB -= right.memoryMiB
        left.diskKiBPerSecond -= right.diskKiBPerSecond
        left.networkKiBPerSecond -= right.networkKiBPerSecond
    }
}

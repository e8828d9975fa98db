import Basis
package import Placement

/// What the hosts and guests of an experiment are: all hosts are alike, and all guests but for what they write.
package struct FleetShape: Hashable, Sendable {
    package var nodes: Int
    package var vms: Int
    /// Disk and network are not limited at first.
    package var capacity = Resources(cpuMillicores: 8_000, memoryMiB: 32_768)
    /// What hosts keep for themselves.
    package var reserved = Resources(cpuMillicores: 1_000, memoryMiB: 0)
    package var linkMbps = 1_000
    /// Nodes that follow each other are at the same site.
    package var sites = 1
    /// What a message takes from one site to another.
    package var siteLatency = Duration.milliseconds(5)
    /// At each site; nodes that follow each other are in the same rack.
    package var racks = 1
    /// What a message takes from one rack to another of a site.
    package var rackLatency = Duration.milliseconds(1)
    /// Of each guest.
    package var memoryMiB = 1_024
    package var vcpus = 1
    /// A guest that uses its CPUs wholly writes to memory as fast as up to so many percent of the link go; which, is drawn.
    package var dirtyPercentMax = 0

    /// 8 cores of which guests may have 7, 32 GiB, 1 Gbit/s; guests of one CPU and 1 GiB, ten a host. Source: VMPlaceS.
    package init(nodes: Int, vmsPerNode: Int = 10) {
        self.nodes = nodes
        self.vms = nodes * vmsPerNode
    }

    /// The site of the node with this index.
    func site(of node: Int) -> Int { node * self.sites / self.nodes }

    /// The rack of the node with this index, of all racks of all sites.
    func rack(of node: Int) -> Int { node * self.sites * self.racks / self.nodes }

    /// What the guests of a host may use together.
    var usable: Resources {
        var usable = self.capacity
        usable -= self.reserved
        return usable
    }

    /// In MiB per second; whole tens of percent are drawn.
    func drawDirtyRate(using generator: inout SplitMix64) -> Int {
        let percent = Int.random(in: 0...self.dirtyPercentMax / 10, using: &generator) * 10
        let linkMiBPerSecond = self.linkMbps * 1_000_000 / 8 / (1 << 20)
        return linkMiBPerSecond * percent / 100
    }
}

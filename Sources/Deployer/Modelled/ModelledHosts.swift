package import Basis
package import Settings

/// Modelled hosts for all machines of an inventory. They last as long as this value.
package struct ModelledHosts: HostDirectory {
    package let hosts: [NodeID: ModelledHost]
    private let make: @Sendable (FleetHost) -> ModelledHost

    /// - Parameters:
    ///   - inventory: what it says of memory and CPUs goes before `settings`.
    ///   - faults: of some hosts.
    package init(
        _ inventory: [FleetHost], _ settings: ModelledHostSettings = ModelledHostSettings(),
        faults: [NodeID: [ModelledFault]] = [:], seed: UInt64, time: any TimeSource
    ) {
        let network = ModelledNetwork(megabitsPerSecond: settings.megabitsPerSecond, time: time)
        let make: @Sendable (FleetHost) -> ModelledHost = { host in
            var settings = settings
            settings.facts.memoryMiB = host.memoryMiB ?? settings.facts.memoryMiB
            settings.facts.cpus = host.cpus ?? settings.facts.cpus
            return ModelledHost(
                host.id, settings, faults: faults[host.id] ?? [],
                seed: seed ^ StableHash(of: "model of \(host.id)").folded, network: network, time: time)
        }
        self.make = make
        self.hosts = Dictionary(inventory.map { ($0.id, make($0)) }) { first, _ in first }
    }

    /// A host that the inventory no longer lists is modelled anew, with nothing on it.
    package func port(of host: FleetHost, for deployment: String) -> any DeployableHost {
        self.modelled(host)
    }

    /// Nobody reads the file: its content is modelled.
    package func digest(ofImage file: String) -> String? { nil }

    func modelled(_ host: FleetHost) -> ModelledHost { self.hosts[host.id] ?? self.make(host) }
}

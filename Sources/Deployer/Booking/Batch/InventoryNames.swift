import Basis
import Settings

/// What the file says of the hosts that a batch system names.
struct InventoryNames {
    private let hosts: [String: FleetHost]

    init(_ inventory: [FleetHost]) {
        var hosts: [String: FleetHost] = [:]
        for host in inventory { hosts[host.address] = host }
        // An id goes before an address.
        for host in inventory { hosts[host.id.name] = host }
        self.hosts = hosts
    }

    /// A host that the file does not list is reached by its name; its site is what follows the first dot. Nil for what is
    /// no name.
    func host(_ name: String, _ settings: BatchSettings) -> FleetHost? {
        if let host = self.hosts[name] { return host }
        let site = name.split(separator: ".", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
        return NodeID(name).map { id in
            FleetHost(
                id: id, address: name, sshUser: settings.hostUser, sshPort: settings.hostPort, site: site)
        }
    }
}

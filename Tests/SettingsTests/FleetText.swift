/// The file of a small fleet.
enum FleetText {
    /// - Parameter head: what stands behind the fleet's name: its hosts, booking and preparation.
    static func small(_ head: String) -> String {
        """
        fleet: small
        \(head)
        network: {subnet: 10.0.0.0/24}
        image: {file: debian.qcow2}
        templates:
          - {name: t, memory: 1GiB}
        vms:
          - {template: t, count: 2, name: "vm-{n}"}

        """
    }
}

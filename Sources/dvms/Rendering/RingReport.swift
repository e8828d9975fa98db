package import ControlProtocol

/// What `dvms ring` and `dvms vms` show.
package enum RingReport {
    package static func text(of ring: ControlRing) -> String {
        var table = TextTable(
            .left("NODE"), .left("ADDRESS"), .left("SITE"), .left("RACK"), .right("INCARNATION"), .left("STATE"))
        for member in ring.members {
            table.add(
                member.node, member.address, member.site, member.rack, "\(member.incarnation)",
                member.isSelf ? "\(member.state), the node that was asked" : member.state)
        }
        let alive = ring.members.count { $0.state == "alive" }
        return """
            \(table.text)

            \(Figures.count(ring.members.count, "member")) clockwise, \(alive) alive
            """
    }
}

package enum GuestsReport {
    package static func text(of guests: ControlVMs) -> String {
        guard !guests.vms.isEmpty else { return "this node hosts no guest" }
        var table = TextTable(
            .left("GUEST"), .left("PRESENCE"), .right("CPU m"), .right("MEMORY MiB"), .right("DISK KiB/s"),
            .right("NET KiB/s"), .right("WRITES MiB/s"), .left("MIGRATION"))
        for guest in guests.vms {
            table.add(
                guest.vm, guest.presence, "\(guest.demand.cpuMillicores)", "\(guest.demand.memoryMiB)",
                "\(guest.demand.diskKiBPerSecond)", "\(guest.demand.networkKiBPerSecond)",
                "\(guest.dirtyMiBPerSecond)", Self.migration(of: guest))
        }
        let demand = guests.vms.reduce((cpu: 0, memory: 0)) { sum, guest in
            // Amounts of the daemon are not trusted to be small.
            (sum.cpu &+ guest.demand.cpuMillicores, sum.memory &+ guest.demand.memoryMiB)
        }
        return """
            \(table.text)

            \(Figures.count(guests.vms.count, "guest")), together \(demand.cpu) m and \(demand.memory) MiB
            """
    }

    private static func migration(of guest: ControlVM) -> String {
        if let doubt = guest.inDoubt { return "no, in doubt: \(doubt.reason)" }
        if !guest.isMigratable { return "no, \(guest.rootedBecause ?? "it stays here")" }
        if let left = guest.cooldownLeftMilliseconds {
            return "not for \(Figures.duration(milliseconds: left)), it was moved lately"
        }
        return "yes"
    }
}

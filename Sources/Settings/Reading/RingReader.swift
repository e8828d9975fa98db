import Basis
import Placement

/// Reads the ring, from the config file's own `ring` or from the file that `ring_file` names.
enum RingReader {
    /// - Returns: nil when there is no ring to go on with; why, is among the findings.
    static func read(
        _ root: inout SettingsSection, contentsOf readFile: (String) throws -> String
    ) throws(InvalidSettings) -> RingSettings? {
        let sharedFile = root.optional("ring_file", SettingsSection.word)
        let inline = root.section("ring")
        switch (sharedFile, root.has("ring")) {
        case (nil, true):
            return self.ring(inline)
        case (let name?, false):
            let path = name.hasPrefix("/") ? name : PathTemplate.folder(of: root.file) + name
            let text: String
            do {
                text = try readFile(path)
            } catch {
                root.report(
                    "expected a readable file, got \(path): \(error)", key: "ring_file",
                    line: root.line(of: "ring_file"))
                return nil
            }
            let section = SettingsSection(root: try SettingsDocument(file: path, text: text), findings: root.findings)
            return self.ring(section)
        case (.some, true):
            root.report("ring and ring_file exclude each other", key: "ring_file", line: root.line(of: "ring_file"))
            return nil
        case (nil, false):
            // An unreadable ring_file was already reported.
            if !root.has("ring_file") {
                root.report("expected ring with its nodes, or ring_file with the path of a shared one", line: root.line)
            }
            return nil
        }
    }

    private static func ring(_ section: SettingsSection) -> RingSettings? {
        var section = section
        let order = section.choice("order", default: RingOrder.sorted)
        let entries = section.sections("nodes")
        section.finish()
        var nodes: [RingNodeSettings] = []
        var lines: [NodeID: Int] = [:]
        var addresses: [NodeAddress: Int] = [:]
        for entry in entries {
            guard let node = self.node(entry) else { continue }
            if let first = lines[node.id] {
                entry.report(
                    "node \(node.id) stands twice, first on line \(first)", key: "id", line: entry.line(of: "id"))
                continue
            }
            if let first = addresses[node.address] {
                entry.report(
                    "address \(node.address) stands twice, first on line \(first)", key: "address",
                    line: entry.line(of: "address"))
            }
            lines[node.id] = entry.line(of: "id")
            addresses[node.address] = entry.line(of: "address")
            nodes.append(node)
        }
        if entries.count < 2 {
            section.report(
                "expected at least 2 nodes, got \(entries.count): a ring of one has nobody to borrow from",
                key: "nodes", line: section.line(of: "nodes"))
        }
        return nodes.isEmpty ? nil : RingSettings(order: order, nodes: nodes)
    }

    private static func node(_ entry: SettingsSection) -> RingNodeSettings? {
        var entry = entry
        let id = entry.optional("id", SettingsSection.nodeID)
        let address = entry.optional("address", self.address)
        let site = entry.text("site", default: "")
        let rack = entry.text("rack", default: "")
        var overrides = NodeOverrides()
        overrides.listen = entry.optional("listen", self.address)
        overrides.linkMbps = LoadReader.link(&entry)
        var capacity = entry.section("capacity")
        (overrides.cpuCapacityMillicores, overrides.memoryCapacityMiB) = LoadReader.amounts(&capacity)
        capacity.finish()
        var reserve = entry.section("reserve")
        (overrides.cpuReserveMillicores, overrides.memoryReserveMiB) = LoadReader.amounts(&reserve)
        reserve.finish()
        entry.finish()
        for key in ["id", "address"] where !entry.has(key) {
            entry.report("missing", key: key, line: entry.line)
        }
        guard let id, let address else { return nil }
        return RingNodeSettings(id: id, address: address, site: site, rack: rack, overrides: overrides)
    }

    static func address(_ text: String) throws(Quantities.Unexpected) -> NodeAddress {
        guard let address = NodeAddress(text) else {
            throw Quantities.Unexpected(
                expected: "host:port with a port from 1 to 65535, such as 10.0.0.1:7400 or [::1]:7400")
        }
        return address
    }
}

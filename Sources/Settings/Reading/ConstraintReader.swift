import Basis
import Placement

/// Reads the list of constraints. Each entry has one key, the constraint's name.
enum ConstraintReader {
    /// - Parameter nodes: The nodes of the ring; nil when the ring could not be read.
    static func read(_ root: inout SettingsSection, nodes: [NodeID]?) -> [ConstraintSettings] {
        root.sections("constraints").compactMap { self.constraint($0, ring: nodes) }
    }

    private static func constraint(_ entry: SettingsSection, ring: [NodeID]?) -> ConstraintSettings? {
        var entry = entry
        let names = ["spread", "gather", "fence", "ban", "root"]
        var constraint: ConstraintSettings?
        for name in names {
            switch name {
            case "fence", "ban":
                let given = entry.has(name)
                var section = entry.section(name)
                let vms = self.vms(&section, "vms", atLeast: given ? 1 : 0)
                let nodes = self.nodes(&section, ring: ring, required: given)
                section.finish()
                if given {
                    constraint = name == "fence" ? .fence(vms: vms, nodes: nodes) : .ban(vms: vms, nodes: nodes)
                }
            default:
                let given = entry.has(name)
                let vms = self.vms(&entry, name, atLeast: given ? (name == "root" ? 1 : 2) : 0)
                if given {
                    constraint = name == "spread" ? .spread(vms) : (name == "gather" ? .gather(vms) : .root(vms))
                }
            }
        }
        entry.finish()
        return entry.hasOne(of: names) ? constraint : nil
    }

    private static func vms(_ section: inout SettingsSection, _ key: String, atLeast count: Int) -> [VMID] {
        let vms = section.words(key) { text throws(Quantities.Unexpected) in
            guard let vm = VMID(text) else {
                throw Quantities.Unexpected(expected: "the name of a VM, 1 to \(VMID.lengthMax) bytes without /")
            }
            return vm
        }
        return self.unique(vms, section, key, "VM", atLeast: count)
    }

    private static func nodes(_ section: inout SettingsSection, ring: [NodeID]?, required: Bool) -> [NodeID] {
        let nodes = section.words("nodes", SettingsSection.nodeID)
        for (node, line) in nodes {
            guard let ring, !ring.contains(node) else { continue }
            let nearest = NearestName.question(node.name, among: ring.map(\.name))
            section.report("\(node) is not in the ring\(nearest)", key: "nodes", line: line)
        }
        return self.unique(nodes, section, "nodes", "node", atLeast: required ? 1 : 0)
    }

    private static func unique<Value: Hashable>(
        _ values: [(value: Value, line: Int)], _ section: SettingsSection, _ key: String, _ noun: String,
        atLeast count: Int
    ) -> [Value] {
        var seen: Set<Value> = []
        var unique: [Value] = []
        for (value, line) in values {
            if seen.insert(value).inserted {
                unique.append(value)
            } else {
                section.report("\(noun) \(value) stands twice", key: key, line: line)
            }
        }
        if unique.count < count {
            section.report(
                "expected at least \(count) \(noun)s, got \(unique.count)", key: key, line: section.line(of: key))
        }
        return unique
    }
}

/// What many hosts said, each text once with the hosts that said it.
package struct FoldedOutput: Hashable, Sendable {
    /// Hosts that said the same and ended alike.
    package struct Group: Hashable, Sendable {
        package var hosts: NodeSet
        package var ending: String
        package var isSuccess: Bool
        /// As it came, without newlines at its end.
        package var text: String
    }

    /// First those that went well, of each kind the largest first.
    package let groups: [Group]

    /// - Parameter reports: one for each host, in the order in which hosts are to be named.
    package init(_ reports: [HostReport]) {
        var order: [Key] = []
        var hosts: [Key: [String]] = [:]
        for report in reports {
            let key = Key(ending: report.ending, isSuccess: report.isSuccess, text: report.shownText)
            if hosts[key] == nil { order.append(key) }
            hosts[key, default: []].append(report.host)
        }
        let groups = order.compactMap { key -> Group? in
            guard let set = try? NodeSet(names: hosts[key] ?? []) else { return nil }
            return Group(hosts: set, ending: key.ending, isSuccess: key.isSuccess, text: key.text)
        }
        self.groups = groups.enumerated().sorted { left, right in
            if left.element.isSuccess != right.element.isSuccess { return left.element.isSuccess }
            let counts = (left.element.hosts.names.count, right.element.hosts.names.count)
            return counts.0 == counts.1 ? left.offset < right.offset : counts.0 > counts.1
        }.map(\.element)
    }

    private struct Key: Hashable {
        var ending: String
        var isSuccess: Bool
        var text: String
    }

    /// For people: `node[1-40] (40): text`; what went wrong says how it ended, and a text of several lines stands
    /// under its hosts.
    package var lines: [String] {
        self.groups.flatMap { group -> [String] in
            let head = "\(group.hosts) (\(group.hosts.names.count))\(group.isSuccess ? "" : ", \(group.ending)"):"
            let lines = group.text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.count <= 1 { return [group.text.isEmpty ? head : "\(head) \(group.text)"] }
            return [head] + lines.map { "  \($0)" }
        }
    }
}

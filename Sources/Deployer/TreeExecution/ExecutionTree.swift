/// Who reaches whom when a command goes to many hosts: a few heads are reached directly, and each reaches the other
/// hosts of its branch.
///
/// A branch never crosses a site, so what goes to a site's hosts crosses the links between sites once for each branch,
/// and not once for each host.
package struct ExecutionTree: Hashable, Sendable {
    package static let childrenMaxByDefault = 16
    /// A head runs as many ssh clients at once.
    package static let childrenMax = 64

    /// Hosts of one site: the head, and those that it reaches.
    package struct Branch: Hashable, Sendable {
        package var head: String
        package var children: [String]

        package init(head: String, children: [String]) {
            self.head = head
            self.children = children
        }
    }

    package let branches: [Branch]

    /// - Parameters:
    ///   - hosts: with their sites, in the order in which they are to be reached; each once.
    ///   - childrenMax: of each head, 1...``childrenMax``.
    package init(of hosts: [(name: String, site: String)], childrenMax: Int) {
        precondition((1...Self.childrenMax).contains(childrenMax), "a head has 1 to \(Self.childrenMax) children")
        var sites: [String] = []
        var members: [String: [String]] = [:]
        for host in hosts {
            if members[host.site] == nil { sites.append(host.site) }
            members[host.site, default: []].append(host.name)
        }
        self.branches = sites.flatMap { Self.split(members[$0] ?? [], into: childrenMax + 1) }
    }

    /// As few branches as do, of sizes that differ by one at most: the largest decides how long it takes.
    private static func split(_ hosts: [String], into sizeMax: Int) -> [Branch] {
        let count = (hosts.count + sizeMax - 1) / sizeMax
        return (0..<count).map { index in
            let range = (index * hosts.count / count)..<((index + 1) * hosts.count / count)
            return Branch(head: hosts[range.lowerBound], children: Array(hosts[range].dropFirst()))
        }
    }
}

package import Basis
import Settings

/// Reads a config file for one node or for all of its ring, and says what there is to say.
package struct ConfigCheck {
    /// For how many nodes a file is read at the most.
    package static let nodesMax = 256

    private let file: String
    private let readFile: (String) throws -> String

    package init(file: String, contentsOf readFile: @escaping (String) throws -> String) {
        self.file = file
        self.readFile = readFile
    }

    /// What was read, for people.
    ///
    /// - Throws: every problem of the file, once each, with status 2.
    package func report(for node: NodeID?) throws(OperatorFailure) -> String {
        do throws(InvalidSettings) {
            if let node { return self.summary(of: [try self.read(node)]) }
            let reading = try SettingsReading(file: self.file, node: nil, contentsOf: self.readFile)
            guard !reading.presentKeys.contains("node") else { return self.summary(of: [try self.read(nil)]) }
            return try self.reportForAll(reading)
        } catch {
            throw OperatorFailure(.badInput, "\(self.file) cannot be used\n\(error)")
        }
    }

    /// - Parameter reading: what can be said of the file without a node; that it names none is no problem here.
    private func reportForAll(_ reading: SettingsReading) throws(InvalidSettings) -> String {
        let nodes: [NodeID]
        do {
            nodes = try NodeSettings.nodes(inFile: self.file, contentsOf: self.readFile)
        } catch {
            let others = reading.problems.filter { $0.key != "node" }
            throw others.isEmpty ? error : InvalidSettings(others)
        }
        var problems: Set<SettingsProblem> = []
        var read: [NodeSettings] = []
        for node in nodes.prefix(Self.nodesMax) {
            let reading = try SettingsReading(file: self.file, node: node, contentsOf: self.readFile)
            problems.formUnion(reading.problems)
            if let settings = reading.settings { read.append(settings) }
        }
        guard problems.isEmpty else { throw InvalidSettings(Array(problems)) }
        let summary = self.summary(of: read)
        return nodes.count > read.count
            ? "\(summary)\nonly the first \(read.count) of \(nodes.count) nodes were checked; --node checks another"
            : summary
    }

    private func read(_ node: NodeID?) throws(InvalidSettings) -> NodeSettings {
        try NodeSettings.read(file: self.file, node: node, contentsOf: self.readFile)
    }

    private func summary(of all: [NodeSettings]) -> String {
        var table = TextTable(
            .left("NODE"), .left("LISTENS AT"), .left("MODE"), .left("AGENTS TALK"), .left("HYPERVISOR"),
            .left("CONTROL SOCKET"))
        for settings in all {
            table.add(
                settings.node.name, "\(settings.listen)", settings.mode.rawValue,
                settings.tls == nil ? "in plain text" : "over TLS", Self.words(for: settings.hypervisor),
                settings.controlSocket)
        }
        let ring = all.first.map { "cluster \($0.cluster), ring of \($0.ring.nodes.count) nodes" } ?? ""
        return "\(self.file): in order, \(ring)\n\n\(table.text)"
    }

    private static func words(for hypervisor: HypervisorSettings) -> String {
        switch hypervisor {
        case .modelled(let socket): "modelled, \(socket)"
        case .libvirt(let libvirt): "libvirt, \(libvirt.uri)"
        }
    }
}

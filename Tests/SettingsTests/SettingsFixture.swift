import Foundation
import Settings
import Testing

/// A config file that is complete, to which tests add what they are about.
enum SettingsFixture {
    static let ring = """
        ring:
          nodes:
            - {id: n1, address: "127.0.0.1:7401"}
            - {id: n2, address: "127.0.0.1:7402"}

        """

    static let minimal = "node: n1\ncluster: test\n" + ring

    static func read(_ text: String, others: [String: String] = [:]) throws -> NodeSettings {
        try NodeSettings.read(file: "etc/test.yaml", node: nil) { path in
            if path == "etc/test.yaml" { return text }
            guard let other = others[path] else { throw NoSuchFile() }
            return other
        }
    }

    /// Everything that is wrong with `text`, each as "line: key: text"; empty when nothing is.
    static func problems(_ text: String, others: [String: String] = [:]) -> [String] {
        do {
            _ = try self.read(text, others: others)
            return []
        } catch let invalid as InvalidSettings {
            return invalid.problems.map { "\($0.line): \($0.key): \($0.text)" }
        } catch {
            Issue.record("only InvalidSettings may be thrown, not \(error)")
            return []
        }
    }

    struct NoSuchFile: Error, CustomStringConvertible {
        var description: String { "no such file" }
    }

    /// The folder `configs` of the repository.
    static let configs = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("configs").path

    static func fileText(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }
}

package import Basis
import Foundation
import Settings

/// Finds the control socket that the command line means.
package enum SocketChoice: Hashable, Sendable {
    /// Said outright.
    case path(String)
    /// That of a node, as its config file says.
    case config(file: String, node: NodeID?)
    /// The only one there is in ``defaultFolder``.
    case onlyOne

    package static let defaultFolder = "/run/dvms"

    /// - Parameters:
    ///   - names: the files of a folder, or nil when it cannot be read.
    ///   - readFile: gives the text of a file.
    package func path(
        names: (String) -> [String]?, contentsOf readFile: (String) throws -> String
    ) throws(OperatorFailure) -> String {
        switch self {
        case .path(let path):
            return path
        case .config(let file, let node):
            do throws(InvalidSettings) {
                return try NodeSettings.read(file: file, node: node, contentsOf: readFile).controlSocket
            } catch {
                throw OperatorFailure(.badInput, "\(error)")
            }
        case .onlyOne:
            return try Self.onlySocket(among: names(Self.defaultFolder))
        }
    }

    private static func onlySocket(among names: [String]?) throws(OperatorFailure) -> String {
        let sockets = (names ?? []).filter { $0.hasSuffix(".sock") }.sorted()
        guard let first = sockets.first else {
            let found = names == nil ? "\(Self.defaultFolder) cannot be read" : "no socket in \(Self.defaultFolder)"
            throw OperatorFailure(
                .unreachable, "\(found); is dvmsd running? Say --socket PATH, or --config FILE and --node ID")
        }
        guard sockets.count == 1 else {
            throw OperatorFailure(
                .badInput,
                "several sockets in \(Self.defaultFolder): \(sockets.joined(separator: ", ")); "
                    + "choose one with --socket \(Self.defaultFolder)/\(first)")
        }
        return "\(Self.defaultFolder)/\(first)"
    }
}

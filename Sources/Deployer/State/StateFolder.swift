import Foundation
import Glibc

/// The folder with the records of all deployments of a deployer, and the locks of those that are being changed.
package struct StateFolder: Hashable, Sendable {
    package let path: String

    /// Makes the folder if need be, for its owner alone.
    package init(_ path: String) throws(StateFolderError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .inaccessible(path: path, reason: error.localizedDescription)
        }
    }

    /// `$XDG_STATE_HOME/dvms`, or `.local/state/dvms` of the home folder (XDG Base Directory Specification).
    package static func standardPath(environment: [String: String]) -> String {
        if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return "\(folder)/dvms" }
        return "\(environment["HOME"] ?? "")/.local/state/dvms"
    }

    /// The file of the records.
    package var database: String { "\(self.path)/deployments.sqlite" }

    /// Takes the right to change a deployment, until the lock is let go of or the process ends in whatever way.
    ///
    /// - Throws: ``StateFolderError/inUse(deployment:)`` when somebody has it.
    package func lock(_ deployment: String) throws(StateFolderError) -> DeploymentLock {
        let file = "\(self.path)/\(deployment).lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .inaccessible(path: file, reason: String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            _ = Glibc.close(descriptor)
            throw code == EWOULDBLOCK
                ? .inUse(deployment: deployment) : .inaccessible(path: file, reason: String(cString: strerror(code)))
        }
        return DeploymentLock(descriptor: descriptor)
    }
}

/// The right to change one deployment. A class because it is one open file.
package final class DeploymentLock: Sendable {
    private let descriptor: Int32

    fileprivate init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        _ = Glibc.close(self.descriptor)
    }
}

package enum StateFolderError: Error, Hashable, Sendable, CustomStringConvertible {
    case inUse(deployment: String)
    case inaccessible(path: String, reason: String)

    package var description: String {
        switch self {
        case .inUse(let deployment):
            "another apply or destroy of \(deployment) is running; wait for its end, or stop it with Ctrl-C"
        case .inaccessible(let path, let reason):
            "\(path) cannot be used: \(reason); name another folder with --state"
        }
    }
}

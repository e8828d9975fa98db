import Basis

/// Which connection carries the commands of a shell, and who else may use it.
package enum ConnectionSharing: Sendable {
    /// Each command connects by itself, and leaves nothing: least work where there is only one.
    case alone
    /// One connection for all commands of the process, made ahead of the first of them, and again when it is gone.
    ///
    /// For many commands at once.
    case master(ControlFolder)
    /// A command that finds no connection makes it, with no more work than one alone has, and leaves it to those after
    /// it, of later processes as well. It ends itself when nobody has used it for so long.
    ///
    /// For one command at a time: of several at once that find none, each connects by itself, and one leaves its own.
    case kept(ControlFolder, idleMax: Duration)

    /// Where the socket is; nil: there is none.
    var folder: ControlFolder? {
        switch self {
        case .alone: nil
        case .master(let folder): folder
        case .kept(let folder, _): folder
        }
    }

    /// What tells ssh how to carry a command.
    ///
    /// - Parameter socket: of the shared connection, if there is to be one.
    func arguments(through socket: String?) -> [String] {
        guard let socket else { return ["-S", "none"] }
        guard case .kept(_, let idleMax) = self else { return ["-S", socket, "-o", "ControlMaster=no"] }
        return ["-S", socket, "-o", "ControlMaster=auto"] + Self.ending(after: idleMax)
    }

    /// - Parameter idleMax: rounded up to whole seconds; at least one, as none means for ever to ssh.
    static func ending(after idleMax: Duration) -> [String] {
        ["-o", "ControlPersist=\(max(1, (idleMax.inMilliseconds + 999) / 1_000))"]
    }
}

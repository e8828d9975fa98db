import ArgumentParser
import ControlClient
import ControlProtocol

/// What dvmsd asks of the daemon that runs: requests without arguments, of which none changes anything.
enum DaemonQuestion: String, CaseIterable, ExpressibleByArgument {
    case version, status, ring, vms

    /// How long the daemon may say nothing, in seconds: a busy one answers within one.
    private static let waitSecondsMax = 5

    private var request: ControlRequest {
        switch self {
        case .version: .version
        case .status: .status
        case .ring: .ring
        case .vms: .vms
        }
    }

    /// Asks the daemon that serves the control socket at `path`.
    ///
    /// - Returns: its answer, an object of JSON on one line without a newline, as `dvms --json` prints it.
    func answer(at path: String) throws(DaemonFailure) -> String {
        var session = try DaemonSession(path: path, waitSecondsMax: Self.waitSecondsMax)
        return try session.ask(self.request).text
    }
}

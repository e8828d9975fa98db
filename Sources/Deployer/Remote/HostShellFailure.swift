import Basis

/// Why it is not known how a command ended, or that it was not run.
///
/// The words of others in it are shortened, and hold no control characters.
package enum HostShellFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The script with its arguments does not fit into one argument of a process. It was not run.
    case scriptTooLong(bytes: Int, bytesMax: Int)
    /// The local program that was to run or carry the command could not be started, or a local file not be opened.
    case couldNotStart(detail: String)
    /// No connection came about. The command was not run.
    case unreachable(host: String, words: String)
    /// The host shows a key that nobody vouched for. The command was not run.
    case hostKeyUnknown(host: String, port: Int, knownHosts: String)
    /// The host shows another key than the one in `knownHosts`. The command was not run.
    ///
    /// - Parameter line: of `knownHosts`, from 1; nil when ssh did not say.
    case hostKeyChanged(host: String, port: Int, knownHosts: String, line: Int?)
    /// The host does not let the user in. The command was not run.
    case authenticationRefused(user: String, host: String, words: String)
    /// - Parameters:
    ///   - limit: the one of the command.
    ///   - mayStillRun: whether nobody could say that the command was ended.
    case timedOut(limit: Duration, mayStillRun: Bool)
    /// The connection broke before the command's end was told. It may still run, until its time limit.
    case connectionLost(host: String, words: String)
    /// A file arrived different from what was sent. Both are SHA-256 in hexadecimal. The destination is as before.
    case transferDamaged(path: String, expected: String, found: String)
    /// A file was not copied, for a reason of the side that wrote or read it. The destination is as before.
    case transferRefused(path: String, words: String)
    /// The calling task was cancelled. The command may still run, until its time limit.
    case cancelled

    /// Whether the same call may succeed a little later without anybody doing anything.
    package var canRetryHelp: Bool {
        switch self {
        case .unreachable, .timedOut, .connectionLost, .transferDamaged: true
        case .scriptTooLong, .couldNotStart, .hostKeyUnknown, .hostKeyChanged, .authenticationRefused,
            .transferRefused, .cancelled:
            false
        }
    }

    package var description: String {
        switch self {
        case .scriptTooLong(let bytes, let bytesMax):
            "the script has \(bytes) bytes, more than \(bytesMax); send it as a file and run that"
        case .couldNotStart(let detail):
            "\(detail); check the file, or install openssh-client"
        case .unreachable(let host, let words):
            "\(host) cannot be reached (\(words)); check its address, its power and its sshd"
        case .hostKeyUnknown(let host, let port, let knownHosts):
            "the key of \(host) is not in \(knownHosts); ask the host's owner for its fingerprint, compare it with "
                + "`ssh-keyscan -p \(port) \(host) | ssh-keygen -lf -`, and add the line of ssh-keyscan to that file"
        case .hostKeyChanged(let host, let port, let knownHosts, let line):
            "\(host) shows another key than \(knownHosts)\(line.map { ":\($0)" } ?? "") has for it: it was installed "
                + "anew, or something stands in between; ask its owner, and only then replace that line by that of "
                + "`ssh-keyscan -p \(port) \(host)`"
        case .authenticationRefused(let user, let host, let words):
            "\(host) does not let \(user) in (\(words)); add the public key to that user's authorized_keys there"
        case .timedOut(let limit, let mayStillRun):
            "the command took longer than \(limit.inMilliseconds) ms"
                + (mayStillRun
                    ? ", and may still run there; look at the host before it is run again"
                    : " and was ended; set a longer time limit, or look at the host")
        case .connectionLost(let host, let words):
            "the connection to \(host) broke (\(words)); the command may still run there until its time limit: look "
                + "at the host, or run it again if it may be run twice"
        case .transferDamaged(let path, let expected, let found):
            "\(path) arrived with SHA-256 \(found) instead of \(expected); copy it again, and check both disks if it "
                + "happens again"
        case .transferRefused(let path, let words):
            "\(path) was not copied (\(words)); check the path, the rights and the free space"
        case .cancelled:
            "stopped before its end; the command may still run there until its time limit"
        }
    }
}

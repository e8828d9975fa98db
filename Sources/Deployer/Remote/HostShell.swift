package import Basis

/// Runs commands on one machine: the port through which everything is done on a host.
///
/// Values may be used from several tasks at once. A command whose call failed may have run all the same, in part or
/// whole, so callers make scripts that may be run again.
package protocol HostShell: Sendable {
    /// What time limits are measured by.
    var time: any TimeSource { get }

    /// Runs the command and waits for its end.
    ///
    /// A status other than 0 is a result, not an error.
    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult
}

/// A script for `/bin/sh`, and what it is given.
package struct HostCommand: Sendable {
    /// Of a script with its arguments: Linux takes 128 KiB in one argument, of which this leaves some.
    package static let scriptBytesMax = 120 * 1_024

    /// Of each stream, unless a command says otherwise.
    package static let outputBytesMaxByDefault = 1_048_576

    /// Portable shell, without a NUL.
    package var script: String
    /// Become `$1`, `$2` and so on, as they are: whatever is in them, they are never read as shell.
    package var arguments: [String]
    package var input: Input
    package var output: Output
    /// After this the command is ended on its host. Rounded up to whole seconds there; at least one.
    package var limit: Duration
    /// As many bytes are kept of each stream, the first ones; more are counted.
    package var outputBytesMax: Int

    /// What the command reads.
    package enum Input: Sendable {
        case none
        case bytes([UInt8])
        /// The content of a file of this machine, streamed.
        case file(String)
        /// Parts of a file of this machine, streamed, one behind the other.
        case ranges([FileRange], of: String)
    }

    /// A part of a file, and what goes ahead of it.
    package struct FileRange: Hashable, Sendable {
        package var head: [UInt8]
        /// In bytes, from the front of the file.
        package var offset: Int
        /// In bytes; what lies behind the end of the file is left out.
        package var count: Int

        package init(head: [UInt8], offset: Int, count: Int) {
            self.head = head
            self.offset = offset
            self.count = count
        }
    }

    /// What becomes of what the command writes on its standard output.
    package enum Output: Sendable {
        /// It is part of the result.
        case kept
        /// It goes into this file of this machine, whole, which is made or emptied before.
        case file(String)
    }

    package init(
        script: String, arguments: [String] = [], input: Input = .none, output: Output = .kept, limit: Duration,
        outputBytesMax: Int = Self.outputBytesMaxByDefault
    ) {
        self.script = script
        self.arguments = arguments
        self.input = input
        self.output = output
        self.limit = limit
        self.outputBytesMax = outputBytesMax
    }
}

/// How a command ended, and what it wrote.
package struct CommandResult: Hashable, Sendable {
    package var ending: CommandEnding
    /// Empty where the output went into a file.
    package var output: [UInt8]
    /// Bytes of standard output beyond the command's limit.
    package var outputBytesDropped: Int
    package var errors: [UInt8]
    /// Bytes of standard error beyond the command's limit.
    package var errorBytesDropped: Int
    /// From the call to the end of the command, connecting included where there was no connection.
    package var duration: Duration

    package init(
        ending: CommandEnding, output: [UInt8] = [], outputBytesDropped: Int = 0, errors: [UInt8] = [],
        errorBytesDropped: Int = 0, duration: Duration = .zero
    ) {
        self.ending = ending
        self.output = output
        self.outputBytesDropped = outputBytesDropped
        self.errors = errors
        self.errorBytesDropped = errorBytesDropped
        self.duration = duration
    }

    package var isSuccess: Bool { self.ending == .exited(0) }

    /// As UTF-8, with U+FFFD for what is none.
    package var outputText: String { String(decoding: self.output, as: UTF8.self) }

    package var errorText: String { String(decoding: self.errors, as: UTF8.self) }
}

/// The end of a command.
package enum CommandEnding: Hashable, Sendable, CustomStringConvertible {
    /// - Parameter status: 0...255.
    case exited(Int)
    /// - Parameter signal: its number on Linux, 1...64.
    case signalled(Int)

    /// - Parameter status: as a shell has it in `$?`, where 128 + n stands for signal n. A command that exits with such
    ///   a number by itself cannot be told from one that was ended by a signal.
    package init(shellStatus status: Int) {
        self = (129...192).contains(status) ? .signalled(status - 128) : .exited(status)
    }

    /// As a shell has it in `$?`.
    package var shellStatus: Int {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        }
    }

    package var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "signal \(signal)"
        }
    }
}

/// A file that hosts of a deployment get from each other.
package enum SpreadFile: Hashable, Sendable {
    /// What guests boot from.
    case image(ImageReference)
    /// dvmsd.
    case agentProgram(AgentProgram)

    package var kind: SpreadKind {
        switch self {
        case .image: .image
        case .agentProgram: .agentProgram
        }
    }

    /// On the deployer's machine.
    var path: String {
        switch self {
        case .image(let image): image.file
        case .agentProgram(let program): program.file
        }
    }

    /// In hexadecimal, lower case; nil: whatever is in the file.
    var sha256: String? {
        switch self {
        case .image(let image): image.sha256
        case .agentProgram(let program): program.sha256
        }
    }
}

/// What is spread. Each kind has a folder, keys and an end of its own on hosts: so the spread of one neither takes away what
/// an interrupted spread of the other has left nor lets its readers in.
package enum SpreadKind: Hashable, Sendable, CaseIterable {
    case image, agentProgram

    /// As a part of a sentence.
    package var words: String {
        switch self {
        case .image: "the image"
        case .agentProgram: "dvmsd"
        }
    }
}

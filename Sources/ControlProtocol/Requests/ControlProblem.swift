/// Why bytes are no request that this program can carry out.
package enum ControlProblem: Error, Hashable, Sendable {
    /// Where the line ends is still known: the next request can be read.
    case lineTooLong(bytesMax: Int)
    case notJSON(reason: String)
    case notAnObject
    case tooManyKeys(Int)
    case newerVersion(Int)
    case missing(ControlKey, verb: String?)
    /// `found` is the value, shortened.
    case wrong(ControlKey, expected: String, found: String)
    case unknownKey(String, ControlVerb, nearest: String?)
    case unknownVerb(String, nearest: String?)
    /// Both are there, or the second has no meaning beside the first.
    case excludes(String, ControlKey)

    /// What the daemon answers.
    package var answer: ControlError {
        ControlError(self.code, self.text)
    }

    private var code: ControlError.Code {
        switch self {
        case .newerVersion: .unsupportedVersion
        case .unknownVerb: .unknownVerb
        case .lineTooLong, .notJSON, .notAnObject, .tooManyKeys, .missing, .wrong, .unknownKey, .excludes: .badRequest
        }
    }

    private var text: String {
        switch self {
        case .lineTooLong(let bytesMax): "the line is longer than \(bytesMax) bytes"
        case .notJSON(let reason): "the line is no JSON: \(reason)"
        case .notAnObject: "the line is no JSON object"
        case .tooManyKeys(let count): "the request has \(count) keys; the most are \(ControlLimits.keysMax)"
        case .newerVersion(let version):
            "version \(version) of the control protocol is not spoken here, only "
                + "\(ControlLimits.versions.lowerBound) to \(ControlLimits.versions.upperBound)"
        case .missing(let key, let verb?): "\(verb) needs \(key.rawValue)"
        case .missing(let key, nil): "\(key.rawValue) is missing"
        case .wrong(let key, let expected, let found): "\(key.rawValue) must be \(expected), not \(found)"
        case .unknownKey(let key, _, let nearest?): "unknown key \(key); did you mean \(nearest)?"
        case .unknownKey(let key, let verb, nil):
            verb.arguments.isEmpty
                ? "unknown key \(key); \(verb) has no arguments"
                : "unknown key \(key); \(verb) has \(Self.list(verb.arguments.map(\.rawValue)))"
        case .unknownVerb(let verb, let nearest?): "unknown verb \(verb); did you mean \(nearest)?"
        case .unknownVerb(let verb, nil):
            "unknown verb \(verb); there are \(Self.list(ControlVerb.allCases.map(\.rawValue)))"
        case .excludes(let what, let key): "\(what) goes without \(key.rawValue)"
        }
    }

    private static func list(_ words: [String]) -> String { words.joined(separator: ", ") }
}

/// A line that is no request, with the id that it bears, as far as it could be read.
package struct ControlRequestError: Error, Hashable, Sendable {
    /// Nil: the answer bears none.
    package var id: UInt64?
    package var problem: ControlProblem

    package init(id: UInt64?, _ problem: ControlProblem) {
        self.id = id
        self.problem = problem
    }
}

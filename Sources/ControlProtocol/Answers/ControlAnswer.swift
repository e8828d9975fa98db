import Foundation

/// One line of an answer: any number of items, then one ok or one error.
package struct ControlAnswer: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case item(ControlPayload)
        case ok(ControlPayload)
        case error(ControlError)
    }

    /// Of the request; nil when the daemon could not read it.
    package var id: UInt64?
    package var body: Body
}

/// What an answer says, as the daemon wrote it: fields that this program does not know are kept.
package struct ControlPayload: Hashable, Sendable {
    private let data: Data

    /// Nil for what is no JSON object.
    init?(_ value: Any?) {
        guard let object = value as? [String: Any],
            let data = try? JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        else { return nil }
        self.data = data
    }

    /// Reads ``text`` again. Nil for what is no JSON object, or longer than a line of the protocol.
    package init?(line: some Collection<UInt8>) {
        guard line.count <= ControlLimits.lineBytesMax else { return nil }
        self.init(try? JSONSerialization.jsonObject(with: Data(line)))
    }

    /// The object as one line of JSON, keys in alphabetical order.
    package var text: String { String(decoding: self.data, as: UTF8.self) }

    /// - Throws: ``ControlAnswerError/unexpectedValue(of:)`` when a field of the value is missing or of another type.
    package func value<Value: Decodable>(_ type: Value.Type = Value.self) throws(ControlAnswerError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: self.data)
        } catch {
            throw .unexpectedValue(reason: "\(error)")
        }
    }
}

/// What the daemon does not do, and why.
package struct ControlError: Error, Hashable, Sendable, Codable {
    package enum Code: String, Hashable, Sendable, Codable, CaseIterable {
        /// The request is not what the protocol says. Sending it again does not help.
        case badRequest = "bad_request"
        case unsupportedVersion = "unsupported_version"
        case unknownVerb = "unknown_verb"
        /// Understood, and not done in the state in which the node is.
        case refused
        /// There is no such VM or ISP here.
        case notFound = "not_found"
        /// The daemon cannot answer now.
        case unavailable
    }

    package var code: Code
    /// A sentence for people, without a full stop.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// Why bytes from a daemon are no answer that this program can read.
package enum ControlAnswerError: Error, Hashable, Sendable, CustomStringConvertible {
    case lineTooLong
    /// How the line begins, or what it lacks.
    case notAnAnswer(begin: String)
    case version(Int)
    case unexpectedValue(reason: String)

    package var description: String {
        switch self {
        case .lineTooLong: "the answer has a line of more than \(ControlLimits.lineBytesMax) bytes"
        case .notAnAnswer(let begin): "what came back is no answer of a daemon: \(begin)"
        case .version(let version):
            "the answer is in version \(version) of the control protocol, which is not known here"
        case .unexpectedValue(let reason): "the answer is not what was asked for: \(reason)"
        }
    }
}

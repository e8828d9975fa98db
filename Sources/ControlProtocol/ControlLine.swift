import Basis
import Foundation

/// Lines of the control socket to values, and back.
///
/// One JSON object a line, UTF-8; every line that is written ends with its newline, lines that are read come without,
/// as ``ControlLineSplitter`` cuts them. Reading is total: whatever the bytes are, the end is a value or a typed error.
package enum ControlLine {
    /// A request with the number that its answers bear.
    package struct NumberedRequest: Hashable, Sendable {
        package var id: UInt64
        package var request: ControlRequest

        package init(id: UInt64, _ request: ControlRequest) {
            self.id = id
            self.request = request
        }
    }

    package static func bytes(of numbered: NumberedRequest) -> [UInt8] {
        var values = numbered.request.values
        values[.version] = .integer(Int64(ControlLimits.versions.upperBound))
        values[.id] = Int64(exactly: numbered.id).map(ControlScalar.integer) ?? .unsigned(numbered.id)
        values[.verb] = .text(numbered.request.verb.rawValue)
        return self.line(ControlValues(values)) ?? []
    }

    package static func request(from line: some Collection<UInt8>) throws(ControlRequestError) -> NumberedRequest {
        let values: ControlValues
        do {
            values = try self.values(of: line)
        } catch {
            throw ControlRequestError(id: nil, error)
        }
        var id: UInt64?
        do {
            let read = try self.id(in: values)
            id = read
            return NumberedRequest(id: read, try self.request(of: values))
        } catch {
            throw ControlRequestError(id: id, error)
        }
    }

    private static func values(of line: some Collection<UInt8>) throws(ControlProblem) -> ControlValues {
        guard line.count <= ControlLimits.lineBytesMax else {
            throw .lineTooLong(bytesMax: ControlLimits.lineBytesMax)
        }
        guard let text = String(validating: line, as: UTF8.self) else { throw .notJSON(reason: "it is no UTF-8") }
        // Without zero bytes the decoder cannot take the line for UTF-16 either.
        guard !line.contains(0) else { throw .notJSON(reason: "it holds a zero byte") }
        do {
            let values = try JSONDecoder().decode(ControlValues.self, from: Data(text.utf8))
            guard values.count <= ControlLimits.keysMax else { throw ControlProblem.tooManyKeys(values.count) }
            return values
        } catch let problem as ControlProblem {
            throw problem
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            throw .notAnObject
        } catch {
            throw .notJSON(reason: "it cannot be parsed")
        }
    }

    private static func id(in values: ControlValues) throws(ControlProblem) -> UInt64 {
        guard let id = values.all[ControlKey.id.rawValue] else { throw .missing(.id, verb: nil) }
        return try ControlArguments.counter(id, .id)
    }

    private static func request(of values: ControlValues) throws(ControlProblem) -> ControlRequest {
        switch values.all[ControlKey.version.rawValue] {
        case .integer(let version) where ControlLimits.versions.contains(Int(version)): break
        case .integer(let version) where version > ControlLimits.versions.upperBound:
            throw .newerVersion(Int(version))
        case nil: throw .missing(.version, verb: nil)
        case let other?:
            throw .wrong(.version, expected: "\(ControlLimits.versions.upperBound)", found: other.shown)
        }
        guard let word = values.all[ControlKey.verb.rawValue] else { throw .missing(.verb, verb: nil) }
        guard case .text(let name) = word else { throw .wrong(.verb, expected: "a text", found: word.shown) }
        guard let verb = ControlVerb(rawValue: name) else {
            let nearest = NearestName.of(name, among: ControlVerb.allCases.map(\.rawValue))
            throw .unknownVerb(ControlScalar.shortened(name), nearest: nearest)
        }
        let known = (ControlKey.head + verb.arguments).map(\.rawValue)
        for key in values.all.keys.sorted() where !known.contains(key) {
            let nearest = NearestName.of(key, among: verb.arguments.map(\.rawValue))
            throw .unknownKey(ControlScalar.shortened(key), verb, nearest: nearest)
        }
        return try ControlRequest(verb, ControlArguments(values, of: verb))
    }

    /// Nil when the value holds what JSON has no word for: a number that is none.
    static func line(_ value: some Encodable) -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var data = try? encoder.encode(value) else { return nil }
        data.append(UInt8(ascii: "\n"))
        return [UInt8](data)
    }
}

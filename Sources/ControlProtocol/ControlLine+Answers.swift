import Foundation

extension ControlLine {
    /// The last line of an answer; an error in its place when it would be longer than a line may be.
    package static func bytes(ok value: some Encodable, id: UInt64) -> [UInt8] {
        self.answer(AnswerLine(id: id, ok: value), id: id)
    }

    /// A line before the last.
    package static func bytes(item value: some Encodable, id: UInt64) -> [UInt8] {
        self.answer(AnswerLine(id: id, item: value), id: id)
    }

    /// - Parameter id: nil when the request could not be read so far; then the answer bears none.
    package static func bytes(error: ControlError, id: UInt64?) -> [UInt8] {
        self.line(AnswerLine<ControlDone>(id: id, error: error)) ?? []
    }

    /// One line of an answer. What its value is, is looked at when it is asked for.
    package static func answer(from line: some Collection<UInt8>) throws(ControlAnswerError) -> ControlAnswer {
        guard line.count <= ControlLimits.lineBytesMax else { throw .lineTooLong }
        let data = Data(line)
        guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any],
            let head = try? JSONDecoder().decode(AnswerHead.self, from: data)
        else { throw .notAnAnswer(begin: ControlScalar.shortened(String(decoding: line.prefix(160), as: UTF8.self))) }
        guard ControlLimits.versions.contains(head.v) else { throw .version(head.v) }
        if let error = head.error { return ControlAnswer(id: head.id, body: .error(error)) }
        if let ok = ControlPayload(object["ok"]) { return ControlAnswer(id: head.id, body: .ok(ok)) }
        if let item = ControlPayload(object["item"]) { return ControlAnswer(id: head.id, body: .item(item)) }
        throw .notAnAnswer(begin: "neither ok nor item nor error")
    }

    private static func answer(_ answer: some Encodable, id: UInt64) -> [UInt8] {
        guard let line = self.line(answer) else {
            return self.bytes(error: ControlError(.unavailable, "the answer cannot be written as JSON"), id: id)
        }
        guard line.count <= ControlLimits.lineBytesMax + 1 else {
            let text = "the answer has \(line.count - 1) bytes; a line may have \(ControlLimits.lineBytesMax)"
            return self.bytes(error: ControlError(.unavailable, text), id: id)
        }
        return line
    }
}

/// What an answer looks like on its way out: one of the three.
private struct AnswerLine<Value: Encodable>: Encodable {
    var v = ControlLimits.versions.upperBound
    var id: UInt64?
    var ok: Value?
    var item: Value?
    var error: ControlError?
}

/// What every answer has.
private struct AnswerHead: Decodable {
    var v: Int
    var id: UInt64?
    var error: ControlError?
}

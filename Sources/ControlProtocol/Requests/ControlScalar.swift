/// One value in a request. What is deeper than that is not looked into, however large it is.
enum ControlScalar: Hashable, Sendable {
    case null
    case flag(Bool)
    case integer(Int64)
    /// Above the greatest `Int64`.
    case unsigned(UInt64)
    case text(String)
    /// A number with a fraction, a list, an object.
    case other

    /// What of a value stands in an error message, in characters.
    private static let shownMax = 40

    /// For the sentence "must be …, not …".
    var shown: String {
        switch self {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .integer(let number): "\(number)"
        case .unsigned(let number): "\(number)"
        case .text(let text): "\"\(Self.shortened(text))\""
        case .other: "that"
        }
    }

    /// `text` made fit for one line of an error message.
    static func shortened(_ text: String) -> String {
        let visible = text.unicodeScalars.prefix(Self.shownMax).map { scalar in
            scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
        }
        return String(visible) + (text.unicodeScalars.count > Self.shownMax ? "…" : "")
    }
}

extension ControlScalar: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let number = try? container.decode(Int64.self) {
            self = .integer(number)
        } else if let number = try? container.decode(UInt64.self) {
            self = .unsigned(number)
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else {
            self = .other
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null, .other: try container.encodeNil()
        case .flag(let flag): try container.encode(flag)
        case .integer(let number): try container.encode(number)
        case .unsigned(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        }
    }
}

/// The values of one request by their keys.
struct ControlValues: Codable {
    private(set) var all: [String: ControlScalar]
    /// How many keys there were; above ``ControlLimits/keysMax`` no value was read.
    private(set) var count: Int

    init(_ values: [ControlKey: ControlScalar]) {
        self.all = Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
        self.count = values.count
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        let keys = container.allKeys
        self.all = [:]
        self.count = keys.count
        guard keys.count <= ControlLimits.keysMax else { return }
        for key in keys { self.all[key.stringValue] = try container.decode(ControlScalar.self, forKey: key) }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: AnyKey.self)
        for (key, value) in self.all { try container.encode(value, forKey: AnyKey(stringValue: key)) }
    }
}

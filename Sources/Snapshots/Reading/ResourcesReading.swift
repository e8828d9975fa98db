import Placement

extension DocumentReading {
    /// An amount of each resource. CPU and memory have to be there where `areRequired`.
    mutating func resources(_ value: JSONValue, areRequired: Bool) -> Resources? {
        guard let object = self.object(value, areRequired ? .resources : .reserved) else { return nil }
        var amounts = Resources.zero
        for resource in Resource.allCases {
            amounts[resource] =
                self.field(object, resource.key) { $0.integer($1, in: Resources.amountRange) } ?? 0
        }
        return amounts
    }

    /// A percentage for each resource; 100 where nothing is said.
    mutating func percents(_ value: JSONValue, in range: ClosedRange<Int>) -> ResourcePercents? {
        guard let object = self.object(value, .percents) else { return nil }
        var percents = ResourcePercents.whole
        for resource in Resource.allCases {
            if object[resource.key] != nil, object[resource.shortKey] != nil {
                self.report(value, "\(resource.key) and \(resource.shortKey) are the same resource")
            }
            for key in [resource.key, resource.shortKey] {
                if let percent = self.field(object, key, { $0.integer($1, in: range) }) { percents[resource] = percent }
            }
        }
        return percents
    }

    /// The name of a resource.
    mutating func resource(_ value: JSONValue) -> Resource? {
        guard let text = self.string(value) else { return nil }
        guard let resource = Resource.named(text) else {
            let words = Resource.allCases.map(\.key)
            self.report(
                value,
                "unknown resource \(value.found), expected one of \(words.joined(separator: ", "))", name: text,
                among: words + Resource.allCases.map(\.shortKey))
            return nil
        }
        return resource
    }

    /// A text for people, such as a site or a reason.
    mutating func label(_ value: JSONValue, bytesMax: Int) -> String? {
        guard let text = self.string(value) else { return nil }
        guard text.utf8.count <= bytesMax, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            self.report(
                value, "found \(value.found), expected at most \(bytesMax) bytes without control characters")
            return nil
        }
        return text
    }
}

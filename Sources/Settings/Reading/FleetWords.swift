/// Single words of a fleet's file.
extension FleetReader {
    private static func isLabel(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.first != "-" && text.last != "-"
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default:
                    false
                }
            }
    }

    static func fleetName(_ text: String) throws(Quantities.Unexpected) -> String {
        guard self.isLabel(text), text.utf8.count <= FleetSettings.nameBytesMax else {
            throw Quantities.Unexpected(
                expected: "a name of 1 to \(FleetSettings.nameBytesMax) characters out of a-z 0-9 and - in between")
        }
        return text
    }

    /// The name of VMs; a number stands in for the placeholder while it is checked.
    static func pattern(_ text: String) throws(Quantities.Unexpected) -> String {
        let parts = text.split(separator: GuestGroup.placeholder, omittingEmptySubsequences: false)
        guard parts.count == 2, self.isLabel(parts.joined(separator: "1")) else {
            throw Quantities.Unexpected(
                expected: "a name out of a-z 0-9 and - with \(GuestGroup.placeholder) for the number, such as web-{n}")
        }
        return text
    }

    static func domain(_ text: String) throws(Quantities.Unexpected) -> String {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, labels.allSatisfy({ self.isLabel($0) && $0.utf8.count <= 63 }) else {
            throw Quantities.Unexpected(expected: "a DNS domain in lower case, such as vm.example")
        }
        return text
    }

    static func hostAddress(_ text: String) throws(Quantities.Unexpected) -> String {
        // With a port it is read as the ring's addresses are. One colon alone is that of a port.
        let colons = text.count { $0 == ":" }
        let bracketed = colons > 0 ? "[\(text)]:1" : "\(text):1"
        guard colons != 1, !text.hasPrefix("["), let address = NodeAddress(bracketed), address.host == text else {
            throw Quantities.Unexpected(
                expected: "a host name or an address without port, such as 10.0.0.1, h1.example or fd00::1")
        }
        return text
    }

    static func userName(_ text: String) throws(Quantities.Unexpected) -> String {
        guard let first = text.utf8.first, first != UInt8(ascii: "-"), text.utf8.count <= 32,
            text.utf8.allSatisfy({
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default:
                    false
                }
            })
        else { throw Quantities.Unexpected(expected: "a user name of 1 to 32 characters out of a-z A-Z 0-9 _ - .") }
        return text
    }

    static func subnet(_ text: String) throws(Quantities.Unexpected) -> IPv4Subnet {
        guard let subnet = IPv4Subnet(text) else {
            throw Quantities.Unexpected(
                expected: "an IPv4 subnet without bits behind its prefix, such as 10.158.0.0/18")
        }
        return subnet
    }

    static func sha256(_ text: String) throws(Quantities.Unexpected) -> String {
        guard text.utf8.count == 64, text.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw Quantities.Unexpected(expected: "a SHA-256 of 64 hexadecimal digits")
        }
        return text.lowercased()
    }
}

extension SettingsSection {
    /// The value of `key`; reported when it is not there.
    package mutating func required<Value>(
        _ key: String, _ parse: (String) throws(Quantities.Unexpected) -> Value
    ) -> Value? {
        if !self.has(key) { self.report("missing", key: key, line: self.line) }
        return self.optional(key, parse)
    }

    package mutating func required<Value: Comparable>(
        _ key: String, in range: ClosedRange<Value>, shown: (Value) -> String = { "\($0)" },
        _ parse: (String) throws(Quantities.Unexpected) -> Value
    ) -> Value? {
        if !self.has(key) { self.report("missing", key: key, line: self.line) }
        return self.optional(key, in: range, shown: shown, parse)
    }
}

/// What a host told of a file that it is to have. Total: of any bytes those lines are read that are right.
package struct ExchangeAnswer: Hashable, Sendable {
    /// The whole file is where it is to be.
    package private(set) var isComplete = false
    /// The public key that fetches, if one was asked for: type and base64.
    package private(set) var publicKey: String?
    /// Chunks that are not there, in ascending order.
    package private(set) var missing: [Int] = []
    /// How many chunks came from each source, by its number.
    package private(set) var got: [Int: Int] = [:]
    package private(set) var passedOver: [Passed] = []
    /// The SHA-256 of what is on the disk, where that is none of what was written.
    package private(set) var damagedDigest: String?

    package struct Passed: Hashable, Sendable {
        /// Its number.
        package var source: Int
        /// From which on the next source is used.
        package var chunk: Int
        package var why: String

        package init(source: Int, chunk: Int, why: String) {
            self.source = source
            self.chunk = chunk
            self.why = why
        }
    }

    package init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            switch (words.first, words.count) {
            case ("complete", 1): self.isComplete = true
            case ("key", 3) where Self.isKey(words[1], words[2]): self.publicKey = "\(words[1]) \(words[2])"
            case ("got", 3):
                if let source = Int(words[1]), let count = Int(words[2]) { self.got[source] = count }
            case ("passed", 4):
                guard let source = Int(words[1]), let chunk = Int(words[2]) else { continue }
                self.passedOver.append(Passed(source: source, chunk: chunk, why: ShellQuote.shown(words[3])))
            case ("damaged", 2): self.damagedDigest = ShellQuote.shown(words[1])
            case (let number?, 1) where number.utf8.count == 8:
                if let chunk = Int(number), chunk > (self.missing.last ?? -1) { self.missing.append(chunk) }
            default: continue
            }
        }
    }

    /// Goes into another host's file of authorised keys: nothing but a type and base64.
    private static func isKey(_ type: String, _ base64: String) -> Bool {
        type == "ssh-ed25519" && (60...100).contains(base64.utf8.count)
            && base64.utf8.allSatisfy { byte in
                byte.isLetterOrDigit || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
                    || byte == UInt8(ascii: "=")
            }
    }
}

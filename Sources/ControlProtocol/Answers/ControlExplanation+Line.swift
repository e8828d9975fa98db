extension ControlExplanation {
    /// What an answer's line holds beside the lists, in bytes at the most: the braces, keys, version and id.
    private static let envelopeBytesMax = 256

    /// As much of this as one line may hold: the newest migrations, in half of it, and in the rest the newest events.
    package var fittingIntoLine: ControlExplanation {
        var fitting = self
        let bytes = ControlLimits.lineBytesMax - Self.envelopeBytesMax - Self.bytes(ofAll: self.isps)
        fitting.migrations = Self.newest(self.migrations, bytesMax: bytes / 2)
        fitting.events = Self.newest(self.events, bytesMax: bytes - Self.bytes(ofAll: fitting.migrations))
        if fitting.migrations.count < self.migrations.count || fitting.events.count < self.events.count {
            fitting.olderLeftOut = true
        }
        return fitting
    }

    private static func newest<Entry: Encodable>(_ entries: [Entry], bytesMax: Int) -> [Entry] {
        var bytesLeft = bytesMax
        let newest = entries.suffix(ControlLimits.explainedEventsMax).reversed().prefix { entry in
            bytesLeft -= Self.bytes(of: entry)
            return bytesLeft >= 0
        }
        return newest.reversed()
    }

    private static func bytes(ofAll entries: [some Encodable]) -> Int {
        entries.reduce(0) { $0 + Self.bytes(of: $1) }
    }

    /// With one byte for the comma that follows in a list, as there is a newline at the end of a line.
    private static func bytes(of entry: some Encodable) -> Int {
        ControlLine.line(entry)?.count ?? 0
    }
}

import Basis

/// What VMs were seen to use of their CPUs, sample by sample.
package struct CPUTrace: Hashable, Sendable {
    /// Percents, 0…100: a row for each VM, all equally long.
    package let rows: [[UInt8]]
    /// From one sample to the next.
    package let interval: Duration

    /// How many VMs and samples a trace may have.
    package static let rowsMax = 1_000_000
    package static let samplesMax = 100_000_000
    /// How many problems of one file are told.
    private static let problemsMax = 20

    /// Everything that is wrong with a file, a line each.
    package struct Unreadable: Error, Hashable, CustomStringConvertible {
        package let problems: [String]

        package var description: String { self.problems.joined(separator: "\n") }
    }

    /// Reads comma-separated text: a line for each VM, in it a whole number of percent for each sample. The interval of
    /// the PlanetLab traces is 300 s (Beloglazov, Buyya, "Optimal online deterministic algorithms …", 2012).
    ///
    /// - Parameter file: for errors.
    package init(csv: String, file: String, interval: Duration = .seconds(300)) throws(Unreadable) {
        precondition(interval > .zero, "samples follow each other")
        self.interval = interval
        var problems: [String] = []
        var rows: [[UInt8]] = []
        var samples = 0
        for (index, line) in csv.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
        where !line.isEmpty {
            let row = Self.row(line) { problems.append("\(file):\(index + 1): \($0)") }
            if let first = rows.first, row.count != first.count {
                problems.append("\(file):\(index + 1): expected \(first.count) samples as before, got \(row.count)")
            }
            rows.append(row)
            samples += row.count
            if rows.count > Self.rowsMax || samples > Self.samplesMax {
                problems.append("\(file): more than \(Self.rowsMax) VMs or \(Self.samplesMax) samples")
            }
            if problems.count >= Self.problemsMax { break }
        }
        if rows.isEmpty { problems.append("\(file): expected a line of percents for each VM, got nothing") }
        guard problems.isEmpty else { throw Unreadable(problems: Array(problems.prefix(Self.problemsMax))) }
        self.rows = rows
    }

    private static func row(_ line: Substring, report: (String) -> Void) -> [UInt8] {
        var fields = line.split(separator: ",", omittingEmptySubsequences: false)
        // Some writers end each line with a comma.
        if fields.last == "" { fields.removeLast() }
        return fields.enumerated().map { index, field in
            let text = field.drop { $0 == " " }
            guard let percent = UInt8(text), percent <= 100 else {
                report("column \(index + 1): expected a whole number of percent, 0 to 100, got \"\(field.prefix(40))\"")
                return 0
            }
            return percent
        }
    }
}

/// Replays a trace, again and again. A guest's samples come one interval after the other, and the guests' evenly spread
/// over each interval: a host's monitor never saw all change at once either.
struct TraceLoad: GuestLoad {
    private let trace: CPUTrace
    private let vms: Int
    private var count = 0

    /// How far guests with the same row are apart in it.
    private static let samplesApart = 37

    /// - Parameter vms: when there are more than rows, rows are used again, shifted in time.
    init(_ trace: CPUTrace, vms: Int) {
        precondition(vms > 0, "a load is of some VMs")
        self.trace = trace
        self.vms = vms
    }

    /// Never nil.
    mutating func next() -> LoadChange? {
        defer { self.count += 1 }
        let (round, vm) = self.count.quotientAndRemainder(dividingBy: self.vms)
        let row = self.trace.rows[vm % self.trace.rows.count]
        let sample = round + vm / self.trace.rows.count * Self.samplesApart
        return LoadChange(
            at: self.trace.interval * round + self.trace.interval * vm / self.vms, vm: vm,
            percent: Int(row[sample % row.count]))
    }
}

/// Reads what the probe of a host printed. Total: any bytes give facts or what is wrong with them.
package struct ProbeReading: Sendable {
    /// What the script prints, one a line, each once: `name=value`.
    private enum Field: String, CaseIterable {
        case cpus
        case flags
        case kvm
        case memoryKiB
        case freeKiB
        case kernel
        case installed
    }

    /// Prints every ``Field``. `$1`: the folder of images and disks; further: names of packages that are asked about.
    static let script = #"""
        folder=$1; shift
        while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
        echo "cpus=$(nproc --all)"
        echo "flags=$(sed -n 's/^flags[^:]*: *//p' /proc/cpuinfo | head -n 1)"
        if [ -c /dev/kvm ] && (: <>/dev/kvm) 2>/dev/null; then echo kvm=1; else echo kvm=0; fi
        echo "memoryKiB=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)"
        echo "freeKiB=$(df -Pk "$folder" | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9][0-9]*%.*$/\1/p')"
        echo "kernel=$(uname -r)"
        echo "installed=$(for p; do dpkg-query -W -f='${Status} ${Package}\n' "$p" 2>/dev/null; done |
            sed -n 's/^install ok installed //p' | sort | tr '\n' ' ')"
        """#

    /// - Parameter clockAheadMilliseconds: measured apart, as it needs a short exchange.
    /// - Throws: ``HostFailure/refused(step:words:)`` that names the line.
    package static func facts(
        in text: String, clockAheadMilliseconds: Int
    ) throws(HostFailure) -> HostFacts {
        var values: [Field: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let field = Field(rawValue: String(parts[0])) else {
                throw Self.refusal("'\(ShellQuote.shown(line))' is no line of a probe")
            }
            guard values.updateValue(String(parts[1]), forKey: field) == nil else {
                throw Self.refusal("\(field.rawValue) is told twice")
            }
        }
        return HostFacts(
            cpus: try Self.number(.cpus, in: values, 1...65_536), cpuFlags: try Self.words(.flags, in: values),
            hasKVM: try Self.number(.kvm, in: values, 0...1) == 1,
            memoryMiB: try Self.number(.memoryKiB, in: values, 1...(1 << 50)) / 1_024,
            freeDiskMiB: try Self.number(.freeKiB, in: values, 0...(1 << 50)) / 1_024,
            kernel: try Self.text(.kernel, in: values), clockAheadMilliseconds: clockAheadMilliseconds,
            installed: try Self.words(.installed, in: values))
    }

    private static func text(_ field: Field, in values: [Field: String]) throws(HostFailure) -> String {
        guard let value = values[field] else { throw Self.refusal("\(field.rawValue) is missing") }
        return value
    }

    private static func number(
        _ field: Field, in values: [Field: String], _ range: ClosedRange<Int>
    ) throws(HostFailure) -> Int {
        let text = try Self.text(field, in: values)
        guard let number = Int(text), range.contains(number) else {
            throw Self.refusal("\(field.rawValue)=\(ShellQuote.shown(text)) is no number of \(range)")
        }
        return number
    }

    private static func words(_ field: Field, in values: [Field: String]) throws(HostFailure) -> [String] {
        try Self.text(field, in: values).split(separator: " ").map(String.init).sorted()
    }

    private static func refusal(_ words: String) -> HostFailure { .refused(step: "the probe", words: words) }
}

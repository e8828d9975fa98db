import ArgumentParser
import Hypervisor
import Placement

/// A VM on the command line: `name:cpu=500,memory=512,dirty=10,working-set=90`.
struct GuestArgument: Sendable {
    let guest: ModelledGuest

    /// - Throws: `ValidationError` that says what is wrong with which part.
    init(_ text: String) throws {
        // From the right, because a VM's name may have a colon.
        guard let colon = text.lastIndex(of: ":"), let vm = VMID(String(text[..<colon])) else {
            throw ValidationError("'\(text)' does not begin with the name of a VM and a colon")
        }
        var values: [String: Int] = [:]
        for part in text[text.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, Self.keys.contains(String(sides[0])) else {
                throw ValidationError(
                    "\(vm): '\(part)' is not one of \(Self.keys.joined(separator: ", ")) with a value")
            }
            guard let value = Int(sides[1]) else { throw ValidationError("\(vm): '\(sides[1])' is not a whole number") }
            guard values.updateValue(value, forKey: String(sides[0])) == nil else {
                throw ValidationError("\(vm): '\(sides[0])' is given twice")
            }
        }
        guard let cpu = values["cpu"], let memory = values["memory"] else {
            throw ValidationError("\(vm): cpu and memory are needed")
        }
        self.guest = ModelledGuest(
            vm: vm, demand: Resources(cpuMillicores: cpu, memoryMiB: memory), dirtyMiBPerSecond: values["dirty"] ?? 0,
            workingSetPercent: values["working-set"] ?? 90)
        if let fault = self.guest.fault { throw ValidationError(fault) }
    }

    private static let keys = ["cpu", "memory", "dirty", "working-set"]
}

import ArgumentParser
import Hypervisor
import Placement

/// A VM on the command line: `name:cpu=500,memory=512,dirty=10,working-set=90`.
struct GuestArgument: Sendable {
    let guest: ModelledGuest

    /// - Throws: `ValidationError` that says what is wrong with which part.
    init(_ text: String) throws {
        let named = try NamedAmounts(text, keys: ["cpu", "memory", "dirty", "working-set"])
        guard let cpu = named.amounts["cpu"], let memory = named.amounts["memory"] else {
            throw ValidationError("\(named.vm): cpu and memory are needed")
        }
        self.guest = ModelledGuest(
            vm: named.vm, demand: Resources(cpuMillicores: cpu, memoryMiB: memory),
            dirtyMiBPerSecond: named.amounts["dirty"] ?? 0,
            workingSetPercent: named.amounts["working-set"] ?? 90)
        if let fault = self.guest.fault { throw ValidationError(fault) }
    }
}

/// What a VM is to want, on the command line: `name:cpu=500,dirty=10`.
struct DemandArgument: Sendable {
    let vm: VMID
    let cpuMillicores: Int
    /// Nil leaves it as it is.
    let dirtyMiBPerSecond: Int?

    /// - Throws: `ValidationError` that says what is wrong with which part.
    init(_ text: String) throws {
        let named = try NamedAmounts(text, keys: ["cpu", "dirty"])
        guard let cpu = named.amounts["cpu"] else { throw ValidationError("\(named.vm): cpu is needed") }
        self.vm = named.vm
        self.cpuMillicores = cpu
        self.dirtyMiBPerSecond = named.amounts["dirty"]
        for (key, amount) in named.amounts where !(0...Resources.amountMax).contains(amount) {
            throw ValidationError("\(named.vm): \(key) is not between 0 and \(Resources.amountMax)")
        }
    }
}

/// The name of a VM, a colon, and whole numbers by key.
private struct NamedAmounts {
    let vm: VMID
    let amounts: [String: Int]

    /// - Throws: `ValidationError` that says what is wrong with which part.
    init(_ text: String, keys: [String]) throws {
        // From the right, because a VM's name may have a colon.
        guard let colon = text.lastIndex(of: ":"), let vm = VMID(String(text[..<colon])) else {
            throw ValidationError("'\(text)' does not begin with the name of a VM and a colon")
        }
        var amounts: [String: Int] = [:]
        for part in text[text.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, keys.contains(String(sides[0])) else {
                throw ValidationError("\(vm): '\(part)' is not one of \(keys.joined(separator: ", ")) with a value")
            }
            guard let value = Int(sides[1]) else { throw ValidationError("\(vm): '\(sides[1])' is not a whole number") }
            guard amounts.updateValue(value, forKey: String(sides[0])) == nil else {
                throw ValidationError("\(vm): '\(sides[0])' is given twice")
            }
        }
        self.vm = vm
        self.amounts = amounts
    }
}

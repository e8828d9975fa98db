import ControlProtocol

/// Reads what an agent says of its guests.
enum AgentBeliefs {
    /// What it is asked, as `dvmsd --ask` takes it.
    static let request = ControlVerb.vms.rawValue

    /// - Parameter told: what it printed, or whatever else the host said.
    /// - Returns: how much CPU each guest wants, in millicores; empty for what is no such answer. A name that no guest can
    ///   have is left out, and so is a demand that is none.
    static func demands(in told: some Collection<UInt8>) -> [String: Int] {
        let line = told.prefix { $0 != UInt8(ascii: "\n") }
        guard let guests = try? ControlPayload(line: line)?.value(ControlVMs.self) else { return [:] }
        let sound = guests.vms.filter { HostNames.isSafe($0.vm) && $0.demand.cpuMillicores >= 0 }
        return Dictionary(sound.map { ($0.vm, $0.demand.cpuMillicores) }) { first, _ in first }
    }
}

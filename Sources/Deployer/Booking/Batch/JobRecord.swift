package import Settings

/// The job of a deployment, as far as it is known.
package struct JobRecord: Hashable, Sendable {
    package var system: BatchSystem
    /// As the batch system has it; no other job has the same.
    package var name: String
    /// How many it was submitted for.
    package var hosts: Int
    package var state: State

    package enum State: Hashable, Sendable {
        /// It may have been submitted, or not: its name tells.
        case asked
        case queued(number: Int)
        /// It was seen to run; what was booked of it may have been used.
        case running(number: Int)
    }

    package init(system: BatchSystem, name: String, hosts: Int, state: State = .asked) {
        self.system = system
        self.name = name
        self.hosts = hosts
        self.state = state
    }

    /// Nil while nobody knows it.
    package var number: Int? {
        switch self.state {
        case .asked: nil
        case .queued(let number), .running(let number): number
        }
    }

    /// As records of what happened name it.
    var entity: String { self.number.map { "\(self.name) \($0)" } ?? self.name }

    /// As records spell the state.
    package var stateText: String {
        switch self.state {
        case .asked: "asked"
        case .queued: "queued"
        case .running: "running"
        }
    }

    /// Nil for what no deployer writes.
    init?(system: String, name: String, hosts: Int, state: String, number: Int?) {
        guard let system = BatchSystem(rawValue: system) else { return nil }
        let known: State
        switch (state, number) {
        case ("asked", nil): known = .asked
        case ("queued", .some(let number)): known = .queued(number: number)
        case ("running", .some(let number)): known = .running(number: number)
        default: return nil
        }
        self.init(system: system, name: name, hosts: hosts, state: known)
    }

    /// The name of a new job of `deployment`. The time makes it another one than that of an earlier job, or of a
    /// deployment of the same name that somebody else has.
    static func name(of deployment: String, wallMilliseconds: UInt64) -> String {
        "dvms-\(deployment)-\(String(wallMilliseconds, radix: 36))"
    }
}

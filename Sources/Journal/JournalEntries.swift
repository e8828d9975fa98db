/// One side's view of one handover (PROTOCOL.md §9), as it is kept on disk.
package struct HandoverEntry: Hashable, Sendable {
    /// `node#boot.sequence/number`.
    package var action: String
    package var vm: String
    /// Which side this node is; the agent's own number for it.
    package var role: UInt8
    /// The node at the other end, and how its hypervisor is reached.
    package var peer: String
    package var peerEndpoint: String
    /// How far it has come; the agent's own number for it.
    package var phase: UInt8
    package var updatedWallMilliseconds: UInt64

    package init(
        action: String, vm: String, role: UInt8, peer: String, peerEndpoint: String, phase: UInt8,
        updatedWallMilliseconds: UInt64
    ) {
        self.action = action
        self.vm = vm
        self.role = role
        self.peer = peer
        self.peerEndpoint = peerEndpoint
        self.phase = phase
        self.updatedWallMilliseconds = updatedWallMilliseconds
    }
}

/// What the operator said, and which VMs were moved lately.
package struct MarksEntry: Hashable, Sendable {
    package var isPaused: Bool
    package var isDraining: Bool
    /// Oldest first per VM. By wall clock, because instants of an earlier boot mean nothing.
    package var moves: [Move]
    /// Whether the agent got as far as being reservable once since this journal began.
    package var hasRecovered: Bool

    package struct Move: Hashable, Sendable {
        package var vm: String
        /// Where it came from.
        package var from: String
        package var wallMilliseconds: UInt64

        package init(vm: String, from: String, wallMilliseconds: UInt64) {
            self.vm = vm
            self.from = from
            self.wallMilliseconds = wallMilliseconds
        }
    }

    package init(
        isPaused: Bool = false, isDraining: Bool = false, moves: [Move] = [], hasRecovered: Bool = false
    ) {
        self.isPaused = isPaused
        self.isDraining = isDraining
        self.moves = moves
        self.hasRecovered = hasRecovered
    }
}

/// One thing that happened.
package struct EventEntry: Hashable, Sendable {
    /// Counts up, beyond ``NodeJournal/lastEventSequence``; who writes events numbers them.
    package var sequence: UInt64
    package var wallMilliseconds: UInt64
    package var kind: String
    package var isp: String?
    package var vm: String?
    package var text: String
    package var facts: [String: String]

    package init(
        sequence: UInt64, wallMilliseconds: UInt64, kind: String, isp: String? = nil, vm: String? = nil, text: String,
        facts: [String: String] = [:]
    ) {
        self.sequence = sequence
        self.wallMilliseconds = wallMilliseconds
        self.kind = kind
        self.isp = isp
        self.vm = vm
        self.text = text
        self.facts = facts
    }
}

/// One ISP that this node started. What is not yet known is nil; writing it again replaces it.
package struct ISPEntry: Hashable, Sendable {
    /// `node#boot.sequence`.
    package var isp: String
    /// The class of the trigger, and why in words.
    package var trigger: String
    package var reason: String
    /// The Lamport birth of the trigger: with the class and the ISP its key.
    package var birth: UInt64
    package var startedWallMilliseconds: UInt64
    package var ending: Ending?

    package struct Ending: Hashable, Sendable {
        package var wallMilliseconds: UInt64
        package var outcome: String
        /// Empty where the outcome says it all.
        package var detail: String
        package var tookMilliseconds: Int
        /// From the start to the plan that was carried out; nil without one.
        package var decideMilliseconds: Int?
        package var membersPeak: Int
        package var nodesAsked: Int
        package var hops: Int
        package var sweeps: Int
        package var messages: Int
        package var solves: Int
        package var solveSteps: Int
        package var solveMicroseconds: Int
        package var migrations: Int
        package var movedMiB: Int

        package init(
            wallMilliseconds: UInt64, outcome: String, detail: String, tookMilliseconds: Int, decideMilliseconds: Int?,
            membersPeak: Int, nodesAsked: Int, hops: Int, sweeps: Int, messages: Int, solves: Int, solveSteps: Int,
            solveMicroseconds: Int, migrations: Int, movedMiB: Int
        ) {
            self.wallMilliseconds = wallMilliseconds
            self.outcome = outcome
            self.detail = detail
            self.tookMilliseconds = tookMilliseconds
            self.decideMilliseconds = decideMilliseconds
            self.membersPeak = membersPeak
            self.nodesAsked = nodesAsked
            self.hops = hops
            self.sweeps = sweeps
            self.messages = messages
            self.solves = solves
            self.solveSteps = solveSteps
            self.solveMicroseconds = solveMicroseconds
            self.migrations = migrations
            self.movedMiB = movedMiB
        }
    }

    package init(
        isp: String, trigger: String, reason: String, birth: UInt64, startedWallMilliseconds: UInt64,
        ending: Ending? = nil
    ) {
        self.isp = isp
        self.trigger = trigger
        self.reason = reason
        self.birth = birth
        self.startedWallMilliseconds = startedWallMilliseconds
        self.ending = ending
    }
}

/// One migration that an ISP of this node ordered. Writing it again replaces it.
package struct MigrationEntry: Hashable, Sendable {
    package var action: String
    package var isp: String
    package var vm: String
    package var from: String
    package var to: String
    package var startedWallMilliseconds: UInt64
    /// Nil while it runs.
    package var ending: Ending?

    package struct Ending: Hashable, Sendable {
        package var tookMilliseconds: Int
        /// `moved`, or how it failed.
        package var result: String
        package var movedMiB: Int

        package init(tookMilliseconds: Int, result: String, movedMiB: Int) {
            self.tookMilliseconds = tookMilliseconds
            self.result = result
            self.movedMiB = movedMiB
        }
    }

    package init(
        action: String, isp: String, vm: String, from: String, to: String, startedWallMilliseconds: UInt64,
        ending: Ending? = nil
    ) {
        self.action = action
        self.isp = isp
        self.vm = vm
        self.from = from
        self.to = to
        self.startedWallMilliseconds = startedWallMilliseconds
        self.ending = ending
    }
}

/// How much history is kept.
package struct JournalLimits: Hashable, Sendable {
    package var eventsMax: Int
    package var ispsMax: Int
    package var migrationsMax: Int
    /// In milliseconds; what is older than the newest event by more goes, but for ``rowsSparedByAge``.
    package var ageMillisecondsMax: UInt64
    /// How many of the newest events, ISPs and migrations, each, stay however old they are: a clock that was far ahead
    /// for a while does not cost the history.
    package var rowsSparedByAge: Int

    package init(
        eventsMax: Int = 100_000, ispsMax: Int = 10_000, migrationsMax: Int = 50_000,
        ageMillisecondsMax: UInt64 = 30 * 24 * 3_600_000, rowsSparedByAge: Int = 1_000
    ) {
        self.eventsMax = eventsMax
        self.ispsMax = ispsMax
        self.migrationsMax = migrationsMax
        self.ageMillisecondsMax = ageMillisecondsMax
        self.rowsSparedByAge = rowsSparedByAge
    }
}

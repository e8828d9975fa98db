package import Basis
package import ClusterActors
package import Hypervisor
package import Placement

/// A course of events on a small ring, as written in a text file: who is there, what is done and what goes wrong,
/// what is expected, and the whole story that the agents tell.
///
/// `docs/scenarios.md` explains the language. The same file gives the same story on every machine.
package struct Scenario: Sendable {
    /// For messages about it.
    package var file: String
    /// The line of the file's first line of the story, from 1; one beyond the last line when there is none.
    package var storyLine: Int
    package var title = ""
    /// What it guards, in words: sections of the protocol, each with its rule.
    package var guards: [String] = []
    package var seed: UInt64 = 1
    package var hosts: [Host] = []
    package var settings = AgentSettings()
    package var settingsByNode: [NodeID: AgentSettings] = [:]
    /// Kinds of events that the story leaves out.
    package var hidden: Set<String> = []
    package var steps: [Step] = []
    /// What is to be told, line by line; nil when the file has no story yet.
    package var story: [String]?

    init(file: String) {
        self.file = file
        self.storyLine = 1
        // What a scenario says of a guest's demand holds at once.
        self.settings.triggers.halfLife = .zero
    }

    package struct Host: Sendable {
        package var settings: ModelledHostSettings
        /// Whether the others know it from the start.
        package var isListed = true
        package var guests: [ModelledGuest] = []
    }

    /// One line of what happens.
    package struct Step: Sendable {
        package var line: Int
        package var action: Action
    }

    package enum Action: Sendable {
        case wait(Duration)
        case waitUntil(MonotonicInstant)
        /// Waits for the next such event; it is a failure when none comes in time.
        case awaitEvent(EventPattern, within: Duration)
        /// What an operator says to one node; `refusal` is a part of the refusal that is expected, if any.
        case command(NodeID, OperatorCommand, refusal: String?)
        case fault(ScenarioFault)
        /// Without `within` it must hold now, else within that time.
        case expect(Expectation, within: Duration?)
    }

    /// How long an event is waited for unless the file says it.
    static let eventWaitMax = Duration.seconds(120)
    /// How often an expectation is looked at that may come true later.
    static let lookInterval = Duration.milliseconds(50)
    /// How long an agent has for its goodbye.
    static let stopGrace = Duration.seconds(20)
    /// How long a message takes, always: where only the scenario decides, no latency may.
    static let latency = Duration.milliseconds(1)
}

/// The verbs of the control socket that a scenario may say to a node.
package enum OperatorCommand: Hashable, Sendable {
    case injectOverload
    case injectUnderload
    /// Nil ends what was injected.
    case injectDemand(VMID, cpuMillicores: Int?)
    case drain
    case undrain
    case pause
    case resume
    case apply(ISPID)
    case adopt(VMID, fenced: NodeID)
    case cancel
    case join(seed: NodeID)
    case leave
    /// New settings for a running agent: these in place of those with which it started.
    case reload([ScenarioSetting])
}

/// What goes wrong, or changes, without anybody asking an agent.
package enum ScenarioFault: Hashable, Sendable {
    // Agents.
    case crash(NodeID)
    /// What its store kept is gone.
    case loseJournal(NodeID)
    /// Its store takes nothing and says nothing, until ``healJournal(_:)``.
    case failJournal(NodeID)
    case healJournal(NodeID)
    case restart(NodeID)
    /// The polite signal to end.
    case stop(NodeID)
    /// Nil: until ``continueAgent``.
    case pauseAgent(NodeID, Duration?)
    case continueAgent(NodeID)
    // Hosts.
    case crashHost(NodeID)
    case rebootHost(NodeID)
    case stallHypervisor(NodeID)
    case slowHypervisor(NodeID, Duration)
    case healHypervisor(NodeID)
    case stallCopies(NodeID)
    case failNextMigration(NodeID, ModelledFaults.Stage)
    // Guests.
    case setDemand(VMID, cpuMillicores: Int)
    case boot(ModelledGuest, on: NodeID)
    // The network.
    case cut(NodeID, NodeID)
    case split([NodeID], [NodeID])
    case unplug(NodeID)
    case plug(NodeID)
    case heal
    /// Between two hypervisors.
    case cutCopies(NodeID, NodeID)
    case mendCopies(NodeID, NodeID)
    case messages(MessageRule)
    /// Ends every rule about messages.
    case letThrough
}

/// What becomes of certain messages from now on.
package struct MessageRule: Hashable, Sendable {
    package var fate: MessageFate
    /// How many of them; nil: all.
    package var left: Int?
    package var name: String
    package var from: NodeID
    package var to: NodeID
}

/// Which events are meant. What is nil may be anything.
package struct EventPattern: Hashable, Sendable, CustomStringConvertible {
    package var kind: String
    package var node: NodeID?
    package var isp: ISPID?
    package var vm: VMID?
    package var words: String?

    package func matches(_ event: AgentEvent, of node: NodeID) -> Bool {
        event.kind == self.kind && (self.node ?? node) == node && (self.isp == nil || self.isp == event.isp)
            && (self.vm == nil || self.vm == event.vm) && (self.words.map { event.text.contains($0) } ?? true)
    }

    package var description: String {
        var text = self.kind
        if let node = self.node { text += " by \(node)" }
        if let isp = self.isp { text += " of \(isp)" }
        if let vm = self.vm { text += " vm \(vm)" }
        if let words = self.words { text += " saying \"\(words)\"" }
        return text
    }
}

/// How many of something there must be.
package enum ExpectedCount: Hashable, Sendable {
    case atLeastOne
    case none
    case exactly(Int)
    case atMost(Int)

    func admits(_ count: Int) -> Bool {
        switch self {
        case .atLeastOne: count > 0
        case .none: count == 0
        case .exactly(let wanted): count == wanted
        case .atMost(let most): count <= most
        }
    }
}

/// What must hold at one moment of a scenario.
package enum Expectation: Hashable, Sendable {
    /// By the word of every hypervisor.
    case vmRuns(VMID, on: NodeID)
    case vmRunsNowhere(VMID)
    case vmIsPaused(VMID, on: NodeID)
    case everyVMRunsOnce
    /// The state of the node's reservation by name; no node means all.
    case reservation(NodeID?, String)
    case held(NodeID, by: ISPID)
    /// In millicores.
    case loadAtMost(NodeID, Int)
    /// Of all ISPs of that node so far, in order.
    case outcomes(NodeID, [String])
    case inDoubt(VMID, on: NodeID)
    case nothingInDoubt
    case refusedReturns(NodeID, Int)
    case paused(NodeID, Bool)
    case draining(NodeID, Bool)
    case sees(NodeID, NodeID, MemberState)
    /// Told since the beginning.
    case events(EventPattern, ExpectedCount)
    /// Sent since the beginning.
    case messages(String, from: NodeID, to: NodeID, ExpectedCount)
}

import Basis
import ClusterActors
import Hypervisor
import Placement

// What happens, line by line.

extension ScenarioReader {
    /// `n1: VERB … [-> refused "WORDS"]`
    mutating func readCommand(
        to node: NodeID, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> Scenario.Action {
        let command = try self.operatorCommand(&words)
        guard words.skip("->") else { return .command(node, command, refusal: nil) }
        try words.require("refused")
        return .command(node, command, refusal: try words.next("a part of the refusal"))
    }

    private func operatorCommand(_ words: inout ScenarioWords) throws(ScenarioProblem) -> OperatorCommand {
        let verb = try words.next("a verb")
        switch verb {
        case "inject": return try self.injection(&words)
        case "drain": return .drain
        case "undrain": return .undrain
        case "pause": return .pause
        case "resume": return .resume
        case "cancel": return .cancel
        case "leave": return .leave
        case "apply": return .apply(try words.isp())
        case "adopt":
            let vm = try self.vm(&words)
            try words.require("--i-fenced")
            return .adopt(vm, fenced: try self.node(&words))
        case "join":
            try words.require("--seed")
            return .join(seed: try self.node(&words))
        case "reload":
            var settings: [ScenarioSetting] = []
            while let next = words.peek, next != "->" { settings.append(try self.setting(&words)) }
            return .reload(settings)
        default:
            throw words.problem(
                expected: "inject, drain, undrain, pause, resume, apply, adopt, cancel, join, leave or reload",
                found: verb)
        }
    }

    private func injection(_ words: inout ScenarioWords) throws(ScenarioProblem) -> OperatorCommand {
        let what = try words.next("overload, underload or demand")
        switch what {
        case "overload": return .injectOverload
        case "underload": return .injectUnderload
        case "demand":
            let vm = try self.vm(&words)
            if words.skip("--clear") { return .injectDemand(vm, cpuMillicores: nil) }
            try words.require("--cpu")
            return .injectDemand(vm, cpuMillicores: try words.count())
        default: throw words.problem(expected: "overload, underload or demand", found: what)
        }
    }

    // MARK: - Waiting and expecting

    mutating func readWait(
        _ first: String, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> Scenario.Action? {
        switch first {
        case "wait":
            return .wait(try words.duration())
        case "at":
            return .waitUntil(.zero + (try words.duration()))
        case "until":
            let pattern = try self.eventPattern(&words)
            let wait = words.skip("within") ? try words.duration() : Scenario.eventWaitMax
            return .awaitEvent(pattern, within: wait)
        case "expect":
            let within: Duration? = words.skip("within") ? try words.duration() : nil
            return .expect(try self.expectation(&words), within: within)
        default:
            return nil
        }
    }

    /// `KIND [by NODE] [of ISP] [vm VM] [saying "WORDS"]`
    func eventPattern(_ words: inout ScenarioWords) throws(ScenarioProblem) -> EventPattern {
        var pattern = EventPattern(kind: try words.eventKind())
        if words.skip("by") { pattern.node = try self.node(&words) }
        if words.skip("of") { pattern.isp = try words.isp() }
        if words.skip("vm") { pattern.vm = try self.vm(&words) }
        if words.skip("saying") { pattern.words = try words.next("words of the event") }
        return pattern
    }

    // MARK: - Faults

    mutating func readFault(
        _ first: String, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> Scenario.Action? {
        if let fault = try self.faultOfNode(first, &words) { return .fault(fault) }
        if let fault = try self.faultOfNetwork(first, &words) { return .fault(fault) }
        switch first {
        case "demand":
            let vm = try self.vm(&words)
            return .fault(.setDemand(vm, cpuMillicores: try words.millicores()))
        case "boot":
            let (guest, node) = try self.readNewGuest(&words)
            return .fault(.boot(guest, on: node))
        default:
            return nil
        }
    }

    private func faultOfNode(
        _ first: String, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> ScenarioFault? {
        switch first {
        case "crash": return .crash(try self.node(&words))
        case "lose-journal": return .loseJournal(try self.node(&words))
        case "journal-fail": return .failJournal(try self.node(&words))
        case "journal-heal": return .healJournal(try self.node(&words))
        case "restart": return .restart(try self.node(&words))
        case "stop": return .stop(try self.node(&words))
        case "pause-agent":
            let node = try self.node(&words)
            return .pauseAgent(node, words.skip("for") ? try words.duration() : nil)
        case "continue-agent": return .continueAgent(try self.node(&words))
        case "crash-host": return .crashHost(try self.node(&words))
        case "reboot-host": return .rebootHost(try self.node(&words))
        case "hypervisor-stall": return .stallHypervisor(try self.node(&words))
        case "hypervisor-slow":
            let node = try self.node(&words)
            return .slowHypervisor(node, try words.duration())
        case "hypervisor-heal": return .healHypervisor(try self.node(&words))
        case "copies-stall": return .stallCopies(try self.node(&words))
        case "fail-next-migration":
            let node = try self.node(&words)
            return .failNextMigration(
                node,
                try words.choice(["start": .start, "copy": .copy, "switch-over": .switchOver, "arrival": .arrival]))
        default: return nil
        }
    }

    private func faultOfNetwork(
        _ first: String, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> ScenarioFault? {
        switch first {
        case "cut": return .cut(try self.node(&words), try self.node(&words))
        case "split":
            let left = try self.nodeList(&words)
            try words.require("|")
            return .split(left, try self.nodeList(&words))
        case "unplug": return .unplug(try self.node(&words))
        case "plug": return .plug(try self.node(&words))
        case "heal": return .heal
        case "cut-copies": return .cutCopies(try self.node(&words), try self.node(&words))
        case "mend-copies": return .mendCopies(try self.node(&words), try self.node(&words))
        case "drop", "delay", "duplicate": return .messages(try self.messageRule(first, &words))
        case "let-through": return .letThrough
        default: return nil
        }
    }

    /// `drop|delay|duplicate next [N]|every MESSAGE from NODE to NODE [by|after DURATION]`
    private func messageRule(
        _ verb: String, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> MessageRule {
        var left: Int?
        if !words.skip("every") {
            try words.require("next")
            left = words.peek.flatMap(ScenarioQuantity.count) == nil ? 1 : try words.count()
        }
        let (name, from, to) = try self.message(&words)
        let fate: MessageFate
        switch verb {
        case "drop":
            fate = .lost
        case "delay":
            try words.require("by")
            fate = .late(try words.duration())
        default:
            try words.require("after")
            fate = .doubled(after: try words.duration())
        }
        return MessageRule(fate: fate, left: left, name: name, from: from, to: to)
    }

    func message(_ words: inout ScenarioWords) throws(ScenarioProblem) -> (String, NodeID, NodeID) {
        let name = try words.value("a message (\(MessageNames.all.sorted().joined(separator: " ")))") { word in
            MessageNames.all.contains(word) ? word : nil
        }
        try words.require("from")
        let from = try self.node(&words)
        try words.require("to")
        return (name, from, try self.node(&words))
    }
}

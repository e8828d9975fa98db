import Basis
import ClusterActors
import Hypervisor
import Placement

extension Scenario {
    /// Reads a scenario file.
    ///
    /// - Throws: ``InvalidScenario`` with everything that cannot be read.
    package init(_ text: String, file: String) throws(InvalidScenario) {
        var reader = ScenarioReader(file: file)
        reader.read(text)
        guard reader.problems.isEmpty else { throw InvalidScenario(problems: reader.problems) }
        self = reader.scenario
    }

    /// The line after which the story stands.
    package static let storyHeading = "story"
}

/// Reads a scenario line by line; each line that cannot be read is a problem of its own.
struct ScenarioReader {
    let file: String
    private(set) var problems: [ScenarioProblem] = []
    var scenario: Scenario
    var nodes: Set<NodeID> = []
    var vms: Set<VMID> = []

    init(file: String) {
        self.file = file
        self.scenario = Scenario(file: file)
    }

    mutating func read(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        self.scenario.storyLine = lines.count + 1
        for (index, line) in lines.enumerated() {
            if line == Scenario.storyHeading {
                self.scenario.storyLine = index + 2
                let story = lines[(index + 1)...].drop(while: \.isEmpty)
                self.scenario.storyLine = story.startIndex + 1
                self.scenario.story = story.filter { !$0.isEmpty }.map(String.init)
                break
            }
            var words = ScenarioWords(line, file: self.file, line: index + 1)
            guard !words.isEmpty else { continue }
            do throws(ScenarioProblem) {
                try self.readLine(&words)
                try words.requireEnd()
            } catch {
                self.problems.append(error)
            }
        }
        self.requireWhole(lastLine: lines.count)
    }

    private mutating func requireWhole(lastLine: Int) {
        func miss(_ expected: String) {
            self.problems.append(
                ScenarioProblem(file: self.file, line: lastLine, expected: expected, found: "the end of the file"))
        }
        let isReadable = self.problems.isEmpty
        if self.scenario.title.isEmpty { miss("a line that begins with 'title'") }
        if self.scenario.hosts.count < 2 { miss("at least two nodes") }
        if isReadable, self.scenario.steps.isEmpty { miss("at least one step") }
        for (node, settings) in [(nil, self.scenario.settings)] + self.scenario.settingsByNode.map({ ($0, $1) }) {
            for violation in settings.timings.violations {
                miss("timings that keep the protocol's rules\(node.map { " on \($0)" } ?? "") (\(violation))")
            }
        }
    }

    private mutating func readLine(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        if let first = words.peek, first.hasSuffix(":"), let node = NodeID(String(first.dropLast())) {
            _ = try words.next("a node")
            guard self.nodes.contains(node) else { throw words.problem(expected: self.nodeNames, found: node.name) }
            self.add(try self.readCommand(to: node, &words), words.line)
            return
        }
        let first = try words.next("a line")
        if try self.readHeader(first, &words) { return }
        if let action = try self.readWait(first, &words) { return self.add(action, words.line) }
        if let action = try self.readFault(first, &words) { return self.add(action, words.line) }
        throw words.problem(
            expected: "'title', 'nodes', 'vm', 'set' …, a step ('wait', 'until', 'expect', 'n1: drain') or a fault",
            found: first)
    }

    private mutating func add(_ action: Scenario.Action, _ line: Int) {
        self.scenario.steps.append(Scenario.Step(line: line, action: action))
    }

    // MARK: - Who is there

    private mutating func readHeader(_ first: String, _ words: inout ScenarioWords) throws(ScenarioProblem) -> Bool {
        switch first {
        case "title":
            self.scenario.title = words.takeRest()
        case "guards":
            self.scenario.guards.append(words.takeRest())
        case "seed":
            self.scenario.seed = UInt64(try words.count())
        case "nodes":
            repeat { try self.addHost(try words.newNode(), &words) } while !words.isEmpty
        case "node":
            try self.readHost(&words)
        case "vm":
            try self.readGuest(&words)
        case "constraint":
            try self.readConstraint(&words)
        case "set":
            try self.readSetting(&words)
        case "hide":
            repeat { self.scenario.hidden.insert(try words.eventKind()) } while !words.isEmpty
        default:
            return false
        }
        return true
    }

    private mutating func addHost(_ node: NodeID, _ words: inout ScenarioWords) throws(ScenarioProblem) {
        guard self.nodes.insert(node).inserted else {
            throw words.problem(expected: "a node that is not declared yet", found: node.name)
        }
        self.scenario.hosts.append(
            Scenario.Host(settings: ModelledHostSettings(node: node, capacity: RingWorld.capacity)))
    }

    private mutating func readHost(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        try self.addHost(try words.newNode(), &words)
        var capacity = RingWorld.capacity
        var linkMbps = 1_000
        var isListed = true
        while let key = words.peek {
            switch key {
            case "cpu", "memory", "link": _ = words.skip(key)
            case "unlisted":
                _ = words.skip(key)
                isListed = false
                continue
            default: throw words.problem(expected: "cpu, memory, link or unlisted", found: key)
            }
            switch key {
            case "cpu": capacity.cpuMillicores = try words.millicores()
            case "memory": capacity.memoryMiB = try words.mebibytes()
            default:
                linkMbps = try words.value("a link speed, such as 1000Mbit/s") { word in
                    ScenarioQuantity.megabitsPerSecond(word).flatMap {
                        (1...ModelledHostSettings.linkMbpsMax).contains($0) ? $0 : nil
                    }
                }
            }
        }
        let last = self.scenario.hosts.count - 1
        self.scenario.hosts[last].settings = ModelledHostSettings(
            node: self.scenario.hosts[last].settings.node, capacity: capacity, linkMbps: linkMbps)
        self.scenario.hosts[last].isListed = isListed
    }

    private mutating func readGuest(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let (guest, node) = try self.readNewGuest(&words)
        if let index = self.scenario.hosts.firstIndex(where: { $0.settings.node == node }) {
            self.scenario.hosts[index].guests.append(guest)
        }
    }

    /// `NAME on NODE cpu … [memory …] [dirty …] [rooted "…"]`
    mutating func readNewGuest(_ words: inout ScenarioWords) throws(ScenarioProblem) -> (ModelledGuest, NodeID) {
        let vm = try words.value("a name for a VM") { VMID($0) }
        guard self.vms.insert(vm).inserted else {
            throw words.problem(expected: "a VM that is not declared yet", found: vm.name)
        }
        try words.require("on")
        let node = try self.node(&words)
        var guest = ModelledGuest(
            vm: vm, demand: Resources(cpuMillicores: 0, memoryMiB: 1_024), dirtyMiBPerSecond: 5)
        while let key = words.peek {
            switch key {
            case "cpu", "memory", "dirty", "rooted": _ = words.skip(key)
            default: throw words.problem(expected: "cpu, memory, dirty or rooted", found: key)
            }
            switch key {
            case "cpu": guest.demand.cpuMillicores = try words.millicores()
            case "memory": guest.demand.memoryMiB = try words.mebibytes()
            case "dirty":
                guest.dirtyMiBPerSecond = try words.value(
                    "a rate, such as 5MiB/s", ScenarioQuantity.mebibytesPerSecond)
            default: guest.migratability = .rooted(reason: try words.next("why it cannot be moved"))
            }
        }
        if let fault = guest.fault { throw words.problem(expected: "a sound VM", found: fault) }
        return (guest, node)
    }

    private mutating func readConstraint(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let kind = try words.next("spread, gather, fence, ban or root")
        var vms: [VMID] = []
        while let word = words.peek, !["on", "from"].contains(word) { vms.append(try self.vm(&words)) }
        switch kind {
        case "spread": self.scenario.settings.constraints.append(Spread(vms))
        case "gather": self.scenario.settings.constraints.append(Gather(vms))
        case "root": self.scenario.settings.constraints.append(Root(vms))
        case "fence":
            try words.require("on")
            self.scenario.settings.constraints.append(Fence(vms, to: try self.nodeList(&words)))
        case "ban":
            try words.require("from")
            self.scenario.settings.constraints.append(Ban(vms, from: try self.nodeList(&words)))
        default: throw words.problem(expected: "spread, gather, fence, ban or root", found: kind)
        }
    }

    /// `set KEY VALUE` for all nodes, `set NODE KEY VALUE` for one, after what is for all.
    private mutating func readSetting(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        var node: NodeID?
        if let word = words.peek, let named = NodeID(word), self.nodes.contains(named) { node = try self.node(&words) }
        let setting = try self.setting(&words)
        if let node {
            let before = self.scenario.settingsByNode[node] ?? self.scenario.settings
            self.scenario.settingsByNode[node] = setting.applied(to: before)
        } else if let changed = setting.applied(to: self.scenario.settings) {
            self.scenario.settings = changed
        }
    }

    func setting(_ words: inout ScenarioWords) throws(ScenarioProblem) -> ScenarioSetting {
        let key = try words.next("a setting")
        guard let entry = ScenarioKeys.all[key] else {
            let known = ScenarioKeys.all.keys.sorted().joined(separator: ", ")
            throw words.problem(expected: "one of \(known)", found: key)
        }
        let value = try words.next(entry.expected)
        let setting = ScenarioSetting(key: key, value: value)
        guard setting.applied(to: AgentSettings()) != nil else {
            throw words.problem(expected: entry.expected, found: value)
        }
        return setting
    }

    // MARK: - Names

    var nodeNames: String { "a node of this scenario (\(self.nodes.sorted().map(\.name).joined(separator: " ")))" }

    func node(_ words: inout ScenarioWords) throws(ScenarioProblem) -> NodeID {
        try words.value(self.nodeNames) { word in NodeID(word).flatMap { self.nodes.contains($0) ? $0 : nil } }
    }

    /// At least one, up to the end of the line or a bar.
    func nodeList(_ words: inout ScenarioWords) throws(ScenarioProblem) -> [NodeID] {
        var list = [try self.node(&words)]
        while let next = words.peek, next != "|" { list.append(try self.node(&words)) }
        return list
    }

    func vm(_ words: inout ScenarioWords) throws(ScenarioProblem) -> VMID {
        let names = self.vms.sorted().map(\.name).joined(separator: " ")
        return try words.value("a VM of this scenario (\(names))") { word in
            VMID(word).flatMap { self.vms.contains($0) ? $0 : nil }
        }
    }
}

extension ScenarioWords {
    fileprivate mutating func newNode() throws(ScenarioProblem) -> NodeID {
        try self.value("a name for a node") { NodeID($0) }
    }

    fileprivate mutating func mebibytes() throws(ScenarioProblem) -> Int {
        try self.value("a size, such as 1024MiB", ScenarioQuantity.mebibytes)
    }

    mutating func eventKind() throws(ScenarioProblem) -> String {
        try self.value("a kind of event (\(AgentEvent.kinds.joined(separator: " ")))") { word in
            AgentEvent.kinds.contains(word) ? word : nil
        }
    }
}

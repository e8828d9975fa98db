import Basis
import ClusterActors
import Placement

// What must hold.

extension ScenarioReader {
    private static let reservationStates: Set<String> = ["free", "reserved", "executing", "releasing", "recovering"]

    func expectation(_ words: inout ScenarioWords) throws(ScenarioProblem) -> Expectation {
        switch words.peek {
        case "vm":
            _ = words.skip("vm")
            return try self.vmExpectation(&words)
        case "every":
            for word in ["every", "vm", "runs", "once"] { try words.require(word) }
            return .everyVMRunsOnce
        case "all":
            _ = words.skip("all")
            return .reservation(nil, try self.reservationState(&words))
        case "nothing":
            for word in ["nothing", "in", "doubt"] { try words.require(word) }
            return .nothingInDoubt
        case "outcomes":
            _ = words.skip("outcomes")
            let node = try self.node(&words)
            return .outcomes(node, try self.outcomeNames(&words))
        case let first? where NodeID(first).map(self.nodes.contains) == true:
            return try self.nodeExpectation(try self.node(&words), &words)
        default:
            return try self.countExpectation(&words)
        }
    }

    private func vmExpectation(_ words: inout ScenarioWords) throws(ScenarioProblem) -> Expectation {
        let vm = try self.vm(&words)
        let what = try words.next("on, paused, nowhere or in-doubt")
        switch what {
        case "nowhere": return .vmRunsNowhere(vm)
        case "on": return .vmRuns(vm, on: try self.node(&words))
        case "paused":
            try words.require("on")
            return .vmIsPaused(vm, on: try self.node(&words))
        case "in-doubt":
            try words.require("on")
            return .inDoubt(vm, on: try self.node(&words))
        default: throw words.problem(expected: "on, paused, nowhere or in-doubt", found: what)
        }
    }

    private func nodeExpectation(
        _ node: NodeID, _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> Expectation {
        let what = try words.next("is, held-by, load, refused-returns or sees")
        switch what {
        case "is": return try self.nodeState(node, &words)
        case "held-by": return .held(node, by: try words.isp())
        case "load":
            try words.require("<=")
            return .loadAtMost(node, try words.millicores())
        case "refused-returns": return .refusedReturns(node, try words.count())
        case "sees":
            let other = try self.node(&words)
            return .sees(
                node, other,
                try words.choice([
                    "alive": MemberState.alive, "suspect": .suspect, "dead": .dead, "left": .left,
                ]))
        default: throw words.problem(expected: "is, held-by, load, refused-returns or sees", found: what)
        }
    }

    private func nodeState(_ node: NodeID, _ words: inout ScenarioWords) throws(ScenarioProblem) -> Expectation {
        let isNot = words.skip("not")
        switch words.peek {
        case "paused":
            _ = words.skip("paused")
            return .paused(node, !isNot)
        case "draining":
            _ = words.skip("draining")
            return .draining(node, !isNot)
        case let other:
            if isNot { throw words.problem(expected: "paused or draining", found: other) }
            return .reservation(node, try self.reservationState(&words))
        }
    }

    private func reservationState(_ words: inout ScenarioWords) throws(ScenarioProblem) -> String {
        let states = Self.reservationStates
        return try words.value("one of \(states.sorted().joined(separator: ", "))") { states.contains($0) ? $0 : nil }
    }

    private func outcomeNames(_ words: inout ScenarioWords) throws(ScenarioProblem) -> [String] {
        var names: [String] = []
        while !words.isEmpty {
            names.append(
                try words.value("an outcome (\(Outcome.names.joined(separator: " ")))") { word in
                    Outcome.names.contains(word) ? word : nil
                })
        }
        return names
    }

    /// `[no|N|at most N] message NAME from NODE to NODE`, or an event in place of the message.
    private func countExpectation(_ words: inout ScenarioWords) throws(ScenarioProblem) -> Expectation {
        var count = ExpectedCount.atLeastOne
        if words.skip("no") {
            count = .none
        } else if words.skip("at") {
            try words.require("most")
            count = .atMost(try words.count())
        } else if words.peek.flatMap(ScenarioQuantity.count) != nil {
            count = .exactly(try words.count())
        }
        guard words.skip("message") else { return .events(try self.eventPattern(&words), count) }
        let (name, from, to) = try self.message(&words)
        return .messages(name, from: from, to: to, count)
    }
}

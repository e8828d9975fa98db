import Basis
import ClusterActors
import Placement
package import Simulation

/// What happened in an experiment, as its page draws it: nodes by their place in the ring, from 0; times in seconds since
/// the experiment began.
package struct SimulationCourse: Sendable {
    /// A node's guests wanted more than they may have.
    package struct Violation: Sendable {
        package var node: Int
        package var began: Double
        package var ended: Double

        package init(node: Int, began: Double, ended: Double) {
            self.node = node
            self.began = began
            self.ended = ended
        }

        var duration: Double { self.ended - self.began }
    }

    /// A guest was moved, or was to be.
    package struct Move: Sendable {
        package var vm: String
        package var from: Int
        package var to: Int
        package var began: Double
        package var ended: Double
        /// Nil when it arrived.
        package var failure: String?

        package init(vm: String, from: Int, to: Int, began: Double, ended: Double, failure: String? = nil) {
            self.vm = vm
            self.from = from
            self.to = to
            self.began = began
            self.ended = ended
            self.failure = failure
        }
    }

    /// An ISP, or a round of a central scheduler that found something to do.
    package struct Decision: Sendable {
        /// How long it took, in seconds.
        package var duration: Double
        /// How many nodes it held at its peak.
        package var nodes: Int
        package var messages: Int

        package init(duration: Double, nodes: Int, messages: Int) {
            self.duration = duration
            self.nodes = nodes
            self.messages = messages
        }
    }

    package let nodes: Int
    /// In seconds of virtual time.
    package let duration: Double
    package var violations: [Violation] = []
    package var moves: [Move] = []
    package var decisions: [Decision] = []

    /// In which nothing happened yet.
    package init(nodes: Int, duration: Double) {
        precondition(nodes > 0 && duration > 0, "an experiment has nodes, and takes time")
        self.nodes = nodes
        self.duration = duration
    }

    /// Migrations from or to what is no node of the fleet are left out.
    package init(_ outcome: Experiment.Outcome) {
        self.init(nodes: outcome.result.nodes, duration: outcome.result.duration)
        self.violations = outcome.record.violations.map {
            Violation(node: $0.node, began: Self.seconds($0.began), ended: Self.seconds($0.ended))
        }
        self.decisions = outcome.record.procedures.map {
            Decision(
                duration: $0.summary.duration.inSeconds, nodes: $0.summary.membersPeak, messages: $0.summary.messages)
        }
        let places = Dictionary(uniqueKeysWithValues: (0..<self.nodes).map { (Self.name(of: $0), $0) })
        self.moves = outcome.record.moves.compactMap { move in
            guard let from = places[move.from.name], let to = places[move.to.name] else { return nil }
            return Move(
                vm: move.vm.name, from: from, to: to, began: Self.seconds(move.ended - move.duration),
                ended: Self.seconds(move.ended), failure: move.failure)
        }
    }

    private static func seconds(_ instant: MonotonicInstant) -> Double { (instant - .zero).inSeconds }

    /// As experiments name their nodes.
    static func name(of node: Int) -> String { "n\(node + 1)" }

    var isEmpty: Bool { self.violations.isEmpty && self.moves.isEmpty && self.decisions.isEmpty }

    /// By node, how long it was in violation, in seconds.
    var violationTimes: [Double] {
        self.violations.reduce(into: Array(repeating: 0, count: self.nodes)) { $0[$1.node] += $1.duration }
    }

    /// All nodes, the one that was longest in violation first; of equals, the one with more migrations, then the one that
    /// comes first in the ring.
    var nodesByTrouble: [Int] {
        let times = self.violationTimes
        var moves = Array(repeating: 0, count: self.nodes)
        for move in self.moves {
            moves[move.from] += 1
            moves[move.to] += 1
        }
        return (0..<self.nodes).sorted { (times[$0], moves[$0], $1) > (times[$1], moves[$1], $0) }
    }
}

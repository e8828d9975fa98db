import Basis
import Placement

/// Draws a plan in the language of Graphviz: nodes of the fleet, and an arrow for each migration with its step and VM.
package enum PlanGraph {
    package static func dot(of plan: PlanDocument) -> String {
        let moves = plan.steps.joined()
        let nodes = Set(moves.flatMap { [$0.from, $0.to] }).sorted()
        var lines = ["digraph plan {", "  rankdir=LR;", "  node [shape=box];"]
        lines += nodes.map { "  \(Self.quoted($0.name));" }
        for (index, step) in plan.steps.enumerated() {
            lines += step.map { move in
                let label = Self.quoted("\(index + 1): \(move.vm.name)")
                return "  \(Self.quoted(move.from.name)) -> \(Self.quoted(move.to.name)) [label=\(label)];"
            }
        }
        return (lines + ["}"]).joined(separator: "\n")
    }

    /// In a quoted string only the quote ends it, and a backslash begins escapes of labels.
    private static func quoted(_ text: String) -> String {
        let escaped = text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }
        return "\"\(String(escaped))\""
    }
}

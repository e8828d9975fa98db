import Basis
package import Placement
package import Snapshots

/// What `dvms plan` shows for people: what it comes to, then the steps, then why.
package struct PlanReport {
    /// More obstacles than this are counted instead of told.
    private static let obstaclesMax = 20

    private let document: PlanDocument
    private let report: SolverReport
    private let problem: PlacementProblem
    private let target: FillTarget?
    private let conflict: ConflictingSet?
    private let isExplained: Bool

    /// - Parameters:
    ///   - target: how full nodes were to be at most.
    ///   - conflict: what makes the problem impossible, where that is known.
    ///   - isExplained: whether each migration is.
    package init(
        _ document: PlanDocument, _ report: SolverReport, _ problem: PlacementProblem,
        target: FillTarget? = nil, conflict: ConflictingSet?, isExplained: Bool
    ) {
        self.document = document
        self.report = report
        self.problem = problem
        self.target = target
        self.conflict = conflict
        self.isExplained = isExplained
    }

    package var text: String {
        var parts = [self.headline, self.summary]
        if let plan = self.report.outcome.plan {
            parts.append(self.table(of: plan))
            if self.isExplained { parts.append(self.explanation(of: plan)) }
        }
        if let conflict = self.conflict {
            let members = conflict.members.map { "\($0)".onOneLine.indented(by: 2) }
            let heading = "These cannot be met together" + (conflict.isMinimal ? "" : " (some may be idle)")
            parts.append(([heading] + members).joined(separator: "\n"))
        }
        if !self.report.outcome.obstacles.isEmpty { parts.append(self.obstacles) }
        return parts.joined(separator: "\n\n")
    }

    private var headline: String {
        switch self.document.status {
        case .optimal where self.document.steps.isEmpty: "viable: nothing has to be moved"
        case .optimal: "optimal: no plan to a viable mapping costs less"
        case .feasible: "feasible: the plan leads to a viable mapping"
        case .impossible where self.document.steps.isEmpty: "impossible: no plan leads to a viable mapping"
        case .impossible: "impossible: no plan leads to a viable mapping; this one makes it less wrong"
        case .gaveUp where self.document.steps.isEmpty: "gave up: no plan was found, nor a proof that there is none"
        case .gaveUp: "gave up: no plan to a viable mapping was found; this one makes it less wrong"
        }
    }

    private var summary: String {
        var lines = LabelledLines()
        let (nodes, vms) = (self.problem.nodes.count, self.problem.vms.count)
        lines.add("fleet", "\(Figures.count(nodes, "node")), \(Figures.count(vms, "VM"))")
        lines.add("violations", "\(self.document.violationsBefore) before, \(self.document.violationsAfter) after")
        if let target = self.target, let plan = self.report.outcome.plan {
            let isReached = target.isReached(by: plan, for: self.problem)
            lines.add("target", "\(target.percent) % of each node, \(isReached ? "reached" : "not reached")")
        }
        let steps = Figures.count(self.document.steps.count, "step")
        lines.add("moves", "\(Figures.count(self.document.migrations, "migration")) in \(steps)")
        lines.add("memory", self.memory)
        lines.add("duration", self.duration)
        let took = self.document.solveMilliseconds
        lines.add("solver", "\(self.report.stepsUsed) steps" + (took > 0 ? ", \(took) ms" : ""))
        return lines.text
    }

    private var memory: String {
        let moved = self.document.memoryMiB
        guard let bound = self.document.boundMemoryMiB, moved > 0 else { return "\(moved) MiB" }
        return "\(moved) MiB; no plan moves less than \(bound), gap \(Figures.percent(moved - bound, of: moved)) %"
    }

    private var duration: String {
        let steps = self.report.outcome.plan?.steps ?? []
        let predicted = "\(Figures.duration(milliseconds: self.document.durationSeconds * 1_000)), predicted"
        guard !steps.isEmpty else { return predicted }
        // In whole seconds, which is as fine as it is known.
        let (least, most) = (self.wholeSeconds(of: steps, .best), self.wholeSeconds(of: steps, .worst))
        return "\(predicted); \(least) at best, \(most) on busy links while guests write"
            + " \(PredictedDuration.worstDirtyPercent) % of what they did"
    }

    private func wholeSeconds(of steps: [[Migration]], _ supposition: PredictedDuration.Supposition) -> String {
        let milliseconds = PredictedDuration(of: self.problem, supposition).milliseconds(of: steps)
        return Figures.duration(milliseconds: (milliseconds + 999) / 1_000 * 1_000)
    }

    private func table(of plan: ReconfigurationPlan) -> String {
        let duration = PredictedDuration(of: self.problem)
        let worst = PredictedDuration(of: self.problem, .worst)
        let memory = Dictionary(
            self.problem.vms.map { ($0.id, $0.demand.memoryMiB) }, uniquingKeysWith: { first, _ in first })
        var table = TextTable(
            .right("STEP"), .left("VM"), .left("FROM"), .left("TO"), .right("MiB"), .right("SECONDS"),
            .right("AT MOST"), .left("BECAUSE IT"))
        for (index, step) in plan.steps.enumerated() {
            for migration in step {
                table.add(
                    "\(index + 1)", migration.vm.name, migration.from.name, migration.to.name,
                    "\(memory[migration.vm] ?? 0)",
                    Figures.seconds(milliseconds: duration.milliseconds(of: migration)),
                    Figures.seconds(milliseconds: worst.milliseconds(of: migration)), "\(migration.reason)")
            }
        }
        return table.text
    }

    private func explanation(of plan: ReconfigurationPlan) -> String {
        let explanation = PlanExplanation(of: plan, for: self.problem)
        return plan.steps.enumerated().flatMap { index, step in
            step.map { migration in
                let heading = "step \(index + 1), \(migration.vm): \(migration.from) to \(migration.to)".onOneLine
                let sentences = explanation.sentences(on: migration).map { $0.onOneLine.indented(by: 2) }
                return ([heading] + sentences).joined(separator: "\n")
            }
        }.joined(separator: "\n\n")
    }

    private var obstacles: String {
        let obstacles = self.report.outcome.obstacles
        var lines = ["What stays wrong"]
        for obstacle in obstacles.prefix(Self.obstaclesMax) {
            lines.append("\(obstacle.defect)".onOneLine.indented(by: 2))
            lines += obstacle.refusals.map { "\($0)".onOneLine.indented(by: 4) }
        }
        if obstacles.count > Self.obstaclesMax { lines.append("  and \(obstacles.count - Self.obstaclesMax) more") }
        return lines.joined(separator: "\n")
    }
}

/// One solve under way: what is known so far, and the stages that add to it.
struct Solve {
    /// Branch and bound takes at most this many steps: beyond, it seldom finds more than the neighbourhoods do.
    private static let exactStepsMax = 250_000
    /// What a plan may cost in one round of it, in percent of the lower bound, before one without a limit.
    private static let costPercents = [100, 112, 125, 150, 200, 300]
    /// With at most this many nodes the thorough search comes first, being as quick as a local repair.
    private static let partitionNodesMax = 64
    /// A search for a way with steps aside takes at most this many steps for each assignment.
    private static let pathStepsMax = 60_000
    /// At most as many VMs take part in such a search.
    private static let pathMoversMax = 12
    /// With at most this many mappings all ways between them are searched.
    private static let mappingsMax = 100_000

    /// What it takes to read one node or one VM of a problem, in steps.
    private static let stepsPerEntry = 5

    private let problem: PlacementProblem
    private let model: SearchModel
    private let seed: UInt64
    private(set) var meter: StepMeter
    private var incumbent: Incumbent
    /// No plan costs less.
    private var lowerBound = MigrationCost.zero
    /// Whether every assignment was either offered to the incumbent or proven to be no better.
    private var isExhausted = false
    /// Whether no plan exists that costs less than the best, or, without one, none at all.
    private var isProven = false
    /// The least wrong that local repair came to.
    private var leastWrong: SearchState
    /// The first local repair that ran out of steps, for when nothing else finds a plan.
    private var repairCutShort: LocalRepair?

    init(_ problem: PlacementProblem, _ meter: StepMeter, seed: UInt64) {
        self.problem = problem
        self.model = SearchModel(problem)
        self.meter = meter
        self.seed = seed
        self.incumbent = Incumbent(self.model)
        self.leastWrong = SearchState(self.model, hosts: self.model.origin)
    }

    mutating func run() -> SolverOutcome {
        self.meter.spend(Self.stepsPerEntry * (self.model.vms.count + self.model.nodes.count))
        let outcome = self.repair()
        switch (self.model.policy, outcome) {
        case (.balance, .alreadyViable), (.balance, .plan), (.consolidate, .alreadyViable), (.consolidate, .plan):
            return self.meter.isCancelled ? .cancelled : self.rearrangement() ?? outcome
        default:
            return outcome
        }
    }

    private mutating func repair() -> SolverOutcome {
        if self.leastWrong.violation == 0 {
            if self.leastWrong.softCost == 0 { return .alreadyViable }
            _ = self.incumbent.offer(self.model.origin, &self.meter)
        }
        let obstacles = Obstacles(self.model, self.problem)
        if obstacles.totals().isEmpty {
            self.searchViable()
        } else {
            self.isProven = true
            if self.model.policy.acceptsPartOfTheAim { self.descend(from: []) }
        }
        if self.meter.isCancelled { return .cancelled }
        if self.incumbent.best != nil {
            self.refineRisk()
            return self.outcomeOfBest()
        }
        if self.model.policy.acceptsPartOfTheAim, let outcome = self.improvement(obstacles) { return outcome }
        let found = obstacles.found(in: self.model.origin)
        return self.isProven ? .impossible(found) : .gaveUp(found)
    }

    private mutating func searchViable() {
        let isPartition = self.model.nodes.count <= Self.partitionNodesMax
        if isPartition { self.searchLeavers() }
        // Where there is no plan, a part of the aim is looked for as well.
        if self.incumbent.best == nil || !self.isExhausted && !self.isBestKnown {
            self.repairLocally()
            if !isPartition { self.searchLeavers() }
            self.resumeRepair()
        }
        self.searchNeighbourhoods()
        self.searchWithStepsAside()
        self.settleProof()
    }

    private var isBestKnown: Bool {
        guard let best = self.incumbent.best else { return false }
        return best.cost <= self.lowerBound
    }

    private mutating func settleProof() {
        if self.isBestKnown { self.isProven = true }
        guard self.isExhausted else { return }
        switch (self.incumbent.refusedAtLeast, self.incumbent.best) {
        case (nil, _): self.isProven = true
        case (let refused?, let best?): self.isProven = self.isProven || best.cost <= refused
        case (_?, nil): break
        }
    }
}

// The stages.
extension Solve {
    /// Covers each overloaded node's excess as cheaply as can be, which bounds the cost, and tries to place the covers.
    private mutating func repairLocally() {
        var leaving: [Int] = []
        var coverCost = MigrationCost.zero
        for node in self.model.nodes.indices {
            let load = self.leastWrong.loads[node]
            let hasLeavers = self.model.residents[node].contains { self.model.mustLeave[$0] > 0 }
            guard hasLeavers || self.leastWrong.excess[node] > 0 else { continue }
            let (best, isCoverProven) = ExactCover.search(self.model, node: node, load: load, &self.meter)
            if isCoverProven, best == nil {
                // Even when all that may leave left, the node would be overloaded.
                self.isExhausted = true
            }
            if let best { leaving += best.vms }
            if isCoverProven, let best {
                coverCost = coverCost + best.cost
            } else {
                coverCost =
                    coverCost + CoverBound(self.model, node: node, load: load, isOpen: self.model.isMovable).cost
            }
        }
        self.lowerBound = max(self.lowerBound, coverCost)
        if !leaving.isEmpty { self.descend(from: leaving) }
        if self.incumbent.best == nil || self.leastWrong.softCost > 0 { self.descend(from: []) }
    }

    /// Repairs locally after placing `leaving`, and keeps what comes of it if it is a plan or the least wrong.
    private mutating func descend(from leaving: [Int]) {
        var repair = LocalRepair(self.model)
        let isCutShort = self.meter.within(self.meter.remaining / 4) { meter in
            repair.place(leaving, &meter)
            repair.descend(&meter)
            return meter.isSpent
        }
        if isCutShort { self.repairCutShort = self.repairCutShort ?? repair }
        self.keep(repair.state)
    }

    /// Goes on with a local repair that was cut short, where all else came to no plan.
    private mutating func resumeRepair() {
        guard self.incumbent.best == nil, !self.isExhausted, var repair = self.repairCutShort else { return }
        self.repairCutShort = nil
        self.meter.within(self.meter.remaining / 4 * 3) { repair.descend(&$0) }
        self.keep(repair.state)
    }

    private mutating func keep(_ repaired: SearchState) {
        if repaired.violation == 0 { _ = self.incumbent.offer(repaired.hosts, &self.meter) }
        if repaired.violation < self.leastWrong.violation { self.leastWrong = repaired }
    }

    /// Searches exactly, at first only what costs hardly more than the lower bound: a search that may spend anything
    /// follows long chains of VMs that make room for each other before it has looked at short ones. A round that ends
    /// without a plan raises the lower bound.
    private mutating func searchLeavers() {
        if self.isExhausted || self.isBestKnown { return }
        var search = LeaverSearch(self.model, bestCost: nil)
        guard let bound = search.lowerBound else {
            self.isExhausted = true
            return
        }
        self.lowerBound = max(self.lowerBound, bound)
        let steps = min(self.meter.remaining / 2, Self.exactStepsMax)
        for percent in Self.costPercents {
            let limit = bound.scaled(toPercent: percent)
            guard self.search(&search, below: limit, steps / Self.costPercents.count) else { break }
            if self.isExhausted { return }
        }
        _ = self.search(&search, below: nil, steps / 2)
    }

    /// - Returns: whether everything was searched that costs less than `limit` and than the best plan.
    private mutating func search(
        _ search: inout LeaverSearch, below limit: MigrationCost?, _ steps: Int
    ) -> Bool {
        var incumbent = self.incumbent
        search.bestCost = [limit, incumbent.best?.cost].compactMap { $0 }.min()
        search.isComplete = true
        self.meter.within(steps) { meter in
            search.run(&meter) { hosts, meter in incumbent.offer(hosts, &meter) }
        }
        self.incumbent = incumbent
        guard search.isComplete else { return false }
        if let limit, incumbent.best.map({ limit < $0.cost }) ?? true {
            self.lowerBound = max(self.lowerBound, min(limit, incumbent.refusedAtLeast ?? limit))
        } else {
            self.isExhausted = true
        }
        return true
    }

    private mutating func searchNeighbourhoods() {
        if self.isExhausted || self.isBestKnown { return }
        var neighbourhoods = NeighbourhoodSearch(self.model, seed: self.seed)
        let (lowerBound, steps) = (self.lowerBound, self.meter.remaining / 2)
        var incumbent = self.incumbent
        self.meter.within(steps) { meter in
            neighbourhoods.run(&incumbent, lowerBound: lowerBound, &meter)
        }
        self.incumbent = incumbent
    }

    /// Where assignments were refused for want of an order: looks for ways on which VMs step aside.
    private mutating func searchWithStepsAside() {
        guard let refused = self.incumbent.refusedAtLeast,
            self.incumbent.best.map({ refused < $0.cost }) ?? true
        else { return }
        let movable = self.model.vms.indices.filter(self.model.mayStepAside)
        var mappings = 1
        for vm in movable where mappings <= Self.mappingsMax {
            let elsewhere = self.model.transit(of: vm).count { $0 != self.model.origin[vm] }
            mappings *= elsewhere + 1
        }
        if mappings <= Self.mappingsMax {
            let path = PathSearch(
                self.model, hosts: self.model.origin, movers: movable, goal: .anyViable,
                costLimit: self.incumbent.best?.cost)
            switch path.run(&self.meter) {
            case .found(let hops, let cost):
                self.incumbent.offer(Incumbent.Found(hosts: self.hosts(after: hops), hops: hops, cost: cost))
                self.isProven = true
            case .impossible: self.isProven = true
            case .unknown: break
            }
            return
        }
        for unordered in self.incumbent.unordered
        where self.incumbent.best.map({ unordered.cost < $0.cost }) ?? true {
            self.searchWay(to: unordered.hosts)
        }
    }

    /// Does what can be done in order, and searches a way for the rest.
    private mutating func searchWay(to goal: [Int]) {
        var ordering = PlanOrdering(self.model, hosts: self.model.origin, hops: self.model.directHops(to: goal))
        guard case .impossible(let done) = self.meter.within(Self.pathStepsMax, { ordering.run(&$0) }) else { return }
        let hosts = self.hosts(after: done)
        let left = hosts.indices.filter { hosts[$0] != goal[$0] }
        let crowded = Set(left.flatMap { [hosts[$0], goal[$0]] })
        let helpers = hosts.indices.filter {
            hosts[$0] == goal[$0] && self.model.mayStepAside($0) && crowded.contains(hosts[$0])
        }.sorted { (self.model.leastHopWeight[$0], $0) < (self.model.leastHopWeight[$1], $1) }
        let movers = left + helpers.prefix(max(Self.pathMoversMax - left.count, 0))
        let path = PathSearch(self.model, hosts: hosts, movers: movers.sorted(), goal: .hosts(goal), costLimit: nil)
        guard case .found(let hops, let cost) = self.meter.within(Self.pathStepsMax, { path.run(&$0) }) else { return }
        self.incumbent.offer(
            Incumbent.Found(
                hosts: goal, hops: done + hops,
                cost: self.model.directCost(of: hosts) + cost + self.model.totalCost(of: goal)
                    - self.model.directCost(of: goal)))
    }

    private func hosts(after hops: [Hop]) -> [Int] {
        hops.reduce(into: self.model.origin) { hosts, hop in hosts[hop.vm] = hop.to }
    }

    private mutating func refineRisk() {
        guard let best = self.incumbent.best, best.cost == self.model.totalCost(of: best.hosts) else { return }
        var refinement = RiskRefinement(self.model, hosts: best.hosts)
        refinement.run(&self.meter)
        let hosts = refinement.state.hosts
        guard hosts != best.hosts else { return }
        var ordering = PlanOrdering(self.model, hosts: self.model.origin, hops: self.model.directHops(to: hosts))
        guard case .found(let hops) = ordering.run(&self.meter) else { return }
        self.incumbent.replace(with: Incumbent.Found(hosts: hosts, hops: hops, cost: best.cost))
    }
}

// Beyond repair.
extension Solve {
    /// The plan that goes beyond a viable mapping as the policy says, or nil when there is nothing to gain.
    private mutating func rearrangement() -> SolverOutcome? {
        let starts = [self.model.origin] + (self.incumbent.best.map { [$0.hosts] } ?? [])
        for start in starts {
            let state = self.rearranged(start)
            guard state.violation == 0 else { continue }
            let goal = state.hosts
            var ordering = PlanOrdering(self.model, hosts: self.model.origin, hops: self.model.directHops(to: goal))
            let hops = ordering.run(&self.meter).hops
            let reached = SearchState(self.model, hosts: self.hosts(after: hops))
            if !hops.isEmpty, reached.violation == 0 {
                return .plan(PlanWriter(self.model).plan(hops), .feasible(atLeast: .zero))
            }
        }
        return nil
    }

    private mutating func rearranged(_ hosts: [Int]) -> SearchState {
        switch self.model.policy {
        case .repair, .evacuate:
            return SearchState(self.model, hosts: hosts)
        case .balance(let aim):
            var search = BalanceSearch(self.model, hosts: hosts, aim: aim)
            search.run(&self.meter)
            return search.state
        case .consolidate:
            var search = ConsolidationSearch(self.model, hosts: hosts)
            search.run(&self.meter)
            return search.state
        }
    }
}

// What the stages came to.
extension Solve {
    private func outcomeOfBest() -> SolverOutcome {
        guard let best = self.incumbent.best else { preconditionFailure("asked for a plan that was not found") }
        if best.hops.isEmpty { return .alreadyViable }
        return .plan(
            PlanWriter(self.model).plan(best.hops), self.isProven ? .proven : .feasible(atLeast: self.lowerBound))
    }

    /// The plan that leads to the least wrong mapping that can be reached in order; nil when that is no better.
    private mutating func improvement(_ obstacles: Obstacles) -> SolverOutcome? {
        let first = SearchState(self.model, hosts: self.model.origin)
        var best: (hops: ArraySlice<Hop>, state: SearchState) = ([], first)
        let goals = [self.leastWrong.hosts] + self.incumbent.unordered.prefix(1).map(\.hosts)
        for goal in goals {
            var ordering = PlanOrdering(self.model, hosts: self.model.origin, hops: self.model.directHops(to: goal))
            let done = ordering.run(&self.meter).hops
            var state = first
            for (index, hop) in done.enumerated() {
                state.move(hop.vm, to: hop.to)
                if state.violation < best.state.violation, state.worsensNothing(since: first) {
                    best = (done[...index], state)
                }
            }
        }
        guard !best.hops.isEmpty else { return nil }
        let plan = PlanWriter(self.model).plan(Array(best.hops))
        if best.state.violation == 0 { return .plan(plan, .feasible(atLeast: self.lowerBound)) }
        return .improved(plan, remaining: obstacles.found(in: best.state.hosts), isProven: self.isProven)
    }
}

extension SearchState {
    /// Whether no node is more overloaded in any resource and no more group is broken than in `first`.
    func worsensNothing(since first: SearchState) -> Bool {
        self.groupBreaches <= first.groupBreaches
            && self.loads.indices.allSatisfy { node in
                let limit = self.model.limit[node]
                return all((self.loads[node] .<= limit) .| (self.loads[node] .<= first.loads[node]))
            }
    }
}

/// Packs migrations, which work one after another, into steps whose migrations may run together.
enum StepSchedule {
    /// Steps in which, even when everything arrives before anything leaves, memory suffices, no continuous constraint
    /// is broken, and no node takes part in more migrations than its caps allow.
    ///
    /// A migration overtakes one that has to wait only when no waiting one goes to the same node, nor is of the same
    /// VM: so on each node, arrivals keep their order and nothing leaves later than where the next arrival needs it to
    /// have left. Migrations that have to do with continuous constraints keep their order among each other. The first that waits can therefore always start the next step.
    ///
    /// - Parameter hops: may have several hops of one VM.
    static func steps(_ model: SearchModel, hosts: [Int], hops: [Hop]) -> [[Hop]] {
        var free = MemoryRoom.free(model, hosts: hosts)
        var counts = RuleCounts(model, watching: hosts)
        var waiting = hops
        var steps: [[Hop]] = []
        while !waiting.isEmpty {
            var step: [Hop] = []
            var left: [Hop] = []
            var ins: [Int: Int] = [:]
            var outs: [Int: Int] = [:]
            var blockedNodes: Set<Int> = []
            var busyVMs: Set<Int> = []
            var isBoundWaiting = false
            for hop in waiting {
                let memory = model.memoryMiB(hop.vm)
                let isBound = model.book.bindsOnTheWay(hop.vm, from: hop.from, to: hop.to)
                if ins[hop.to, default: 0] < model.flightCaps.perNodeIn,
                    outs[hop.from, default: 0] < model.flightCaps.perNodeOut,
                    memory <= free[hop.to], !blockedNodes.contains(hop.to), !busyVMs.contains(hop.vm),
                    !isBound || !isBoundWaiting && counts.admits(hop.vm, on: hop.to)
                {
                    step.append(hop)
                    if isBound { counts.move(hop.vm, from: RuleCounts.nowhere, to: hop.to) }
                    free[hop.to] -= memory
                    ins[hop.to, default: 0] += 1
                    outs[hop.from, default: 0] += 1
                } else {
                    left.append(hop)
                    blockedNodes.insert(hop.to)
                    isBoundWaiting = isBoundWaiting || isBound
                }
                busyVMs.insert(hop.vm)
            }
            precondition(!step.isEmpty, "migrations that do not work one after another were given to be scheduled")
            for hop in step {
                free[hop.from] += model.memoryMiB(hop.vm)
                if model.book.bindsOnTheWay(hop.vm, from: hop.from, to: hop.to) {
                    counts.move(hop.vm, from: hop.from, to: RuleCounts.nowhere)
                }
            }
            steps.append(step)
            waiting = left
        }
        return steps
    }
}

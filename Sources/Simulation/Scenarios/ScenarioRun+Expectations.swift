import Basis
import ClusterActors
import Hypervisor
import Placement

// What a scenario expects of its ring.

extension ScenarioRun {
    /// How things are instead; nil when they are as expected.
    func difference(from expectation: Expectation) async throws -> String? {
        switch expectation {
        case .vmRuns, .vmRunsNowhere, .vmIsPaused, .everyVMRunsOnce:
            return try await self.differenceOfGuests(expectation)
        case .outcomes(let node, let names):
            let found = self.outcomes(of: node)
            return found == names ? nil : "the ISPs of \(node) ended: \(found.joined(separator: " "))"
        case .events(let pattern, let count):
            let told = self.ring.events.count { pattern.matches($0.event, of: $0.node) }
            return count.admits(told) ? nil : "told \(told) times: \(pattern)"
        case .messages(let name, let from, let to, let count):
            let sent = self.messages[MessageCount(name: name, from: from, to: to)] ?? 0
            return count.admits(sent) ? nil : "sent \(sent) times: \(name) from \(from) to \(to)"
        case .reservation(nil, let state):
            return try await self.firstDifference { $0.reservation == state ? nil : $0.reservationInWords }
        case .nothingInDoubt:
            return try await self.firstDifference { status in
                status.guestsInDoubt.first.map { "\($0.record.vm) is in doubt on \(status.node): \($0.reason)" }
            }
        case .reservation(let node?, _), .held(let node, _), .loadAtMost(let node, _), .inDoubt(_, on: let node),
            .refusedReturns(let node, _), .paused(let node, _), .draining(let node, _), .sees(let node, _, _):
            guard self.ring.members[node]?.process.state == .running else { return "the agent of \(node) does not run" }
            return try await self.difference(from: expectation, of: node)
        }
    }

    private func difference(from expectation: Expectation, of node: NodeID) async throws -> String? {
        let status = try await self.ring.status(node)
        switch expectation {
        case .reservation(_, let state):
            return status.reservation == state ? nil : status.reservationInWords
        case .held(_, let isp):
            return status.holder?.isp == isp ? nil : status.reservationInWords
        case .loadAtMost(_, let most):
            let load = try await self.ring.load(node)
            return load <= most ? nil : "the load of \(node) is \(load) m"
        case .inDoubt(let vm, _):
            return status.guestsInDoubt.contains { $0.record.vm == vm } ? nil : "\(vm) is not in doubt on \(node)"
        case .refusedReturns(_, let count):
            return status.refusedReturns == count ? nil : "\(node) refused \(status.refusedReturns) returns"
        case .paused(_, let isPaused):
            return status.marks.isPaused == isPaused ? nil : "\(node) is \(isPaused ? "not " : "")paused"
        case .draining(_, let isDraining):
            return status.marks.isDraining == isDraining ? nil : "\(node) is \(isDraining ? "not " : "")draining"
        case .sees(_, let other, let state):
            let found = try await self.ring.ask(node) { await $0.ring() }.first { $0.member.id == other }?.state
            return found == state ? nil : "\(node) sees \(other) as \(found.map { "\($0)" } ?? "unknown")"
        case .vmRuns, .vmRunsNowhere, .vmIsPaused, .everyVMRunsOnce, .outcomes, .events, .messages, .nothingInDoubt:
            preconditionFailure("not an expectation of one node")
        }
    }

    private func differenceOfGuests(_ expectation: Expectation) async throws -> String? {
        let places = try await self.ring.runningPlaces()
        func place(of vm: VMID) -> String {
            let nodes = places[vm] ?? []
            return "\(vm) runs \(nodes.isEmpty ? "nowhere" : "on " + nodes.map(\.name).joined(separator: " and "))"
        }
        switch expectation {
        case .vmRuns(let vm, let node):
            return places[vm] == [node] ? nil : place(of: vm)
        case .vmRunsNowhere(let vm):
            return places[vm] == nil ? nil : place(of: vm)
        case .vmIsPaused(let vm, let node):
            guard places[vm] == nil else { return place(of: vm) }
            let presence = try await self.presence(of: vm, on: node)
            let paused: Set<DomainPresence> = [.pausedIncoming, .pausedOutgoing, .pausedOtherwise]
            return paused.contains(presence) ? nil : "\(vm) is \(presence) on \(node)"
        default:
            let wrong = self.vms.sorted().filter { places[$0]?.count != 1 }
            return wrong.isEmpty ? nil : wrong.map(place).joined(separator: "; ")
        }
    }

    private func presence(of vm: VMID, on node: NodeID) async throws -> DomainPresence {
        let fleet = self.ring.fleet
        let inventory = try await self.ring.hosts.run { await fleet.inventory() }
        return inventory[node]?.first { $0.vm == vm }?.presence ?? .absent
    }

    private func outcomes(of node: NodeID) -> [String] {
        self.ring.events.compactMap { told in
            guard told.node == node, case .ispEnded(let summary) = told.event else { return nil }
            return summary.outcome.name
        }
    }

    /// Of all agents that run.
    private func firstDifference(_ look: (AgentStatus) -> String?) async throws -> String? {
        for node in self.ring.nodes where self.ring.members[node]?.process.state == .running {
            if let difference = look(try await self.ring.status(node)) { return difference }
        }
        return nil
    }
}

extension AgentStatus {
    fileprivate var reservationInWords: String {
        "\(self.node) is \(self.reservation)" + (self.holder.map { ", held by \($0.isp)" } ?? "")
    }
}

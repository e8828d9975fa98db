import Basis
import ClusterActors
import ControlProtocol
import Journal
import Logging
import Placement
import Settings
import Transport

/// Answers the requests of the control socket from the agent, the transport and the journal.
struct ControlService: Sendable {
    /// How a request ended.
    enum Answer: Sendable {
        case done(any Encodable & Sendable)
        case failed(ControlError)
        case events([ControlEvent])
        case following(FollowedEvents)
    }

    let settings: NodeSettings
    let agent: NodeAgent
    let transport: TCPTransport
    let journal: NodeJournal
    let events: EventLog
    let addresses: MemberAddresses
    let time: any TimeSource
    let startedAt: MonotonicInstant
    /// Reads the config and the certificates again; what cannot be changed, in words.
    let reload: @Sendable () async -> String?

    func answer(_ request: ControlRequest) async -> Answer {
        do throws(ControlError) {
            return try await self.carryOut(request)
        } catch {
            return .failed(error)
        }
    }

    private func carryOut(_ request: ControlRequest) async throws(ControlError) -> Answer {
        switch request {
        case .version: return .done(self.version)
        case .status: return .done(await self.status())
        case .ring: return .done(ControlRing(await self.agent.ring(), own: self.settings.node))
        case .vms: return .done(await self.virtualMachines())
        case .events(let query): return try await self.events(query)
        case .explain(let subject): return .done(try await self.explain(subject))
        case .inject(let injection): return try self.done(await self.inject(injection))
        case .drain: return try self.done(await self.agent.drain())
        case .undrain: return try self.done(await self.agent.undrain())
        case .pause: return try self.done(await self.agent.pause())
        case .resume: return try self.done(await self.agent.resumeAgent())
        case .apply(let isp): return .done(try await self.apply(isp))
        case .adopt(let vm, let fenced):
            return try self.done(await self.agent.adopt(try Self.vm(vm), fenced: fenced))
        case .join(let seed): return try await self.join(seed)
        case .leave: await self.agent.leave(grace: Daemon.grace)
        case .cancel(let isp): return try self.done(await self.agent.cancel(try isp.map(Self.isp)))
        case .reload: return try self.done(await self.reload())
        }
        return .done(ControlDone())
    }

    /// What the agent refuses, it says in a sentence.
    private func done(_ refusal: String?) throws(ControlError) -> Answer {
        if let refusal { throw ControlError(.refused, refusal) }
        return .done(ControlDone())
    }

    private static func vm(_ text: String) throws(ControlError) -> VMID {
        guard let vm = VMID(text) else { throw ControlError(.badRequest, "'\(text)' is not the name of a VM") }
        return vm
    }

    private static func isp(_ text: String) throws(ControlError) -> ISPID {
        guard let isp = ISPID(text) else {
            throw ControlError(.badRequest, "'\(text)' is not an ISP: node#boot.sequence, as n1#3.2")
        }
        return isp
    }

    // MARK: - Looking

    private var version: ControlVersion {
        ControlVersion(
            product: Product.name, protocolMin: ControlLimits.versions.lowerBound,
            protocolMax: ControlLimits.versions.upperBound, node: self.settings.node.name,
            cluster: self.settings.cluster)
    }

    private func status() async -> ControlStatus {
        let now = self.time.now
        let status = await self.agent.status()
        let statistics = await self.transport.statistics
        let connections = await self.transport.connectedPeers.count
        return ControlStatus(
            status, traffic: ControlTraffic(statistics, connections: connections),
            uptime: now - self.startedAt, at: now)
    }

    private func virtualMachines() async -> ControlVMs {
        let guests = await self.agent.virtualMachines()
        return ControlVMs(vms: guests.map { ControlVM($0, at: self.time.now) })
    }

    private func explain(_ subject: ControlSubject) async throws(ControlError) -> ControlExplanation {
        await self.events.flush()
        // One more than is told, so that it is known whether there are more.
        let limit = ControlLimits.explainedEventsMax + 1
        let explanation = try await self.reading { () async throws(JournalError) in
            switch subject {
            case .isp(let isp):
                ControlExplanation(
                    isps: try await self.journal.isp(isp).map { [$0] } ?? [],
                    migrations: try await self.journal.migrations(ofISP: isp),
                    events: try await self.journal.events(ofISP: isp, limit: limit))
            case .vm(let vm):
                ControlExplanation(
                    isps: [], migrations: try await self.journal.migrations(ofVM: vm, limit: limit),
                    events: try await self.journal.events(ofVM: vm, limit: limit))
            }
        }
        guard !explanation.isEmpty else {
            let what =
                switch subject {
                case .isp(let isp): isp
                case .vm(let vm): vm
                }
            throw ControlError(
                .notFound,
                "\(self.settings.node) knows nothing of \(what); an ISP is explained by the node that started it")
        }
        return explanation.fittingIntoLine
    }

    private func events(_ query: ControlEventQuery) async throws(ControlError) -> Answer {
        // Subscribed first, so that nothing falls between the past and what follows.
        var live: AsyncStream<EventEntry>?
        if query.follows {
            live = self.events.follow()
            guard live != nil else {
                throw ControlError(.unavailable, "\(EventLog.followersMax) clients follow the events already")
            }
        }
        let last = await self.events.flush()
        let past = PastEvents(self.journal)
        if let live, let after = query.after {
            return .following(
                FollowedEvents(
                    first: [], seen: after, last: last, live: live, query: query, log: self.events, past: past))
        }
        let first = try await self.reading { () async throws(JournalError) in
            try await past.selected(by: query, upTo: last)
        }
        guard let live else { return .events(first.map(ControlEvent.init)) }
        return .following(
            FollowedEvents(
                first: first, seen: last, last: last, live: live, query: query, log: self.events, past: past))
    }

    private func reading<Value: Sendable>(
        _ body: () async throws(JournalError) -> Value
    ) async throws(ControlError) -> Value {
        do throws(JournalError) {
            return try await body()
        } catch {
            throw ControlError(.unavailable, "the journal cannot be read: \(error)")
        }
    }

    // MARK: - Commanding

    private func inject(_ injection: ControlInjection) async throws(ControlError) -> String? {
        switch injection {
        case .overload: await self.agent.injectOverload()
        case .underload: await self.agent.injectUnderload()
        case .demand(let vm, let cpu): await self.agent.injectDemand(of: try Self.vm(vm), cpuMillicores: cpu)
        }
    }

    private func apply(_ text: String) async throws(ControlError) -> ControlApplied {
        switch await self.agent.apply(try Self.isp(text)) {
        case .started(let isp): return ControlApplied(isp: isp.description)
        case .refused(let reason): throw ControlError(.refused, reason)
        }
    }

    private func join(_ seed: ControlSeed) async throws(ControlError) -> Answer {
        guard PeerAddress(seed.address) != nil else {
            throw ControlError(.badRequest, "'\(seed.address)' is not host:port")
        }
        let member = MemberDescription(
            id: seed.node, address: seed.address, site: seed.site ?? "", rack: seed.rack ?? "")
        guard member.fitsIntoUpdate else { throw ControlError(.badRequest, "the address, site or rack is too long") }
        guard member.id != self.settings.node else {
            throw ControlError(.badRequest, "\(member.id) is this node; name another member to join through")
        }
        self.addresses.learn(member)
        return try self.done(await self.agent.join(seed: member))
    }
}

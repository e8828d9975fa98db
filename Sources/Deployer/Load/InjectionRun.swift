package import Basis
package import Settings

/// Carries out a timetable: each VM gets its orders when they are due, wherever it is by then.
package struct InjectionRun: Sendable {
    private let timetable: InjectionTimetable
    private let hosts: [any LoadableHost]
    private let addresses: [String: IPv4Address]
    private let time: any TimeSource
    private let watch: @Sendable (InjectionEvent) -> Void
    private let whereabouts: GuestWhereabouts
    /// Each order takes a connection's channel on the host and a place in its guest.
    private let turnstile = Turnstile(width: Self.ordersAtOnce)

    private static let ordersAtOnce = 64
    /// Of one order or question.
    package static let callLimit = Duration.seconds(30)
    /// Before a guest that was missed is looked for again: a migration's last moment takes less.
    package static let retryPause = Duration.seconds(1)
    /// For how long a VM that could not be told to stop is told again. It stops by itself.
    package static let stopLimit = Duration.seconds(60)
    /// How much longer a guest goes on by itself than it was told, so that there is no gap before its next order.
    package static let overlap = Duration.seconds(5)
    /// From one measurement to the next. Hosts account for a guest's time in full whenever they are asked.
    package static let samplePeriod = Duration.seconds(10)
    /// Of one question for what an agent believes. Over ssh its end takes up to ten seconds more where a host says nothing:
    /// then the next measurement is late.
    package static let beliefLimit = Duration.seconds(5)

    /// - Parameters:
    ///   - hosts: all on which the VMs may ever be.
    ///   - addresses: of the VMs by name.
    ///   - watch: gets what happens, from several tasks.
    package init(
        _ timetable: InjectionTimetable, on hosts: [any LoadableHost], addresses: [String: IPv4Address],
        time: any TimeSource, watch: @escaping @Sendable (InjectionEvent) -> Void
    ) {
        self.timetable = timetable
        self.hosts = hosts
        self.addresses = addresses
        self.time = time
        self.watch = watch
        self.whereabouts = GuestWhereabouts(hosts, limit: Self.callLimit)
    }

    /// Returns when the profile is over and its VMs are idle. When the calling task is cancelled it returns soon, and
    /// ``stop(_:)`` remains to be done.
    package func run() async {
        await self.whereabouts.look(since: 0)
        let began = self.time.now
        await withTaskGroup(of: Void.self) { group in
            for orders in self.timetable.orders.values {
                group.addTask { await self.carryOut(orders, since: began) }
            }
            group.addTask { await self.measure(since: began) }
        }
    }

    /// Ends whatever load these VMs have.
    ///
    /// - Returns: what could not be told, in words, by VM; such a VM stops when its order is over.
    package func stop(_ vms: [String]) async -> [String: String] {
        await self.whereabouts.look(since: 0)
        let began = self.time.now
        return await withTaskGroup(of: (String, String?).self) { group in
            for vm in vms {
                let order = LoadOrder(vm: vm, at: .zero, until: .zero, load: .idle)
                group.addTask {
                    switch await self.place(order, since: began, until: began + Self.stopLimit) {
                    case .placed: (vm, nil)
                    case .missed(let words): (vm, words)
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    // MARK: - Orders

    private func carryOut(_ orders: [LoadOrder], since began: MonotonicInstant) async {
        for order in orders {
            guard (try? await self.time.sleep(until: began + order.at)) != nil else { return }
            let end = began + (order.load == .idle ? order.at + Self.stopLimit : order.until)
            switch await self.place(order, since: began, until: end) {
            case .placed(let host):
                self.watch(.began(order, at: self.time.now - began, host: host))
            case .missed(let words):
                if Task.isCancelled { return }
                self.watch(.failed(order, at: self.time.now - began, words: words))
            }
        }
    }

    private enum Placement {
        case placed(NodeID)
        case missed(words: String)
    }

    /// Tells the VM, and goes after it, until it has heard or it is too late.
    private func place(
        _ order: LoadOrder, since began: MonotonicInstant, until end: MonotonicInstant
    ) async -> Placement {
        var words = "no host has it"
        repeat {
            let looks = await self.whereabouts.looks
            for host in await self.whereabouts.hosts(of: order.vm) {
                switch await self.told(order, began, host) {
                case .done: return .placed(host.id)
                case .refused(let said): return .missed(words: said)
                case .silent(let said): words = "\(host.id): \(said)"
                case .notHere: words = "it is moving, or \(host.id) does not run it"
                }
            }
            guard (try? await self.time.sleep(for: Self.retryPause)) != nil else { return .missed(words: "stopped") }
            await self.whereabouts.look(since: looks)
        } while self.time.now < end
        return .missed(words: words)
    }

    private func told(_ order: LoadOrder, _ began: MonotonicInstant, _ host: any LoadableHost) async -> InjectionAnswer
    {
        let address = order.load.traffic.map { self.addresses[$0.to] } ?? nil
        if let traffic = order.load.traffic, address == nil {
            return .refused(words: "nothing is recorded of \(traffic.to), which it should send to")
        }
        do throws(HostFailure) {
            return try await self.turnstile.pass(orThrow: HostFailure.cancelled) { () throws(HostFailure) in
                let left = max(began + order.until - self.time.now, .zero) + Self.overlap
                return try await host.inject(
                    GuestTask(load: order.load, address: address, duration: left), into: order.vm,
                    within: Self.callLimit)
            }
        } catch {
            return .silent(words: error.description)
        }
    }

    // MARK: - Measuring

    private func measure(since began: MonotonicInstant) async {
        var last: [NodeID: Sample] = [:]
        let end = began + self.timetable.duration
        while true {
            let next = self.time.now + Self.samplePeriod
            for sample in await self.samples() {
                if let before = last[sample.host] { self.tell(before, sample, began) }
                last[sample.host] = sample
            }
            guard self.time.now < end, (try? await self.time.sleep(until: min(next, end))) != nil else { return }
        }
    }

    private struct Sample {
        var host: NodeID
        var at: MonotonicInstant
        var times: ProcessorTimes
        /// Millicores by guest.
        var believed: [String: Int]

        /// Of all virtual CPUs of the guest together; nil: it is not known.
        func believedPercent(of guest: ProcessorTimes.Guest) -> Double? {
            self.believed[guest.name].map { Double($0) / (Double(guest.vcpus) * 1_000) * 100 }
        }
    }

    private func samples() async -> [Sample] {
        await withTaskGroup(of: Sample?.self) { group in
            for host in self.hosts {
                group.addTask {
                    // A host that does not answer is not measured.
                    guard let times = try? await host.processorTimes(within: Self.callLimit) else { return nil }
                    let at = self.time.now
                    // Afterwards, so that an agent that is slow does not blur when the times were taken.
                    let believed = await host.believedDemands(within: Self.beliefLimit)
                    return Sample(host: host.id, at: at, times: times, believed: believed)
                }
            }
            return await group.reduce(into: []) { samples, sample in
                if let sample { samples.append(sample) }
            }
        }
    }

    /// What guests had that were on the host both times. One that came anew, or was there before, counts from zero, and
    /// is left out.
    private func tell(_ before: Sample, _ now: Sample, _ began: MonotonicInstant) {
        let (span, overflow) = now.times.takenAtNanoseconds.subtractingReportingOverflow(
            before.times.takenAtNanoseconds)
        guard !overflow, span > 0 else { return }
        let earlier = Dictionary(before.times.guests.map { ($0.name, $0.nanoseconds) }) { first, _ in first }
        for guest in now.times.guests {
            guard self.timetable.orders[guest.name] != nil, let first = earlier[guest.name],
                guest.nanoseconds >= first
            else { continue }
            let share = Double(guest.nanoseconds - first) / (Double(span) * Double(guest.vcpus)) * 100
            self.watch(
                .measured(
                    InjectionEvent.Measured(
                        vm: guest.name, host: now.host, from: before.at - began, until: now.at - began,
                        cpuPercent: share, believedPercent: now.believedPercent(of: guest))))
        }
    }
}

import Basis
import Hypervisor
import Placement

/// The hosts and guests of an experiment: lets the guests want what a load says, and measures what becomes of it.
///
/// Safe because a world runs on one thread.
final class MeasuredFleet: @unchecked Sendable {
    let ring: RingWorld
    private(set) var meter: ViolationMeter
    private(set) var online: OnlineMeter
    /// When the experiment began.
    let began: MonotonicInstant
    private let guests: [VMID]
    private let guestIndex: [VMID: Int]
    private let nodeIndex: [NodeID: Int]
    private let vcpus: Int
    /// How fast each guest writes to memory when it uses its CPUs wholly, in MiB per second.
    private let dirtyMiBPerSecond: [Int]
    /// What 100 % are of what the load says besides CPU, in MiB per second.
    private let mostMiBPerSecond: [LoadKind: Int]
    /// By node, the guests of which a copy stands there, and whether it runs.
    private var standing: [[Int: Bool]]
    /// By guest, the nodes on which a copy of it stands.
    private var copies: [[Int]]
    private var operators: [Int: ModelledDriver] = [:]

    /// Adds all hosts with their guests, which want nothing yet.
    ///
    /// - Parameter shares: what the load says besides CPU.
    init(_ ring: RingWorld, _ shape: FleetShape, _ shares: [LoadShare], using generator: inout SplitMix64) async throws
    {
        self.ring = ring
        self.began = ring.world.now
        let count = shape.vms
        self.vcpus = shape.vcpus
        self.guests = (0..<count).map { VMID(stringLiteral: "vm\($0 + 1)") }
        self.guestIndex = Dictionary(uniqueKeysWithValues: self.guests.enumerated().map { ($1, $0) })
        self.nodeIndex = Dictionary(uniqueKeysWithValues: ring.nodes.enumerated().map { ($1, $0) })
        self.dirtyMiBPerSecond = (0..<count).map { _ in shape.drawDirtyRate(using: &generator) }
        self.mostMiBPerSecond = Dictionary(uniqueKeysWithValues: shares.map { ($0.kind, $0.mostMiBPerSecond) })
        let places = (0..<count).map { $0 % ring.nodes.count }
        self.meter = ViolationMeter(
            nodes: ring.nodes.count, capacity: shape.usable, places: places)
        self.online = OnlineMeter(nodes: ring.nodes.count, places: places, at: ring.world.now)
        self.copies = places.map { [$0] }
        self.standing = Array(repeating: [:], count: ring.nodes.count)
        for (guest, node) in places.enumerated() { self.standing[node][guest] = true }
        for (index, node) in ring.nodes.enumerated() {
            let running = self.standing[index].keys.sorted().map { guest in
                ModelledGuest(
                    vm: self.guests[guest], demand: Resources(cpuMillicores: 0, memoryMiB: shape.memoryMiB))
            }
            try await ring.addHost(
                ModelledHostSettings(node: node, capacity: shape.capacity, linkMbps: shape.linkMbps), running: running)
        }
        try await self.watch()
    }

    private func watch() async throws {
        let fleet = self.ring.fleet
        try await self.ring.hosts.run {
            await fleet.watch { [weak self] views in
                for view in views { self?.see(view) }
            }
        }
    }

    private func see(_ view: ModelledHostView) {
        guard let node = self.nodeIndex[view.node] else { return }
        let now = self.ring.world.now
        var present: [Int: Bool] = [:]
        for copy in view.copies {
            guard let guest = self.guestIndex[copy.vm] else { continue }
            let isRunning = copy.presence == .running
            present[guest] = isRunning
            if isRunning { self.meter.guest(guest, runsOn: node, at: now) }
            if self.standing[node][guest] == nil { self.copies[guest].append(node) }
        }
        for guest in self.standing[node].keys.sorted() where present[guest] != true {
            if self.meter.place(of: guest) == node { self.meter.guest(guest, runsOn: nil, at: now) }
            if present[guest] == nil { self.copies[guest].removeAll { $0 == node } }
        }
        self.online.change(node, by: present.count - self.standing[node].count, at: now)
        self.standing[node] = present
    }

    /// Lets the guests want what the load says, until `duration` is over.
    func apply(_ load: any GuestLoad, for duration: Duration) async throws {
        var load = load
        while let change = load.next(), change.at < duration {
            try await self.ring.world.time.sleep(until: self.began + change.at)
            try await self.set(change)
        }
        try await self.ring.world.time.sleep(until: self.began + duration)
        self.meter.conclude(at: self.ring.world.now)
    }

    /// While a guest is handed over, each of its copies is told.
    private func set(_ change: LoadChange) async throws {
        let guest = change.vm
        let request = self.note(change)
        for node in self.copies[guest] {
            let driver = try await self.driver(of: node)
            _ = try await self.ring.hosts.run { try await driver.ask(request) }
        }
    }

    /// Has a change measured.
    ///
    /// - Returns: how its guest's host is told.
    private func note(_ change: LoadChange) -> ModelledRequest {
        let (guest, vm, now) = (change.vm, self.guests[change.vm], self.ring.world.now)
        let mebibytes = self.mostMiBPerSecond[change.kind, default: 0]
        let kibibytes = mebibytes * 1_024 * change.percent / 100
        switch change.kind {
        case .cpu:
            let cpuMillicores = change.percent * 10 * self.vcpus
            self.meter.guest(guest, wants: cpuMillicores, at: now)
            // Writes either follow the CPU or are a share of their own.
            let writesFollow = self.mostMiBPerSecond[.dirty] == nil
            return .setDemand(
                vm, cpuMillicores: cpuMillicores,
                dirtyMiBPerSecond: writesFollow ? self.dirtyMiBPerSecond[guest] * change.percent / 100 : nil)
        case .disk:
            self.meter.guest(guest, wants: kibibytes, of: .disk, at: now)
            return .setRates(vm, ModelledRates(diskKiBPerSecond: kibibytes))
        case .network:
            self.meter.guest(guest, wants: kibibytes, of: .network, at: now)
            return .setRates(vm, ModelledRates(networkKiBPerSecond: kibibytes))
        case .dirty:
            return .setRates(vm, ModelledRates(dirtyMiBPerSecond: mebibytes * change.percent / 100))
        }
    }

    private func driver(of node: Int) async throws -> ModelledDriver {
        if let known = self.operators[node] { return known }
        let (fleet, id) = (self.ring.fleet, self.ring.nodes[node])
        let driver = try await self.ring.hosts.run { await fleet.driver(for: id) }
        self.operators[node] = driver
        return driver
    }
}

import Basis
import Settings

/// What all parts of one run share.
struct RunContext: Sendable {
    var fleet: FleetSettings
    var network: HostNetwork
    var image: ImageReference
    var spread: HostSpread
    var schedule: RetrySchedule
    var time: any TimeSource
    var meter: DeploymentMeter
    /// Of hosts that are being made ready.
    var hosts: Turnstile
    /// Of guests that are being booted, over all hosts.
    var boots: Turnstile
    /// Whether agents may have moved guests since they were recorded, and may move them now.
    var doGuestsMove: Bool

    func sleep(_ duration: Duration) async throws(RunFailure) {
        do {
            try await self.time.sleep(for: duration)
        } catch {
            throw .cancelled
        }
    }

    func definition(of guest: GuestRecord) -> GuestDefinition {
        GuestDefinition(
            name: guest.identity.name, vcpus: guest.template.vcpus, memoryMiB: guest.template.memoryMiB,
            diskGiB: guest.template.diskGiB, address: guest.identity.address, mac: guest.identity.mac,
            network: self.network, image: self.image)
    }
}

/// Does something for each of many, so many at a time.
enum Windowed {
    /// - Throws: the first failure, after the others were cancelled and have ended.
    static func run<Element: Sendable>(
        _ elements: [Element], atOnce: Int,
        _ body: @escaping @Sendable (Element) async throws(RunFailure) -> Void
    ) async throws(RunFailure) {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                var rest = elements.makeIterator()
                for _ in 0..<atOnce {
                    guard let element = rest.next() else { break }
                    group.addTask { try await body(element) }
                }
                while try await group.next() != nil {
                    if let element = rest.next() { group.addTask { try await body(element) } }
                }
            }
        } catch let failure as RunFailure {
            throw failure
        } catch {
            preconditionFailure("a part of a run failed with \(error)")
        }
        if Task.isCancelled { throw .cancelled }
    }
}

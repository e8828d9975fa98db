import ArgumentParser
import Basis
import Hypervisor
import Placement

/// The socket of a host that is served by another process.
struct HostSocket: ParsableArguments {
    @Option(help: "Where the host listens.")
    var socket: String

    /// Asks the host, and lets go of its socket whatever it answers.
    ///
    /// - Throws: ``HostRefusal`` with the host's own words.
    func ask<Answer: Sendable>(
        _ question: (ModelledSocketDriver) async throws(HypervisorError) -> Answer
    ) async throws -> Answer {
        let driver = ModelledSocketDriver(path: self.socket, time: SystemTimeSource())
        do throws(HypervisorError) {
            let answer = try await question(driver)
            await driver.close()
            return answer
        } catch {
            await driver.close()
            throw HostRefusal(error)
        }
    }
}

/// Why a host did not do what it was asked.
struct HostRefusal: Error, CustomStringConvertible {
    let description: String

    init(_ error: HypervisorError) {
        self.description =
            switch error {
            case .noSuchVM(let vm): "there is no \(vm) on this host"
            case .unreachable(let reason), .refused(let reason), .failed(let reason), .aborted(let reason): reason
            }
    }
}

/// Where the guests of a host stand, by the host's own word.
struct GuestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guests", abstract: "List the guests of a host that is served.",
        discussion: "One line a guest, with a tab between columns; the first line names them.")

    @OptionGroup var host: HostSocket

    func run() async throws {
        let guests = try await self.host.ask { driver throws(HypervisorError) in try await driver.listDomains() }
        print("vm", "presence", "wants_millicores", "gets_millicores", "memory_mib", "dirty_mib_s", separator: "\t")
        for guest in guests {
            print(
                guest.vm, guest.presence, guest.demand.cpuMillicores, guest.usedCPUMillicores, guest.demand.memoryMiB,
                guest.dirtyMiBPerSecond, separator: "\t")
        }
    }
}

/// Changes what guests want, as their users would: the hypervisor's own figures change, and the agent has to notice.
struct DemandCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demand", abstract: "Change what guests of a host that is served want from now on.")

    @OptionGroup var host: HostSocket

    @Argument(
        help: ArgumentHelp(
            "Millicores wanted, and MiB/s written to memory if that is to change as well.",
            valueName: "name:cpu=500[,dirty=10]"),
        transform: DemandArgument.init)
    var demands: [DemandArgument]

    func run() async throws {
        try await self.host.ask { driver throws(HypervisorError) in
            for demand in self.demands {
                try await driver.setDemand(
                    of: demand.vm, cpuMillicores: demand.cpuMillicores, dirtyMiBPerSecond: demand.dirtyMiBPerSecond)
            }
        }
    }
}

import ArgumentParser
import Basis
import Glibc
import Hypervisor
import Logging
import NIOCore
import NIOPosix
import Placement

/// Serves one modelled host until it is killed, which is that host's power failure.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve one modelled host; what is done when no verb is given.",
        discussion:
            "It is up when it has printed its 'ready' line. Killing it is a crash of the host and of every VM on it.")

    @Option(help: "Where to listen. A socket that nobody serves any more is replaced.")
    var socket: String

    @Option(help: "The name of the node.", transform: Self.node)
    var node: NodeID

    @Option(help: "CPU capacity, in millicores.")
    var cpu: Int

    @Option(help: "Memory, in MiB.")
    var memory: Int

    @Option(help: "Speed of the migration link in each direction, in Mbit/s.")
    var linkMbps = 1_000

    @Option(help: "The longest pause of a guest at the end of its migration, in milliseconds.")
    var downtimeMs = 300

    @Option(help: "What guests started here need elsewhere.")
    var cpuModel = "modelled"

    @Option(
        name: .customLong("vm"), parsing: .singleValue,
        help: ArgumentHelp(
            "A VM to start with: millicores wanted, MiB of memory, MiB/s written, percent of the memory written to. May be repeated.",
            valueName: "name:cpu=500,memory=512[,dirty=10][,working-set=90]"),
        transform: GuestArgument.init)
    var vms: [GuestArgument] = []

    func validate() throws {
        guard (1...Resources.amountMax).contains(self.cpu) else { throw ValidationError("--cpu must be at least 1") }
        guard (1...Resources.amountMax).contains(self.memory) else {
            throw ValidationError("--memory must be at least 1")
        }
        guard (1...ModelledHostSettings.linkMbpsMax).contains(self.linkMbps) else {
            throw ValidationError("--link-mbps must be 1 to \(ModelledHostSettings.linkMbpsMax)")
        }
        guard (0...60_000).contains(self.downtimeMs) else {
            throw ValidationError("--downtime-ms must be 0 to 60000")
        }
    }

    func run() async throws {
        // The socket is for this user alone.
        umask(0o077)
        let log = Logger(label: "modelled-host", factory: { StreamLogHandler.standardError(label: $0) })
        let settings = ModelledHostSettings(
            node: self.node, capacity: Resources(cpuMillicores: self.cpu, memoryMiB: self.memory),
            linkMbps: self.linkMbps, endpoint: MigrationEndpoint(uri: self.socket),
            downtimeMax: .milliseconds(self.downtimeMs), cpuModel: self.cpuModel)
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let host = ModelledHostServer(settings, time: SystemTimeSource(), on: threads.next(), log: log)
        do throws(HypervisorError) {
            for vm in self.vms { try await host.boot(vm.guest) }
        } catch {
            throw ValidationError("\(error)")
        }
        do throws(ModelledSocketError) {
            try await host.listen(at: self.socket)
        } catch {
            throw ValidationError("\(error)")
        }
        print("ready \(self.node) \(self.socket)")
        fflush(nil)
        await host.untilClosed()
    }

    private static func node(_ text: String) throws -> NodeID {
        guard let node = NodeID(text) else {
            throw ValidationError("'\(text)' is not a node name: 1 to \(NodeID.lengthMax) of a-z A-Z 0-9 . _ -")
        }
        return node
    }
}

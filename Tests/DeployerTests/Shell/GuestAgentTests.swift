import Basis
import Deployer
import Foundation
import Settings
import Synchronization
import Testing

/// Says the same to every command, and remembers the last.
final class CannedShell: HostShell {
    let time: any TimeSource = SystemTimeSource()
    private let output: String
    private let last = Mutex<HostCommand?>(nil)

    init(_ output: String) { self.output = output }

    var arguments: [String] { self.last.withLock { $0?.arguments ?? [] } }

    func run(_ command: HostCommand) async throws(HostShellFailure) -> CommandResult {
        self.last.withLock { $0 = command }
        return CommandResult(ending: .exited(0), output: Array(self.output.utf8))
    }
}

@Suite("Guests through their agents")
struct GuestAgentTests {
    private static func host(_ shell: CannedShell) -> ShellHost {
        ShellHost(id: "h1", shell: shell, deployment: "test", machine: GuestMachine())
    }

    private static let load = InjectedLoad(
        cpuPercent: 60, memory: InjectedMemory(sizeMiB: 64, mibPerSecond: 8), diskMiBPerSecond: 3,
        traffic: InjectedLoad.Traffic(to: "vm-2", mibPerSecond: 2))

    @Test("an order is a program for /bin/sh, whose arguments say what and for how long")
    func order() async throws {
        let shell = CannedShell("ended 0 \n")
        let task = GuestTask(load: Self.load, address: IPv4Address("10.1.0.3"), duration: .milliseconds(10_001))
        #expect(try await Self.host(shell).inject(task, into: "vm-1", within: .seconds(1)) == .done)
        #expect(shell.arguments.prefix(2) == ["vm-1", "test"])
        struct Order: Decodable {
            struct Arguments: Decodable {
                var path: String
                var arg: [String]
            }
            var execute: String
            var arguments: Arguments
        }
        let order = try JSONDecoder().decode(Order.self, from: Data(shell.arguments[2].utf8))
        #expect(order.execute == "guest-exec" && order.arguments.path == "/bin/sh")
        #expect(order.arguments.arg.first == "-c")
        #expect(order.arguments.arg.suffix(7) == ["11", "60", "64", "8", "3", "10.1.0.3", "2"])
        #expect(shell.arguments[2].utf8.count < HostCommand.scriptBytesMax / 2)
    }

    @Test("to be idle takes no worker")
    func idle() async throws {
        let shell = CannedShell("ended 0 \n")
        let task = GuestTask(load: .idle, duration: .seconds(5))
        #expect(try await Self.host(shell).inject(task, into: "vm-1", within: .seconds(1)) == .done)
        #expect(!shell.arguments[2].contains("urandom"))
    }

    @Test(
        "what the host says of the guest is read, whatever it is",
        arguments: [
            ("elsewhere\n", InjectionAnswer.notHere),
            ("silent error: Guest agent is not\n", .silent(words: "error: Guest agent is not")),
            ("ended 0 \n", .done), ("ended 70 bm8gcGluZwo=\n", .refused(words: "no ping")),
            ("ended 127 \n", .refused(words: "exit status 127")),
            ("ended 1 !!\n", .refused(words: "exit status 1")), ("", .silent(words: "no reason given")),
            ("ended\n", .refused(words: "exit status ")),
        ])
    func answers(told: String, expected: InjectionAnswer) async throws {
        let task = GuestTask(load: .idle, duration: .seconds(5))
        #expect(try await Self.host(CannedShell(told)).inject(task, into: "vm-1", within: .seconds(1)) == expected)
    }

    @Test("a name that is fit for no file is refused before the host is asked")
    func badName() async throws {
        let shell = CannedShell("ended 0 \n")
        await #expect(throws: HostFailure.self) {
            try await Self.host(shell).inject(
                GuestTask(load: .idle, duration: .seconds(1)), into: "a b", within: .seconds(1))
        }
        #expect(shell.arguments.isEmpty)
    }

    @Test("processor times are read; a line that is none is left out")
    func times() async throws {
        let shell = CannedShell("28352.56\nvm-1 2 12230000000\nvm-3 0 5\nvm-4 1\nvm-5 1 x\nvm-6 1 -1\n")
        let times = try await Self.host(shell).processorTimes(within: .seconds(1))
        #expect(times.takenAtNanoseconds == 28_352_560_000_000)
        #expect(times.guests == [ProcessorTimes.Guest(name: "vm-1", vcpus: 2, nanoseconds: 12_230_000_000)])
        for bad in ["", "x\n", "1.0 2\n", "-1.00\n", "99999999999999999.99\n"] {
            await #expect(throws: HostFailure.self) {
                try await Self.host(CannedShell(bad)).processorTimes(within: .seconds(1))
            }
        }
    }

    /// A guest as dvmsd tells of it.
    private static func guest(_ name: String, _ millicores: String) -> String {
        #"{"vm":"\#(name)","presence":"running","dirty_mib_s":0,"migratable":true,"demand":{"cpu_millicores":"#
            + #"\#(millicores),"memory_mib":128,"disk_kib_s":0,"net_kib_s":0}}"#
    }

    private static func answer(_ guests: String...) -> String {
        #"{"vms":[\#(guests.joined(separator: ","))]}"#
    }

    @Test("the deployment's dvmsd on the host is asked what guests want")
    func asked() async throws {
        let shell = CannedShell(Self.answer(Self.guest("vm-1", "1500"), Self.guest("vm-2", "0")) + "\nmore\n")
        let believed = await Self.host(shell).believedDemands(within: .seconds(1))
        #expect(believed == ["vm-1": 1_500, "vm-2": 0])
        #expect(shell.arguments == ["\(ShellHost.folder(of: "test"))/agent", "h1", "vms"])
    }

    @Test("a guest with a name that is none or a demand that is none is left out, and of two of one name the second")
    func leftOut() async {
        let told = Self.answer(
            Self.guest("a b", "1"), Self.guest("../x", "1"), Self.guest("", "1"), Self.guest("vm-3", "-1"),
            Self.guest("vm-4", "7"), Self.guest("vm-4", "8"), Self.guest("vm-5", "\(Int.max)"))
        let believed = await Self.host(CannedShell(told)).believedDemands(within: .seconds(1))
        #expect(believed == ["vm-4": 7, "vm-5": .max])
    }

    @Test(
        "nothing is known from what is no answer to that",
        arguments: [
            "", "\n", "dvmsd: no\n", "[]\n", "7\n", "{}\n", #"{"vms":7}"#, #"{"vms":[{"vm":"vm-1"}]}"#,
            #"{"done":true}"#, #"{"id":1,"ok":{"vms":[]},"v":1}"#,
            GuestAgentTests.answer(GuestAgentTests.guest("vm-1", "1e99")),
            GuestAgentTests.answer(GuestAgentTests.guest("vm-1", "0.5")), String(repeating: "[", count: 100_000),
            "\u{0}\u{FFFD}",
        ])
    func noAnswer(told: String) async {
        #expect(await Self.host(CannedShell(told)).believedDemands(within: .seconds(1)).isEmpty)
    }

    @Test("nothing is known from an answer that was cut off, wherever that was")
    func cutOff() async {
        let whole = Self.answer(Self.guest("vm-1", "1500"))
        for length in 0..<whole.count {
            let believed = await Self.host(CannedShell(String(whole.prefix(length)))).believedDemands(
                within: .seconds(1))
            #expect(believed.isEmpty, "\(length)")
        }
    }
}

import Foundation
import Testing

@Suite("The program dvms deploy")
struct DeployProgramTests {
    private let folder: TemporaryFolder
    private let fleet: String
    private let state: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.fleet = "\(self.folder.path)/fleet.yaml"
        self.state = "\(self.folder.path)/state"
        try """
        fleet: small
        inventory:
          hosts:
            - {id: h1, address: 192.0.2.1}
            - {id: h2, address: 192.0.2.2}
            - {id: h3, address: 192.0.2.3}
        booking: {hosts: 2, spares: 1}
        network: {subnet: 10.1.0.0/24}
        image: {file: debian.qcow2}
        templates:
          - {name: t, memory: 1GiB}
        vms:
          - {template: t, count: 5, name: "vm-{n}"}
        """.write(toFile: self.fleet, atomically: true, encoding: .utf8)
    }

    private func deploy(_ verb: String, _ more: String...) throws -> ProgramRun {
        try ProgramRun(["deploy", verb, self.fleet, "--state", self.state] + more)
    }

    private func json(_ run: ProgramRun) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run)")
    }

    @Test("plans, applies, tells the status and destroys, and says that hosts are modelled")
    func life() throws {
        let plan = try self.deploy("plan")
        #expect(plan.status == 0 && plan.output.contains("make and boot new VMs"), "\(plan)")
        #expect(plan.output.contains("nothing is recorded"))
        #expect(!FileManager.default.fileExists(atPath: self.state))

        let out = "\(self.folder.path)/out"
        let apply = try self.deploy("apply", "--modelled", "--out", out)
        #expect(apply.status == 0, "\(apply)")
        #expect(apply.output.hasPrefix("small: 5 of 5 VMs run on 2 hosts, after "))
        #expect(apply.output.contains("virtual time on modelled hosts") && apply.errors.contains("modelled hosts"))
        let files = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        #expect(files == ["dvmsd.yaml", "hosts.csv", "inventory.ini", "ssh_config", "vms.csv"])

        let status = try self.json(self.deploy("status", "--json"))
        let guests = try #require(status["vms"] as? [[String: Any]])
        #expect(guests.map { $0["address"] as? String } == (2...6).map { "10.1.0.\($0)" })
        #expect(guests.allSatisfy { $0["stage"] as? String == "running" })
        let again = try self.deploy("plan")
        #expect(again.output.contains("look at VMs that run") && !again.output.contains("make and boot"))

        let destroy = try self.json(self.deploy("destroy", "--modelled", "--json"))
        #expect((destroy["hosts"] as? [Any])?.isEmpty == true && (destroy["vms"] as? [Any])?.isEmpty == true)
        let gone = try self.deploy("status")
        #expect(gone.status == 2 && gone.errors.contains("no deployment small is recorded"), "\(gone)")
    }

    @Test("has no modelled hosts for a batch system, and says so")
    func batch() throws {
        let text = try String(contentsOfFile: self.fleet, encoding: .utf8)
        try text.replacing("booking: {", with: "booking: {provider: slurm, ")
            .write(toFile: self.fleet, atomically: true, encoding: .utf8)
        let apply = try self.deploy("apply", "--modelled")
        #expect(apply.status == 2 && apply.errors.contains("set provider: inventory"), "\(apply)")
        let status = try self.deploy("status")
        #expect(status.status == 2, "\(status)")
    }

    @Test("refuses a second apply of the same fleet with a status of its own")
    func locked() throws {
        try FileManager.default.createDirectory(atPath: self.state, withIntermediateDirectories: true)
        let holder = Process()
        let locked = Pipe()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        holder.arguments = ["--no-fork", "\(self.state)/small.lock", "sh", "-c", "echo locked; exec sleep 600"]
        holder.standardOutput = locked
        try holder.run()
        #expect(String(decoding: locked.fileHandleForReading.availableData, as: UTF8.self) == "locked\n")
        let second = try self.deploy("apply", "--modelled")
        #expect(second.status == 6 && second.errors.contains("another apply or destroy of small is running"))
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        #expect(try self.deploy("apply", "--modelled").status == 0)
    }

    @Test("looks at the agents' program and settings before any host is touched")
    func agents() throws {
        let fleet = try String(contentsOfFile: "\(self.folder.path)/fleet.yaml", encoding: .utf8)
        func apply(_ agents: String, _ hosts: String...) throws -> ProgramRun {
            let path = "\(self.folder.path)/agents.yaml"
            try "\(fleet)\nagents: \(agents)\n".write(toFile: path, atomically: true, encoding: .utf8)
            return try ProgramRun(["deploy", "apply", path, "--state", self.state] + hosts)
        }
        let more = "\(self.folder.path)/more.yaml"
        try "cooldwn: {base: 5s}\n".write(toFile: more, atomically: true, encoding: .utf8)
        let none = try apply("{program: no-such-file}")
        #expect(none.status == 2 && none.errors.contains("no-such-file"), "\(none)")
        let bad = try apply("{program: no-such-file, settings: more.yaml}", "--modelled")
        #expect(bad.status == 2 && bad.errors.contains("cooldwn: unknown key; did you mean cooldown?"), "\(bad)")
        #expect(try self.deploy("status").status == 2)

        try "cooldown: {base: 5s}\n".write(toFile: more, atomically: true, encoding: .utf8)
        let good = try apply("{program: no-such-file, settings: more.yaml}", "--modelled")
        #expect(good.status == 0 && good.output.contains("\nagent "), "\(good)")
        #expect(FileManager.default.fileExists(atPath: "\(self.state)/agents/small/h1.key"))
        #expect(try self.deploy("destroy", "--modelled").status == 0)
        #expect(!FileManager.default.fileExists(atPath: "\(self.state)/agents/small"))
    }

    @Test("makes an authority anew of which only the key was written, and tells of keys that are left")
    func stoppedBetweenKeys() throws {
        let fleet = try String(contentsOfFile: self.fleet, encoding: .utf8)
        try "\(fleet)\nagents: {program: no-such-file}\n".write(toFile: self.fleet, atomically: true, encoding: .utf8)
        let folder = "\(self.state)/agents/small"
        func leaveKey() throws {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try "half".write(toFile: "\(folder)/ca.key", atomically: true, encoding: .utf8)
        }
        try leaveKey()
        let apply = try self.deploy("apply", "--modelled")
        #expect(apply.status == 0, "\(apply)")
        #expect(FileManager.default.fileExists(atPath: "\(folder)/ca.pem"))
        #expect(try String(contentsOfFile: "\(folder)/ca.key", encoding: .utf8) != "half")
        #expect(try self.deploy("destroy", "--modelled").status == 0)
        try leaveKey()
        let again = try self.deploy("destroy", "--modelled")
        #expect(again.status == 2 && again.errors.contains("no deployment small is recorded"), "\(again)")
        #expect(again.errors.contains("keys of its agents are left in \(folder)"), "\(again)")
        // The authority of certificates that are there is not made anew.
        try "issued".write(toFile: "\(folder)/h1.pem", atomically: true, encoding: .utf8)
        #expect(try self.deploy("apply", "--modelled").status == 1)
        #expect(try String(contentsOfFile: "\(folder)/ca.key", encoding: .utf8) == "half")
        try FileManager.default.removeItem(atPath: "\(folder)/ca.key")
        #expect(try self.deploy("apply", "--modelled").status == 1)
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/ca.pem"))
    }

    @Test("has a status for what is wrong with the command line, the file and the fleet")
    func failures() throws {
        #expect(try self.deploy("apply", "--refused", "3").errors.contains("--refused goes with --modelled"))
        #expect(try self.deploy("destroy").status == 2)
        let keyless = try self.deploy("apply", "--guest-keys", "\(self.folder.path)/none.pub")
        #expect(keyless.status == 2 && keyless.errors.contains("none.pub"), "\(keyless)")
        try "fleet: small\nseeds: 1\n".write(
            toFile: "\(self.folder.path)/bad.yaml", atomically: true, encoding: .utf8)
        let bad = try ProgramRun("deploy", "plan", "\(self.folder.path)/bad.yaml", "--state", self.state)
        #expect(bad.status == 2 && bad.errors.contains("bad.yaml:2: seeds: unknown key; did you mean seed?"))
        #expect(bad.errors.contains("bad.yaml:1: network.subnet: missing"))
        let failing = try self.deploy("apply", "--modelled", "--refused", "1000")
        #expect(failing.status == 1 && failing.output.contains("is set aside") == false, "\(failing)")
        #expect(failing.errors.contains("h1 is set aside") && failing.errors.contains("0 of 5 VMs run"))
        #expect(try self.deploy("apply", "--modelled").status == 0)
    }
}

import Foundation
import Glibc
import Testing

/// What goes over ssh is tried with a real sshd in `DeployerTests`; here commands run on this machine.
@Suite("The program dvms exec")
struct ExecProgramTests {
    @Test("shows alike hosts together, what went wrong last, and ends with 1")
    func folded() throws {
        let run = try ProgramRun("exec", "--local", "--hosts", "n[1-3]", "--", "echo hi; echo there; exit 3")
        #expect(run.output == "n[1-3] (3), exit status 3:\n  hi\n  there\n", "\(run)")
        #expect(run.status == 1 && run.errors == "dvms: 3 of 3 hosts did not end with 0\n", "\(run)")
    }

    @Test("goes to all hosts of a fleet's inventory")
    func fleet() throws {
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let fleet = package.appendingPathComponent("configs/fleet.yaml").path
        let run = try ProgramRun("exec", "--local", "--fleet", fleet, "--", "echo hi")
        #expect(run.output == "h[1-4] (4): hi\n" && run.status == 0, "\(run)")
    }

    @Test("gives several words to the command as they are, and ends with 0")
    func words() throws {
        let run = try ProgramRun("exec", "--local", "--hosts", "n1", "--", "printf", "%s|", "a b", "$(id)", "'")
        #expect(run.output == "n1 (1): a b|$(id)|'|\n" && run.status == 0 && run.errors.isEmpty, "\(run)")
    }

    @Test("writes a JSON object a host, with bytes that are no text in base64")
    func json() throws {
        let run = try ProgramRun("exec", "--local", "--json", "--hosts", "n1", "--", #"printf 'a\377'; kill -9 $$"#)
        #expect(run.output.contains(#""errors":"","host":"n1","milliseconds":"#), "\(run)")
        #expect(run.output.contains(#""output_base64":"Yf8=","signal":9"#) && run.status == 1, "\(run)")
    }

    @Test("takes from hosts nothing that a terminal would obey")
    func escapes() throws {
        let run = try ProgramRun("exec", "--local", "--hosts", "n1", "--", #"printf '\033[31mx\ty'"#)
        #expect(run.output == "n1 (1): \u{FFFD}[31mx\ty\n", "\(run)")
    }

    @Test("keeps connections in a folder of the user's, in none that others may reach, and nothing with --keep 0s")
    func kept() throws {
        let runtime = try TemporaryFolder()
        let folder = "\(runtime.path)/dvms-ssh"
        // Port 1 of loopback: tcpmux, which nobody serves.
        func run(_ keep: [String]) throws -> ProgramRun {
            try ProgramRun(
                ["exec", "--hosts", "127.0.0.1", "--port", "1", "--known-hosts", "/dev/null"] + keep + ["--", "true"],
                environment: ["XDG_RUNTIME_DIR": runtime.path])
        }
        let alone = try run(["--keep", "0s"])
        #expect(alone.status == 1 && alone.output.contains("cannot be reached"), "\(alone)")
        #expect(!FileManager.default.fileExists(atPath: folder))
        let kept = try run([])
        #expect(kept.status == 1 && kept.output.contains("cannot be reached"), "\(kept)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        try #require(chmod(folder, 0o755) == 0)
        let refused = try run(["--keep", "10s"])
        #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
        #expect(refused.errors.contains("\(folder), which has mode 755"), "\(refused)")
        #expect(refused.errors.contains("--keep 0s keeps none"), "\(refused)")
    }

    @Test(
        "says what is wrong with the command line, and ends with 2",
        arguments: [
            (["exec", "--local", "--hosts", "n[3-1]", "--", "true"], "'3-1' at character 3"),
            (["exec", "--local", "--hosts", "n1"], "a command is missing"),
            (["exec", "--local", "--hosts", "n1", "--window", "0", "--", "true"], "--window is a number of 1"),
            (["exec", "--local", "--", "true"], "either --hosts or --fleet"),
            (["exec", "--hosts", "a", "--fleet", "b", "--", "true"], "either --hosts or --fleet"),
            (["exec", "--local", "--fleet", "/no/such/fleet.yaml", "--", "true"], "/no/such/fleet.yaml"),
            (["exec", "--hosts", "n1", "--tree", "65", "--", "true"], "--tree is a number of 1 to 64"),
            (["exec", "--local", "--hosts", "n1", "--tree", "2", "--", "true"], "exclude each other"),
            (["exec", "--hosts", "n1", "--user=-x", "--known-hosts", "/dev/null", "--", "true"], "'-x' is no user"),
            (["exec", "--hosts", "n1", "--known-hosts", "a\"b", "--", "true"], "cannot be given the path"),
            (["exec", "--hosts", "n1", "--keep", "5", "--", "true"], "'5' is not a duration"),
            (["pull", "/f", "--hosts", "n1", "--into", "d", "--keep=-1s"], "is not a duration"),
        ])
    func badInput(arguments: [String], words: String) throws {
        let run = try ProgramRun(arguments)
        #expect(run.status == 2 && run.errors.contains(words) && run.output.isEmpty, "\(run)")
    }
}

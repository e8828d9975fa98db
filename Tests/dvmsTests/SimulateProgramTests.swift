import Foundation
import Testing

@Suite("The program dvms simulate")
struct SimulateProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    @Test("prints a line for each seed, as a table and as JSON with the promised keys")
    func prints() throws {
        let arguments = ["simulate", "--nodes", "8", "--duration", "60s", "--runs", "2", "--seed", "5"]
        let table = try ProgramRun(arguments)
        #expect(table.status == 0 && table.errors.isEmpty, "\(table)")
        let lines = table.output.split(separator: "\n")
        #expect(lines.first == "vmplaces, 8 nodes, 80 VMs, 60 s, dvms")
        #expect(lines.dropFirst(2).prefix(2).map { $0.split(separator: " ").first } == ["5", "6"])
        #expect(lines.last?.hasPrefix("mean of 2 seeds: ") == true)

        let json = try ProgramRun(arguments + ["--format", "json"])
        let results = try json.output.split(separator: "\n").map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(results.map { $0["seed"] as? Int } == [5, 6])
        let keys: Set = [
            "format", "preset", "nodes", "vms", "duration_s", "algorithm", "seed", "wall_s", "cpu_s", "peak_rss_mib",
            "events", "violations", "isps", "migrations", "messages_total", "messages", "online", "trace_hash",
        ]
        for result in results {
            #expect(Set(result.keys) == keys)
            #expect(result["format"] as? String == "dvms-simulation/1")
            #expect((result["wall_s"] as? Double ?? 0) > 0 && (result["peak_rss_mib"] as? Int ?? 0) > 0)
        }
    }

    @Test("leaves a set of files for each seed")
    func files() throws {
        let out = "\(self.folder.path)/a/b"
        let run = try ProgramRun(
            "simulate", "--nodes", "8", "--duration", "30s", "--algorithm", "central-own", "--out", out)
        #expect(run.status == 0, "\(run)")
        let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        #expect(
            names == [
                "central-own-8-seed1-decisions.csv", "central-own-8-seed1-migrations.csv",
                "central-own-8-seed1-violations.csv", "central-own-8-seed1.html", "central-own-8-seed1.json",
            ])
        let heading = try String(contentsOfFile: "\(out)/\(names[2])", encoding: .utf8)
        #expect(heading == "node,began_s,ended_s,made_by_arrival\n")
    }

    @Test("does what a file says, and what the command line says before it")
    func scenario() throws {
        let file = "\(self.folder.path)/s.yaml"
        try "nodes: 9\nduration: 20s\nalgorithm: none\nseed: 4\n".write(
            toFile: file, atomically: true, encoding: .utf8)
        let run = try ProgramRun("simulate", file, "--nodes", "7")
        #expect(run.status == 0, "\(run)")
        #expect(run.output.hasPrefix("vmplaces, 7 nodes, 70 VMs, 20 s, none\n"))
        try "nodes: 1\nalgorithm: some\n".write(toFile: file, atomically: true, encoding: .utf8)
        let bad = try ProgramRun("simulate", file)
        #expect(bad.status == 2, "\(bad)")
        #expect(bad.errors.contains("s.yaml:1: nodes: ") && bad.errors.contains("s.yaml:2: algorithm: "))
        try "load: {stepped: {dirty: {max: 50MiB/s}}}\n".write(toFile: file, atomically: true, encoding: .utf8)
        let twice = try ProgramRun("simulate", file, "--dirty-percent", "10")
        #expect(twice.status == 2 && twice.errors.contains("both say how fast VMs write"), "\(twice)")
    }

    @Test(
        "says what is wrong with its command line",
        arguments: [
            (["--nodes", "1"], "--nodes is 2 to 100000"), (["--preset", "grid"], "grid"),
            (["--algorithm", "best"], "best"), (["--duration", "5"], "5s"), (["--runs", "0"], "--runs"),
            (["--nodes", "10", "--sites", "3", "--racks", "4"], "4 racks at each of 3 sites"),
            (["--dirty-percent", "15"], "--dirty-percent"), (["--out", "/proc/none"], "/proc/none cannot be made"),
            (["--preset", "planetlab"], "needs a recorded load"), (["--trace", "/none.csv"], "no such file"),
            (["--preset", "churn", "--algorithm", "central-own"], "come and go"), (["/none.yaml"], "cannot be read"),
        ])
    func badInput(arguments: [String], word: String) throws {
        let run = try ProgramRun(["simulate"] + arguments)
        #expect(run.status == 2 && run.errors.contains(word), "\(run)")
    }
}

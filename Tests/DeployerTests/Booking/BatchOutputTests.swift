import Basis
import Deployer
import Settings
import Testing

/// What the clients of OAR 2.5.9 and Slurm 22.05.8 printed on the lab, cut to what is read and some of what is not.
@Suite("What batch systems say")
struct BatchOutputTests {
    private static let oar = OARClient(OARSettings())
    private static let slurm = SlurmClient(SlurmSettings())

    private static func oarJob(_ number: Int, _ fields: String) -> String {
        """
        {
           "\(number)" : {
              "stopTime" : 0,
              "message" : "R=2,W=0:10:0,J=B,N=dvms-e-1,T=deploy (Karma=0.000,quota_ok)",
              "types" : [
                 "deploy"
              ],
              "cpuset_name" : null,
              "Job_Id" : \(number),
              "assigned_resources" : [
                 1,
                 2
              ],
              \(fields)
           }
        }

        """
    }

    private static let waiting = oarJob(
        8,
        #""startTime" : 0, "scheduledStart" : 1795898096, "walltime" : 600, "assigned_network_address" : [], "state" : "Waiting""#
    )
    private static let fresh = oarJob(
        5,
        #""events" : [], "scheduledStart" : null, "startTime" : 0, "walltime" : null, "state" : "Waiting", "assigned_network_address" : []"#
    )
    private static let running = oarJob(
        7,
        #""startTime" : 1795897494, "assigned_network_address" : ["h3", "h2", "h3"], "walltime" : 600, "scheduledStart" : 1795897494, "state" : "Running""#
    )
    private static let deleted = oarJob(
        4,
        #"""
        "state" : "Error", "startTime" : 1795897407, "scheduledStart" : null, "walltime" : 600,
              "assigned_network_address" : ["h2", "h3"],
              "events" : [
                 {"date" : 1795897406, "type" : "FRAG_JOB_REQUEST", "description" : "User fleet requested to frag the job 4"},
                 {"type" : "SWITCH_INTO_ERROR_STATE", "description" : "[bipbip 4] Ask to change the job state"}
              ]
        """#)

    @Test(
        "is read: OAR's jobs",
        arguments: [
            ("", []), ("\n \n", []),
            (
                Self.waiting,
                [BatchJob(number: 8, state: .waiting, words: "Waiting", startsMilliseconds: 1_795_898_096_000)]
            ),
            (Self.fresh, [BatchJob(number: 5, state: .waiting, words: "Waiting")]),
            (
                Self.running,
                [
                    BatchJob(
                        number: 7, state: .running, words: "Running", startsMilliseconds: 1_795_897_494_000,
                        endsMilliseconds: 1_795_898_094_000, hosts: ["h2", "h3"])
                ]
            ),
            (
                Self.deleted,
                [
                    BatchJob(
                        number: 4, state: .ended, words: "Error, User fleet requested to frag the job 4",
                        startsMilliseconds: 1_795_897_407_000, endsMilliseconds: 1_795_898_007_000)
                ]
            ),
            // Another database gives its numbers as texts; numbers that do not fit stay within their bounds.
            (
                Self.oarJob(9, #""state": "Hold", "startTime": "0", "scheduledStart": "1795898096""#),
                [BatchJob(number: 9, state: .waiting, words: "Hold", startsMilliseconds: 1_795_898_096_000)]
            ),
            (
                Self.oarJob(9, #""state": "Running", "startTime": 18446744073709551615, "walltime": 600"#),
                [
                    BatchJob(
                        number: 9, state: .running, words: "Running", startsMilliseconds: .max, endsMilliseconds: .max)
                ]
            ),
        ] as [(String, [BatchJob])])
    func oarJobs(output: String, jobs: [BatchJob]) throws {
        #expect(try Self.oar.jobs(inInquiry: output) == jobs)
    }

    @Test(
        "is read: Slurm's jobs",
        arguments: [
            ("", []),
            (
                "2|PENDING|N/A|N/A||Resources\n3|PENDING|1798761600|1798762200||BeginTime\n1|RUNNING|1795897250|1795897850|h[2-3]|None\n",
                [
                    BatchJob(
                        number: 1, state: .running, words: "RUNNING", startsMilliseconds: 1_795_897_250_000,
                        endsMilliseconds: 1_795_897_850_000, hosts: ["h2", "h3"]),
                    BatchJob(number: 2, state: .waiting, words: "PENDING, Resources"),
                    BatchJob(
                        number: 3, state: .waiting, words: "PENDING, BeginTime", startsMilliseconds: 1_798_761_600_000),
                ]
            ),
            (
                "1|COMPLETING|1795897250|1795897252|h2|None\n2|CANCELLED|1795897250|1795897252|h[2-3]|None\n",
                [
                    BatchJob(
                        number: 1, state: .ended, words: "COMPLETING", startsMilliseconds: 1_795_897_250_000),
                    BatchJob(number: 2, state: .ended, words: "CANCELLED", startsMilliseconds: 1_795_897_250_000),
                ]
            ),
            (
                "4|PENDING|N/A|N/A||Nodes required for job are DOWN | or \u{7}reserved\n",
                [
                    BatchJob(
                        number: 4, state: .waiting, words: "PENDING, Nodes required for job are DOWN | or  reserved")
                ]
            ),
        ] as [(String, [BatchJob])])
    func slurmJobs(output: String, jobs: [BatchJob]) throws {
        #expect(try Self.slurm.jobs(inInquiry: output) == jobs)
    }

    @Test(
        "is refused when it is none of theirs",
        arguments: [
            "x", "{", "[]", "null", "{\"x\": {\"state\": \"Running\"}}", "{\"0\": {\"state\": \"Running\"}}",
            "{\"1\": {}}", "{\"1\": null}", "{\"1\": {\"state\": 7}}", "{\"1\": {\"state\": \"Sleeping\"}}",
            "{\"1\": {\"state\": \"Running\", \"assigned_network_address\": [1]}}",
            "1|RUNNING|1|2|h1", "-1|RUNNING|1|2|h1|None", "x|RUNNING|1|2|h1|None", "1|SLEEPING|1|2|h1|None",
            "1|RUNNING|1|2||None", "1|RUNNING|1|2|h[1-|None", "1|RUNNING|1|2|h[1-999999999]|None", "|||||",
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            String(repeating: "[", count: 100_000), "\u{FFFD}\u{0}|||||\n",
        ])
    func garbage(output: String) {
        #expect(throws: BatchOutputProblem.self) { _ = try Self.oar.jobs(inInquiry: output) }
        #expect(throws: BatchOutputProblem.self) { _ = try Self.slurm.jobs(inInquiry: output) }
    }

    @Test(
        "is never too strange: bytes of the real answers lost or turned, one after the other",
        arguments: [0, 1, 2, 3])
    func damaged(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        for original in [Self.waiting, Self.running, Self.deleted, "1|RUNNING|1795897250|1795897850|h[2-3]|None\n"] {
            for _ in 0..<500 {
                var bytes = Array(original.utf8)
                let index = Int.random(in: bytes.indices, using: &generator)
                if Bool.random(using: &generator) {
                    bytes.remove(at: index)
                } else {
                    bytes[index] = UInt8.random(in: 0...255, using: &generator)
                }
                let text = String(decoding: bytes, as: UTF8.self)
                for client in [Self.oar, Self.slurm] as [any BatchClient] {
                    // Whatever is read of it names no job without a number, and runs none without being told so.
                    let jobs = (try? client.jobs(inInquiry: text)) ?? []
                    #expect(jobs.allSatisfy { $0.number > 0 && ($0.hosts.isEmpty || $0.state == .running) }, "\(text)")
                }
            }
        }
    }

    @Test(
        "gives the number of a new job, or no number",
        arguments: [
            ("[ADMISSION RULE] Modify resource description with type constraints\nOAR_JOB_ID=12\n", 12, nil),
            ("OAR_JOB_ID=1\nReservation mode: waiting validation...\nReservation valid --> OK\n", 1, nil),
            ("[ADMISSION RULE] Modify resource description\nOAR_JOB_ID=-5\n", nil, nil),
            ("12\n", nil, 12), ("12;cluster\n", nil, 12), ("0\n", nil, nil), ("", nil, nil),
            ("99999999999999999999\nOAR_JOB_ID=99999999999999999999\n", nil, nil),
        ] as [(String, Int?, Int?)])
    func numbers(output: String, oar: Int?, slurm: Int?) {
        #expect((try? Self.oar.number(inSubmission: output)) == oar)
        #expect((try? Self.slurm.number(inSubmission: output)) == slurm)
    }

    @Test("follows from what they are asked: each setting is one argument, whatever is in it")
    func arguments() throws {
        var oar = OARSettings()
        oar.properties = "cluster='a' AND mem > 10; rm -rf /"
        oar.queue = "q"
        oar.project = "p"
        oar.unit = "/switch=1/nodes"
        oar.types = ["deploy", "noop"]
        let begin = try #require(BatchStart("2026-12-01 20:00:00"))
        let submission = BatchSubmission(name: "dvms-a-1", hosts: 3, walltimeSeconds: 7_325)
        #expect(
            OARClient(oar, begin: begin).submission(submission).arguments == [
                "oarsub", "--name=dvms-a-1", "--resource=/switch=1/nodes=3,walltime=2:02:05", "--directory=/",
                "--stdout=/dev/null", "--stderr=/dev/null", "--property=cluster='a' AND mem > 10; rm -rf /",
                "--queue=q", "--project=p", "--type=deploy", "--type=noop", "--reservation=2026-12-01 20:00:00",
                "sleep 7325",
            ])
        var slurm = SlurmSettings()
        slurm.partition = "main"
        slurm.constraint = "a&b"
        slurm.account = "acc"
        #expect(
            SlurmClient(slurm, begin: begin).submission(submission).arguments == [
                "sbatch", "--parsable", "--job-name=dvms-a-1", "--nodes=3", "--time=2:02:05", "--chdir=/",
                "--output=/dev/null", "--error=/dev/null", "--no-kill", "--no-requeue", "--exclusive",
                "--partition=main", "--constraint=a&b", "--account=acc", "--begin=2026-12-01T20:00:00",
                "--wrap=exec sleep 7325",
            ])
    }
}

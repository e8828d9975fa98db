import Simulation
import Testing

@Suite("The reader of scenario files")
struct ScenarioReaderTests {
    static let head = """
        title a title
        nodes n1 n2
        vm a on n1 cpu 500m

        """

    func problems(_ text: String) -> [String] {
        do throws(InvalidScenario) {
            _ = try Scenario(text, file: "s.txt")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test("tells everything that is wrong at once, with file, line and what was expected")
    func allAtOnce() {
        let text = """
            title a title
            nodes n1 n2
            vm a on n3 cpu 500m
            set reservation.leese 10s
            n1: drian
            until flight_begun by n1
            wait ten
            expect vm a on
            """
        let problems = self.problems(text)
        #expect(problems.count == 6)
        #expect(problems[0] == "s.txt:3: expected a node of this scenario (n1 n2), got 'n3'")
        #expect(problems[1].hasPrefix("s.txt:4: expected one of cooldown.base,"))
        #expect(problems[1].hasSuffix("got 'reservation.leese'"))
        #expect(problems[2].hasPrefix("s.txt:5: expected inject, drain,"))
        #expect(problems[3].hasPrefix("s.txt:6: expected a kind of event ("))
        #expect(problems[4] == "s.txt:7: expected a duration with its unit, such as 250ms, 2.5s or 10min, got 'ten'")
        #expect(problems[5] == "s.txt:8: expected a node of this scenario (n1 n2), got the end of the line")
    }

    @Test(
        "refuses a line, naming what it expected",
        arguments: [
            ("wait", "a duration with its unit"), ("wait 5", "a duration with its unit"),
            ("wait 1s more", "the end of the line"), ("nodes n1", "a node that is not declared yet"),
            ("vm a on n2 cpu 1m", "a VM that is not declared yet"), ("vm b on n1 cpu 1", "millicores, such as 1500m"),
            ("vm b on n1 size 1", "cpu, memory, dirty or rooted"), ("vm b on n1 memory 0MiB", "a sound VM"),
            ("set mode fast", "off, recommend or auto"), ("hide everything", "a kind of event"),
            ("constraint near a", "spread, gather, fence, ban or root"),
            ("n3: drain", "a node of this scenario (n1 n2)"),
            ("n1: adopt a --fenced n2", "'--i-fenced'"), ("n1: apply n1", "an ISP, such as n1#1.1"),
            ("n1: pause -> \"no\"", "'refused'"), ("drop some renew from n1 to n2", "'next'"),
            ("drop next letter from n1 to n2", "a message ("), ("delay next renew from n1 to n2", "'by'"),
            ("fail-next-migration n1 later", "one of start, copy, switch-over, arrival"),
            ("split n1 n2", "'|'"), ("expect n1 is open", "one of executing, free, recovering, releasing, reserved"),
            ("expect n1 is not free", "paused or draining"), ("expect outcomes n1 done", "an outcome ("),
            ("expect at least 2 asked", "'most'"), ("expect vm a somewhere", "on, paused, nowhere or in-doubt"),
            ("reboot n1", "'title', 'nodes', 'vm', 'set'"),
        ])
    func refuses(line: String, expected: String) {
        let problems = self.problems(Self.head + line + "\nwait 1s")
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.hasPrefix("s.txt:4: expected \(expected)") == true, "\(problems)")
    }

    @Test("refuses a file without title, nodes or steps, and timings that break the protocol")
    func incomplete() {
        #expect(self.problems("").count == 3)
        #expect(self.problems(Self.head + "wait 1s\nset reservation.lease 5s").first?.contains("twoRenewals") == true)
    }

    @Test("reads what stands before and after the story's heading")
    func story() throws {
        let scenario = try Scenario(
            Self.head + "wait 1s # a remark\n\nstory\n\n   1.000 n1: x # no remark\n", file: "s.txt")
        #expect(scenario.story == ["   1.000 n1: x # no remark"])
        #expect(scenario.storyLine == 8)
        #expect(scenario.steps.count == 1)
        #expect(try Scenario(Self.head + "wait 1s", file: "s.txt").story == nil)
    }

    @Test("a difference of two stories names the lines of the file")
    func difference() throws {
        #expect(StoryDifference(expected: ["a"], told: ["a"], file: "s.txt", firstLine: 5) == nil)
        let difference = try #require(
            StoryDifference(expected: ["a", "b", "c"], told: ["a", "x", "c", "d"], file: "s.txt", firstLine: 5))
        #expect(difference.description == "s.txt:6: + x\ns.txt:6: - b\ns.txt:8: + d")
    }
}

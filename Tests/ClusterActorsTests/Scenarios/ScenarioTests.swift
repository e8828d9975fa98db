import ClusterActors
import Simulation
import Testing

/// Goal: each course of events that could break the protocol is played on a whole ring, and told as it was agreed upon.
/// Method: the files of `Tests/Scenarios`, each in a world of its own; what it expects must hold, and its story must be
/// the one in the file, to the letter. `docs/scenarios.md` says what each guards.
@Suite("Protocol scenarios")
struct ScenarioTests {
    @Test("hold what they expect and tell their story", arguments: ScenarioFile.all)
    func play(file: ScenarioFile) async throws {
        let scenario = try Scenario(try file.text(), file: file.path)
        let report = try await scenario.play()
        for failure in report.failures { Issue.record("\(failure)") }
        #expect(report.world.realClockSleeps == 0)
        if ScenarioFile.rewritesStories {
            try file.replaceStory(with: report.story)
            return
        }
        let difference = StoryDifference(
            expected: scenario.story ?? [], told: report.story, file: file.path, firstLine: scenario.storyLine)
        if let difference {
            Issue.record("\(scenario.title): the story differs (- the file's, + told now)\n\(difference)")
        }
    }

    @Test("tell the same story twice")
    func sameStory() async throws {
        let file = ScenarioFile(name: "09b-three-isps-block-each-other")
        let scenario = try Scenario(try file.text(), file: file.path)
        let (first, second) = (try await scenario.play(), try await scenario.play())
        #expect(first.story == second.story)
        #expect(first.world.traceHash == second.world.traceHash)
        #expect(first.story.count > 20)
    }

    @Test(
        "there is a file for each row of the protocol's list that a whole ring can show",
        arguments: Set(1...20).subtracting([11]).sorted())
    func row(number: Int) {
        let prefix = number < 10 ? "0\(number)" : "\(number)"
        #expect(ScenarioFile.all.contains { $0.name.hasPrefix(prefix) })
    }
}

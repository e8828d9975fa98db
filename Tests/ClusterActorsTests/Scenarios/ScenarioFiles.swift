import Foundation
import Simulation
import Testing

/// The scenario files of `Tests/Scenarios`, by name.
struct ScenarioFile: Hashable, Comparable, CustomTestStringConvertible {
    /// Without folder and ending.
    var name: String

    static func < (left: ScenarioFile, right: ScenarioFile) -> Bool { left.name < right.name }

    var testDescription: String { self.name }

    /// With `DVMS_GOLDEN=write` in the environment the stories told replace those in the files.
    static let rewritesStories = ProcessInfo.processInfo.environment["DVMS_GOLDEN"] == "write"

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Scenarios")

    static let all: [ScenarioFile] = {
        let paths =
            (try? FileManager.default.contentsOfDirectory(at: Self.folder, includingPropertiesForKeys: nil)) ?? []
        return paths.filter { $0.pathExtension == "txt" }
            .map { ScenarioFile(name: $0.deletingPathExtension().lastPathComponent) }.sorted()
    }()

    private var url: URL { Self.folder.appending(path: "\(self.name).txt") }

    /// As it is called from the root of the package.
    var path: String { "Tests/Scenarios/\(self.name).txt" }

    func text() throws -> String {
        try String(contentsOf: self.url, encoding: .utf8)
    }

    /// Puts `story` in the place of the file's own.
    func replaceStory(with story: [String]) throws {
        let lines = try self.text().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var kept = Array(lines.prefix { $0 != Scenario.storyHeading })
        while kept.last?.isEmpty == true { kept.removeLast() }
        let text = (kept + ["", Scenario.storyHeading] + story).joined(separator: "\n") + "\n"
        try text.write(to: self.url, atomically: true, encoding: .utf8)
    }
}

import Foundation
import Testing

/// Goal: a seed means the same to everybody. Method: the same run in several processes, each of which orders its
/// dictionaries and sets in its own way.
@Suite("The trace of a seed is the same in every process")
struct TraceTests {
    /// Seeds in which an ISP is cancelled while several of its migrations are under way: woken in the order of a
    /// dictionary, those who wait for them made traces of their own.
    @Test("of a fault campaign")
    func campaign() throws {
        let arguments = ["--first", "26", "--count", "3", "--nodes", "16", "--seconds", "120", "--no-shrink"]
        let traces = try (0..<3).map { _ in
            let run = try ProgramRun(arguments, program: "fault-campaign")
            return try #require(run.output.split(separator: "\n").first { $0.hasPrefix("traces ") }, "\(run)")
        }
        #expect(Set(traces).count == 1, "\(traces)")
    }

    @Test("of an experiment with agents that come and go")
    func experiment() throws {
        let arguments = ["simulate", "--preset", "churn", "--nodes", "24", "--duration", "900s", "--format", "json"]
        let traces = try (0..<3).map { _ in
            let run = try ProgramRun(arguments)
            let result = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
            return try #require(result?["trace_hash"] as? String, "\(run)")
        }
        #expect(Set(traces).count == 1, "\(traces)")
    }
}

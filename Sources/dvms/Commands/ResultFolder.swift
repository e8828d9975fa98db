import Basis
import ClusterActors
import Foundation
import Placement
import Simulation

/// A folder with what came of a simulation: JSON, CSV and a page to look at, a set of files for each seed.
struct ResultFolder {
    private let path: URL

    init(_ path: String) throws(OperatorFailure) {
        self.path = URL(fileURLWithPath: path, isDirectory: true)
        do {
            try FileManager.default.createDirectory(at: self.path, withIntermediateDirectories: true)
        } catch {
            throw OperatorFailure(.badInput, "\(path) cannot be made: \(error.localizedDescription)")
        }
    }

    /// One result on one line.
    static func line(_ result: ExperimentResult) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array(try encoder.encode(result)) + Array("\n".utf8)
    }

    func write(_ outcome: Experiment.Outcome) throws {
        let (result, record) = (outcome.result, outcome.record)
        let stem = "\(result.algorithm)-\(result.nodes)-seed\(result.seed)"
        try self.write("\(stem).json", Self.line(result))
        try self.write("\(stem).html", Array(SimulationPage(outcome).html.utf8))
        try self.write(
            "\(stem)-violations.csv", "node,began_s,ended_s,made_by_arrival",
            record.violations.map {
                "\($0.node + 1),\(Self.seconds($0.began)),\(Self.seconds($0.ended)),\($0.isMadeByArrival ? 1 : 0)"
            })
        try self.write(
            "\(stem)-migrations.csv", "vm,from,to,ended_s,duration_s,mib,failure",
            record.moves.map {
                "\($0.vm),\($0.from),\($0.to),\(Self.seconds($0.ended)),\($0.duration.inSeconds),\($0.memoryMiB),"
                    + "\"\(($0.failure ?? "").replacing("\"", with: "\"\""))\""
            })
        try self.write(
            "\(stem)-decisions.csv", "node,outcome,ended_s,duration_s,decide_ms,members,messages,migrations",
            record.procedures.map {
                let summary = $0.summary
                let decide = summary.timeToPlan.map { "\($0.inSeconds * 1_000)" } ?? ""
                return "\(summary.key.isp.node),\(summary.outcome.name),\(Self.seconds($0.ended)),"
                    + "\(summary.duration.inSeconds),\(decide),\(summary.membersPeak),\(summary.messages),"
                    + "\(summary.migrations)"
            })
    }

    private static func seconds(_ instant: MonotonicInstant) -> Double { (instant - .zero).inSeconds }

    private func write(_ name: String, _ heading: String, _ rows: [String]) throws {
        try self.write(name, Array((([heading] + rows).joined(separator: "\n") + "\n").utf8))
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = self.path.appending(path: name)
        do {
            try Data(bytes).write(to: file)
        } catch {
            throw OperatorFailure(.failed, "\(file.path()) cannot be written: \(error.localizedDescription)")
        }
    }
}

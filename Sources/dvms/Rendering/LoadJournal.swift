package import Deployer
import Basis
import Foundation
import Settings
import Synchronization

/// The record of a load: a JSON object a line for each order and each measurement, and their sums.
package final class LoadJournal: Sendable {
    private struct State {
        var file: FileHandle?
        var summary = InjectionSummary()
        var problem: OperatorFailure?
    }

    private let state: Mutex<State>

    /// - Parameter path: of a file that is made or emptied; nil: nothing is written.
    package init(_ path: String?) throws(OperatorFailure) {
        self.state = Mutex(State(file: try path.map(Self.open)))
    }

    private static func open(_ path: String) throws(OperatorFailure) -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw OperatorFailure(.badInput, "\(path) cannot be written; name another file with --out") }
        return handle
    }

    /// The file is complete up to here whenever the process ends.
    package func take(_ event: InjectionEvent) {
        let wall = SystemTimeSource().wallClockMilliseconds
        self.state.withLock { state in
            let injected = state.summary.take(event)
            guard let file = state.file else { return }
            do {
                try file.write(contentsOf: LoadLine(event, injectedPercent: injected, wall: wall).bytes())
            } catch {
                state.file = nil
                state.problem = OperatorFailure(.failed, "the record cannot be written: \(error.localizedDescription)")
            }
        }
    }

    /// - Throws: what kept the record from being written.
    package func end() throws(OperatorFailure) -> [InjectionSummary.Row] {
        let (rows, problem) = self.state.withLock { state in
            try? state.file?.close()
            state.file = nil
            return (state.summary.rows, state.problem)
        }
        if let problem { throw problem }
        return rows
    }
}

/// One line of the record; docs/load.md tells of its keys.
package struct LoadLine: Encodable {
    private var event: String
    private var vm: String
    private var host: String?
    private var wallMs: UInt64
    /// Since the beginning, as it came about; of a measurement its end.
    private var atMs: Int64
    private var plannedMs: Int64?
    private var untilMs: Int64?
    private var fromMs: Int64?
    private var cpuPercent: Int?
    private var memoryMib: Int?
    private var memoryMibS: Int?
    private var diskMibS: Int?
    private var networkTo: String?
    private var networkMibS: Int?
    private var injectedPercent: Double?
    private var measuredPercent: Double?
    private var believedPercent: Double?
    private var error: String?

    package init(_ event: InjectionEvent, injectedPercent: Double?, wall: UInt64) {
        self.wallMs = wall
        switch event {
        case .began(let order, let at, let host):
            (self.event, self.vm, self.atMs) = ("injected", order.vm, at.inMilliseconds)
            self.host = host.name
            self.take(order)
        case .failed(let order, let at, let words):
            (self.event, self.vm, self.atMs) = ("failed", order.vm, at.inMilliseconds)
            self.error = words
            self.take(order)
        case .measured(let measured):
            (self.event, self.vm, self.atMs) = ("measured", measured.vm, measured.until.inMilliseconds)
            self.host = measured.host.name
            self.fromMs = measured.from.inMilliseconds
            self.injectedPercent = injectedPercent.map(Self.tenths)
            self.measuredPercent = Self.tenths(measured.cpuPercent)
            self.believedPercent = measured.believedPercent.map(Self.tenths)
        }
    }

    private mutating func take(_ order: LoadOrder) {
        self.plannedMs = order.at.inMilliseconds
        self.untilMs = order.until.inMilliseconds
        self.cpuPercent = order.load.cpuPercent
        self.memoryMib = order.load.memory?.sizeMiB
        self.memoryMibS = order.load.memory?.mibPerSecond
        self.diskMibS = order.load.diskMiBPerSecond
        self.networkTo = order.load.traffic?.to
        self.networkMibS = order.load.traffic?.mibPerSecond
    }

    private static func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    func bytes() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}

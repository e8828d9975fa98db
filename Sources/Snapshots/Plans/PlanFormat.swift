import Basis
import Placement

extension PlanDocument {
    /// The plan as `dvms-plan/1`, one step a line. The same value always makes the same bytes.
    package var bytes: [UInt8] {
        var cost = [
            JSONOutput.Member("migrations", .integer(self.migrations)), .init("memory_mib", .integer(self.memoryMiB)),
        ]
        if let bound = self.boundMemoryMiB { cost.append(.init("bound_memory_mib", .integer(bound))) }
        return JSONOutput.document([
            .init("format", .string(Self.format)), .init("status", .string(self.status.rawValue)),
            .init("violations_before", .integer(self.violationsBefore)),
            .init("violations_after", .integer(self.violationsAfter)), .init("cost", .object(cost)),
            .init("steps", .lines(self.steps.map { .array($0.map(\.output)) })),
            .init("duration_s", .integer(self.durationSeconds)), .init("solve_ms", .integer(self.solveMilliseconds)),
        ])
    }

    /// What any figure of a plan lies in: below what sums of them could overflow.
    private static let figureRange = 0...1 << 50

    /// Reads `dvms-plan/1`. Whether it makes sense for a snapshot is told by ``PlanVerification``.
    ///
    /// - Throws: everything that is wrong with it, each with its path.
    package static func read(_ bytes: [UInt8], named source: String) throws(InvalidInput) -> PlanDocument {
        try DocumentReading.document(bytes, named: source) { reading, root in
            guard let object = reading.object(root, .plan) else { return nil }
            reading.field(object, "format") { $0.word($1, of: [Self.format], what: "format") }
            let status = reading.field(object, "status") { reading, value in
                reading.word(value, of: Status.allCases.map(\.rawValue), what: "status").flatMap(Status.init(rawValue:))
            }
            let figures = ["violations_before", "violations_after", "duration_s", "solve_ms"].map { key in
                reading.field(object, key) { $0.integer($1, in: Self.figureRange) } ?? 0
            }
            let cost = reading.field(object, "cost") { Self.cost($1, &$0) }
            let steps = reading.field(object, "steps") { reading, steps in
                reading.elements(steps) { reading, step in reading.elements(step) { Self.move($1, &$0) } }
            }
            guard let status, let cost, let steps, reading.isClean else { return nil }
            return PlanDocument(
                status: status, violationsBefore: figures[0], violationsAfter: figures[1],
                migrations: cost.migrations, memoryMiB: cost.memoryMiB, boundMemoryMiB: cost.bound, steps: steps,
                durationSeconds: figures[2], solveMilliseconds: figures[3])
        }
    }

    private static func cost(_ value: JSONValue, _ reading: inout DocumentReading)
        -> (migrations: Int, memoryMiB: Int, bound: Int?)?
    {
        guard let object = reading.object(value, .cost) else { return nil }
        let migrations = reading.field(object, "migrations") { $0.integer($1, in: Self.figureRange) }
        let memoryMiB = reading.field(object, "memory_mib") { $0.integer($1, in: Self.figureRange) }
        let bound = reading.field(object, "bound_memory_mib") { $0.integer($1, in: Self.figureRange) }
        guard let migrations, let memoryMiB else { return nil }
        return (migrations, memoryMiB, bound)
    }

    private static func move(_ value: JSONValue, _ reading: inout DocumentReading) -> PlannedMove? {
        guard let object = reading.object(value, .move) else { return nil }
        let vm = reading.field(object, "vm") { SnapshotReader.vmID($1, &$0) }
        let from = reading.field(object, "from") { SnapshotReader.nodeID($1, &$0) }
        let to = reading.field(object, "to") { SnapshotReader.nodeID($1, &$0) }
        let reason = reading.field(object, "reason") { $0.string($1) }
        guard let vm, let from, let to, let reason else { return nil }
        return PlannedMove(vm: vm, from: from, to: to, reason: reason)
    }
}

extension PlannedMove {
    fileprivate var output: JSONOutput {
        .object([
            .init("vm", .string(self.vm.name)), .init("from", .string(self.from.name)),
            .init("to", .string(self.to.name)), .init("reason", .string(self.reason)),
        ])
    }
}

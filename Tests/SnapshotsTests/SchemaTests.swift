import Foundation
import Placement
import Snapshots
import Testing

@Suite("Schemas and documents of the formats")
struct SchemaTests {
    /// A JSON object, as far as a schema needs it.
    private struct Schema {
        var members: [String: JSONValue]

        init?(_ value: JSONValue?) {
            guard case .object(let members)? = value?.content else { return nil }
            self.members = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        }

        subscript(_ key: String) -> Schema? { Schema(self.members[key]) }

        func texts(_ key: String) -> [String] {
            guard case .array(let elements)? = self.members[key]?.content else { return [] }
            return elements.compactMap { if case .string(let text) = $0.content { text } else { nil } }
        }

        func integer(_ key: String) -> Int? {
            if case .integer(let number)? = self.members[key]?.content { number } else { nil }
        }

        var required: Set<String> { Set(self.texts("required")) }
        var properties: Set<String> { Set(self["properties"]?.members.keys.map { $0 } ?? []) }
    }

    private static func file(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: SnapshotFixture.root.appendingPathComponent(path)))
    }

    private static func schema(_ name: String) throws -> Schema {
        try #require(Schema(try JSONReader.read(try Self.file("docs/schemas/\(name).schema.json"))))
    }

    private static func expectAlike(_ schema: Schema?, _ format: ObjectFormat, _ name: String) {
        #expect(schema?.required == Set(format.required), "\(name)")
        #expect(schema?.properties == Set(format.required + format.optional), "\(name)")
        guard case .bool(false)? = schema?.members["additionalProperties"]?.content else {
            Issue.record("\(name) lets in other keys")
            return
        }
    }

    @Test("the schema of snapshots requires and knows what the reader does")
    func snapshot() throws {
        let schema = try Self.schema("dvms-snapshot-1")
        Self.expectAlike(schema, .snapshot, "snapshot")
        let parts = schema["$defs"]
        for (name, format) in [
            ("node", ObjectFormat.node), ("weights", .weights), ("vm", .vm), ("resources", .resources),
            ("reserved", .reserved),
            ("percents", .percents), ("policy", .policy),
        ] {
            Self.expectAlike(parts?[name], format, name)
        }
        Self.expectAlike(schema["properties"]?["outside"]?["items"], .outsider, "outside")
        let policies = parts?["policy"]?["properties"]?["name"]?.texts("enum")
        #expect(policies == SnapshotPolicy.Name.allCases.map(\.rawValue))
        #expect(parts?["node"]?["properties"]?["state"]?.texts("enum") == NodeState.allCases.map(\.word))
        #expect(schema["properties"]?["nodes"]?.integer("maxItems") == PlacementProblem.nodesMax)
        #expect(schema["properties"]?["vms"]?.integer("maxItems") == PlacementProblem.vmsMax)
    }

    @Test("the schema has each type of constraint with its fields")
    func constraints() throws {
        let parts = try Self.schema("dvms-snapshot-1")["$defs"]
        for format in ConstraintFormat.all {
            let schema = parts?[format.name]
            let fields = Set(format.fields.map(\.rawValue))
            #expect(schema?.required == fields.union(["type"]), "\(format.name)")
            #expect(schema?.properties == fields.union(ConstraintFormat.commonFields), "\(format.name)")
            if case .string(let type)? = schema?["properties"]?["type"]?.members["const"]?.content {
                #expect(type == format.name)
            } else {
                Issue.record("\(format.name) has no type")
            }
            let isFixed = schema?["properties"]?["continuous"]?.members["const"] != nil
            #expect(isFixed == (format.isContinuous == true), "\(format.name)")
        }
    }

    @Test("the schema of plans requires and knows what the reader does")
    func plan() throws {
        let schema = try Self.schema("dvms-plan-1")
        Self.expectAlike(schema, .plan, "plan")
        Self.expectAlike(schema["$defs"]?["cost"], .cost, "cost")
        Self.expectAlike(schema["$defs"]?["move"], .move, "move")
        #expect(schema["properties"]?["status"]?.texts("enum") == PlanDocument.Status.allCases.map(\.rawValue))
    }

    @Test("bounds of the schema are those of the reader, at both ends")
    func bounds() throws {
        let vm = try Self.schema("dvms-snapshot-1")["$defs"]?["vm"]?["properties"]
        let vcpus = try #require(vm?["vcpus"])
        let (least, most) = (try #require(vcpus.integer("minimum")), try #require(vcpus.integer("maximum")))
        for (number, isRight) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
            let text = SnapshotFixture.text(
                vms: #"{"id":"a","node":"n1","demand":{"cpu_millicores":1,"memory_mib":1},"vcpus":\#(number)}"#)
            #expect(SnapshotFixture.problems(text).isEmpty == isRight, "\(number)")
        }
    }

    @Test("the examples in the documents are read, and the plan holds")
    func examples() throws {
        let text = String(decoding: try Self.file("docs/snapshots.md"), as: UTF8.self)
        let blocks = text.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            .filter { $0.hasPrefix("json\n") }.map { Array($0.dropFirst("json\n".count).utf8) }
        #expect(blocks.count == 2)
        let snapshot = try Snapshot.read(try #require(blocks.first), named: "docs/snapshots.md")
        let plan = try PlanDocument.read(try #require(blocks.last), named: "docs/snapshots.md")
        #expect(try PlanVerification(of: plan, against: snapshot).findings == [])
        let problem = try snapshot.problem()
        #expect(PlanDocument(of: try solve(problem), for: problem, solveMilliseconds: 0) == plan)
    }

    @Test("the table of constraints in the documents has every type with its fields")
    func table() throws {
        let text = String(decoding: try Self.file("docs/schemas/constraints.md"), as: UTF8.self)
        let rows = text.split(separator: "\n").map { $0.components(separatedBy: " | ") }.filter { $0.count == 4 }
        for format in ConstraintFormat.all {
            let row = rows.first { $0[0] == "| `\(format.name)`" }
            // What stands between backticks in the column of the fields.
            let fields = row?[1].components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            #expect(Set(fields ?? []) == Set(format.fields.map(\.rawValue)), "\(format.name)")
        }
    }
}

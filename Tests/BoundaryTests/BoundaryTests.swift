import Foundation
import Testing

@Suite("Boundaries")
struct BoundaryTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test("every source imports and names only what its module may")
    func sources() throws {
        let checker = BoundaryChecker(declared: try Self.declaredModules())
        let files = try Self.sourceFiles()
        #expect(files.count > 50, "the sources were not found under \(Self.root.path)")
        let breaches = files.flatMap { checker.breaches(in: $0) }
        #expect(breaches.isEmpty, "\(breaches.map(\.description).joined(separator: "\n"))")
    }

    @Test(
        "a planted violation is found",
        arguments: [
            ("Sources/Placement/Planted.swift", "Placement", "import Transport"),
            ("Sources/ClusterActors/Planted.swift", "ClusterActors", "package import Foundation"),
            ("Sources/ClusterActors/Planted.swift", "ClusterActors", "        try await Task.sleep(for: .seconds(1))"),
            ("Sources/ClusterActors/Planted.swift", "ClusterActors", "    let now = ContinuousClock.now"),
            ("Sources/Hypervisor/Planted.swift", "Hypervisor", "import NIOPosix"),
            ("Sources/Transport/Planted.swift", "Transport", "        Task { await work() }"),
            ("Sources/Placement/Planted.swift", "Placement", "    var generator = SystemRandomNumberGenerator()"),
        ])
    func plantedViolation(path: String, target: String, line: String) throws {
        let checker = BoundaryChecker(declared: try Self.declaredModules())
        let breaches = checker.breaches(in: SourceFile(path: path, target: target, lines: ["", line]))
        #expect(breaches.count == 1, "\(breaches)")
    }

    @Test("a file that is too long is found")
    func longFile() {
        let lines = Array(repeating: "", count: BoundaryRules.linesMax + 1)
        let file = SourceFile(path: "Sources/Placement/Long.swift", target: "Placement", lines: lines)
        #expect(BoundaryChecker(declared: [:]).breaches(in: file).count == 1)
    }

    @Test(
        "import lines are read with their attributes, access levels and kinds",
        arguments: [
            ("import NIOCore", "NIOCore"), ("package import Basis", "Basis"),
            ("@_spi(Custom) import _Concurrency", "_Concurrency"), ("import struct Foundation.URL", "Foundation"),
            ("let x = 1", nil),
        ])
    func importLines(line: String, module: String?) {
        #expect(BoundaryChecker.importedModule(line) == module)
    }

    // MARK: - The package as it is

    private struct Manifest: Decodable {
        struct Target: Decodable {
            var name: String
            var type: String
            var path: String?
            var dependencies: [Dependency]
        }

        /// `{"byName": ["Basis", null]}` or `{"product": ["NIOCore", "swift-nio", null, null]}`.
        struct Dependency: Decodable {
            var name: String

            init(from decoder: any Decoder) throws {
                let kinds = try decoder.singleValueContainer().decode([String: [Element]].self)
                self.name = kinds.values.first?.first?.text ?? ""
            }
        }

        struct Element: Decodable {
            var text: String?

            init(from decoder: any Decoder) throws {
                self.text = try? decoder.singleValueContainer().decode(String.self)
            }
        }

        var targets: [Target]
    }

    /// Reads the manifest with the package manager itself, in a scratch folder: the build's own one is locked by the
    /// test run.
    private static let manifest = Result {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(
            "dvms-manifest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "swift", "package", "--package-path", Self.root.path, "--scratch-path", scratch.path, "--ignore-lock",
            "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONDecoder().decode(Manifest.self, from: data)
    }

    private static func declaredModules() throws -> [String: Set<String>] {
        let targets = try Self.manifest.get().targets
        return Dictionary(uniqueKeysWithValues: targets.map { ($0.name, Set($0.dependencies.map(\.name))) })
    }

    private static func sourceFiles() throws -> [SourceFile] {
        try Self.manifest.get().targets.filter { $0.type != "test" && $0.type != "system" }.flatMap { target in
            let folder = target.path ?? "Sources/\(target.name)"
            let base = Self.root.appendingPathComponent(folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
                let text = try String(contentsOf: base.appendingPathComponent(name), encoding: .utf8)
                return SourceFile(
                    path: "\(folder)/\(name)", target: target.name, lines: text.components(separatedBy: "\n"))
            }
        }
    }
}

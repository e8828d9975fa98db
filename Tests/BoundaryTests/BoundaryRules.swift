import Foundation

/// What each module's sources may import and name: the design's table of modules, as data.
struct BoundaryRules {
    /// Modules of the toolchain.
    static let standard: Set<String> = ["Swift", "_Concurrency", "Synchronization", "Testing"]

    /// Modules of the system that a target may import although no manifest can declare them.
    static let systemModules: [String: Set<String>] = [
        "Basis": ["Glibc"],
        "Placement": [],
        "Snapshots": [],
        "Transport": ["Foundation"],
        "Hypervisor": ["Foundation", "Glibc"],
        "LibvirtDriver": ["Foundation", "FoundationXML", "Glibc"],
        "ClusterActors": [],
        "Settings": ["Foundation"],
        "Journal": ["Foundation"],
        "ControlClient": ["Glibc"],
        "ControlProtocol": ["Foundation"],
        "Certificates": ["Foundation", "Glibc"],
        "Deployer": ["Foundation", "Glibc"],
        "Simulation": ["Foundation", "Glibc"],
        "dvmsd": ["Dispatch", "Foundation", "Glibc"],
        "fault-campaign": ["Foundation"],
        "modelled-host": ["Foundation", "Glibc"],
        "dvms": ["CoreFoundation", "Dispatch", "Foundation", "Glibc"],
        "transport-benchmark": ["Foundation", "Glibc"],
        "placement-benchmark": ["Foundation", "Glibc"],
        "migration-benchmark": ["Foundation"],
    ]

    /// Names that decide by the machine instead of by what was passed in.
    static let impureNames = [
        "ContinuousClock", "SuspendingClock", "Task.sleep", "SystemRandomNumberGenerator", "Date()",
    ]

    /// Modules whose sources hold none of ``impureNames``.
    static let pureModules: Set<String> = [
        "Basis", "Placement", "Snapshots", "Transport", "Hypervisor", "ClusterActors", "Deployer",
    ]

    /// Files that are the real side of a port.
    static let realSides: Set<String> = ["Sources/Basis/SystemTimeSource.swift"]

    /// Folders in which a module that is otherwise free of them may name sockets or Foundation.
    static let outerFolders: [String: [String]] = [
        "Transport": ["Sources/Transport/TCP/"],
        "Hypervisor": ["Sources/Hypervisor/Modelled/Socket/"],
        "Deployer": [
            "Sources/Deployer/Booking/Batch/", "Sources/Deployer/Hosts/Shell/", "Sources/Deployer/Remote/",
            "Sources/Deployer/State/", "Sources/Deployer/TreeExecution/",
        ],
    ]

    /// Modules that need an outer folder wherever the module has one.
    static let outerModules: Set<String> = ["Foundation", "Glibc", "NIOPosix", "NIOSSL"]

    /// The longest source file, in lines.
    static let linesMax = 400
}

/// One Swift source file.
struct SourceFile {
    /// From the package's root.
    var path: String
    var target: String
    var lines: [String]
}

/// A rule that does not hold somewhere.
struct BoundaryBreach: Hashable, CustomStringConvertible {
    var path: String
    var line: Int
    var what: String

    var description: String { "\(self.path):\(self.line): \(self.what)" }
}

/// Holds source files against ``BoundaryRules``.
struct BoundaryChecker {
    /// The modules that each target may import, by the manifest.
    var declared: [String: Set<String>]

    func breaches(in file: SourceFile) -> [BoundaryBreach] {
        var found: [BoundaryBreach] = []
        if file.lines.count > BoundaryRules.linesMax {
            found.append(
                BoundaryBreach(
                    path: file.path, line: file.lines.count, what: "more than \(BoundaryRules.linesMax) lines"))
        }
        for (index, line) in file.lines.enumerated() {
            let code = line.prefix(upTo: Self.commentStart(in: line))
            let above = index > 0 ? file.lines[index - 1] : ""
            for what in self.breaches(of: String(code), after: above, in: file) {
                found.append(BoundaryBreach(path: file.path, line: index + 1, what: what))
            }
        }
        return found
    }

    private func breaches(of code: String, after above: String, in file: SourceFile) -> [String] {
        var found: [String] = []
        if let module = Self.importedModule(code) {
            found += self.importBreaches(module, in: file)
        }
        if BoundaryRules.pureModules.contains(file.target), !BoundaryRules.realSides.contains(file.path) {
            found += BoundaryRules.impureNames.filter { code.contains($0) }.map { "names \($0)" }
        }
        let isUnstructured = ["Task {", "Task.detached", "Task.immediate", "Task(name"].contains {
            Self.names($0, in: code)
        }
        if isUnstructured, !Self.isComment(above) {
            found.append("an unstructured task without a reason in a comment above it")
        }
        return found
    }

    private func importBreaches(_ module: String, in file: SourceFile) -> [String] {
        var found: [String] = []
        let allowed = BoundaryRules.standard
            .union(self.declared[file.target] ?? []).union(BoundaryRules.systemModules[file.target] ?? [])
        if !allowed.contains(module) { found.append("imports \(module), which \(file.target) does not declare") }
        if let folders = BoundaryRules.outerFolders[file.target], BoundaryRules.outerModules.contains(module),
            !folders.contains(where: { file.path.hasPrefix($0) })
        {
            found.append("imports \(module) outside of \(folders.joined(separator: ", "))")
        }
        return found
    }

    private static func names(_ word: String, in code: String) -> Bool {
        guard let range = code.range(of: word) else { return false }
        guard range.lowerBound > code.startIndex else { return true }
        let before = code[code.index(before: range.lowerBound)]
        return !before.isLetter && before != "."
    }

    private static func isComment(_ line: String) -> Bool {
        line.drop(while: \.isWhitespace).hasPrefix("//")
    }

    private static func commentStart(in line: String) -> String.Index {
        line.range(of: "//")?.lowerBound ?? line.endIndex
    }

    /// The module of an import line, without its access level and its attributes.
    static func importedModule(_ code: String) -> String? {
        var words = code.split(separator: " ").map(String.init)
        while let first = words.first,
            first.hasPrefix("@") || ["package", "public", "internal", "private"].contains(first)
        {
            words.removeFirst()
        }
        guard words.first == "import", let name = words.last else { return nil }
        return String(name.prefix { $0 != "." })
    }
}

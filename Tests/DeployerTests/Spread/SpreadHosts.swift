import Basis
import Deployer
import Foundation
import Testing

/// Hosts with an sshd and a folder of their own each, and an image that they are to have: larger than what sshd buffers, so that a
/// connection that breaks in the middle leaves some of it.
final class SpreadHosts: Sendable {
    static let chunkBytes = 524_288
    static let image = (0..<20_800_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 9) }
    static let chunkCount = (image.count + chunkBytes - 1) / chunkBytes

    let servers: [LoopbackSSHD]
    let folders: [ScratchFolder]
    let source: ScratchFolder
    private let keysBefore: [String]
    private let manifests: FileManifests

    init(_ count: Int) throws {
        self.servers = try (0..<count).map { _ in try LoopbackSSHD() }
        self.folders = try (0..<count).map { _ in try ScratchFolder() }
        self.source = try ScratchFolder()
        _ = try self.source.write(Self.image, to: "image")
        self.manifests = FileManifests(chunkBytes: Self.chunkBytes)
        for folder in self.folders {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/t/images", withIntermediateDirectories: true)
        }
        self.keysBefore = try self.servers.map { try Self.keys(of: $0) }
    }

    /// Called by its users as the image is on the deployer's machine.
    var reference: SpreadFile { .image(ImageReference(name: "img", file: self.sourceFile, sha256: nil)) }

    /// On the deployer's machine.
    var sourceFile: String { "\(self.source.path)/image" }

    func host(_ index: Int, shell: (any HostShell)? = nil, limits: ExchangeLimits? = nil) throws -> ShellHost {
        let server = self.servers[index]
        var given = limits ?? ExchangeLimits()
        // Many sshd start at once here, on a machine that may be busy.
        given.connect = LoopbackSSHD.connectLimit
        given.silence = limits?.silence ?? LoopbackSSHD.connectLimit
        return ShellHost(
            id: try #require(NodeID("h\(index)")), shell: try shell ?? server.shell(), deployment: "t",
            machine: GuestMachine(),
            access: SpreadAccess(
                manifests: self.manifests,
                entrance: .init(
                    target: try server.target(), knownHostsFile: "\(server.folder.path)/known_hosts"),
                authorizedKeysFile: "\(server.folder.path)/user-key.pub", limits: given),
            parentFolder: self.folders[index].path)
    }

    /// Has the hosts get the file, or the image, at the same time, each from those before it.
    func spreadChain(
        of hosts: [ShellHost], file: SpreadFile? = nil
    ) async throws -> [FileArrival] {
        var plan = SpreadPlan(arity: 1)
        let file = file ?? self.reference
        let byID = Dictionary(uniqueKeysWithValues: hosts.map { ($0.id, $0) })
        return try await withThrowingTaskGroup(of: (Int, FileArrival).self) { group in
            for (index, host) in hosts.enumerated() {
                let sources = plan.join(host.id, site: "s").compactMap { byID[$0] }
                group.addTask { (index, try await host.ensure(file, from: sources, within: .seconds(300))) }
            }
            var arrivals = Array(repeating: FileArrival(), count: hosts.count)
            for try await (index, arrival) in group { arrivals[index] = arrival }
            return arrivals
        }
    }

    func image(on index: Int) -> Data? {
        FileManager.default.contents(atPath: "\(self.folders[index].path)/t/images/img")
    }

    /// The folder of the file that is being fetched.
    func place(on index: Int) throws -> String {
        "\(self.folders[index].path)/t/spread/\(try FileManifest(of: self.sourceFile).digest)"
    }

    private static func keys(of server: LoopbackSSHD) throws -> String {
        try String(contentsOfFile: "\(server.folder.path)/user-key.pub", encoding: .utf8)
    }

    func expectWhole(_ indices: Range<Int>, sourceLocation: SourceLocation = #_sourceLocation) {
        for index in indices {
            #expect(self.image(on: index) == Data(Self.image), "host \(index)", sourceLocation: sourceLocation)
        }
    }

    /// Ends the spread everywhere, and looks whether all is as before but for the image.
    func endAndExpectNothingLeft(_ hosts: [ShellHost]) async throws {
        for host in hosts { try await host.endSpread(of: .image, within: .seconds(60)) }
        for (index, server) in self.servers.enumerated() {
            #expect(try Self.keys(of: server) == self.keysBefore[index])
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(self.folders[index].path)/t") == ["images"])
            let images = try FileManager.default.contentsOfDirectory(atPath: "\(self.folders[index].path)/t/images")
            #expect(images == ["img"] || images.isEmpty)
        }
    }
}

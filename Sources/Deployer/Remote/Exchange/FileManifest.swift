import Crypto

/// The content of a file as chunks that can be checked one by one.
package struct FileManifest: Hashable, Sendable {
    /// Of every chunk but the last. Small enough that a chain of hosts works at the same time, large enough that what each
    /// chunk costs a host (some processes, 10 ms) does not count.
    package static let chunkBytesByDefault = 4 * 1_048_576
    /// Chunks are told in eight digits, and so are their bytes.
    package static let chunkBytesMax = 64 * 1_048_576
    /// Of one file: 390 GiB in chunks of the default size.
    package static let chunksMax = 100_000

    package let byteCount: Int
    package let chunkBytes: Int
    /// SHA-256 in hexadecimal, of each chunk.
    package let chunkDigests: [String]
    /// Of the whole.
    package let digest: String

    /// Reads the file once, piece by piece.
    ///
    /// - Parameter chunkBytes: 1...``chunkBytesMax``.
    /// - Throws: ``HostShellFailure/couldNotStart(detail:)`` for a file that cannot be read or has too many chunks.
    package init(
        of path: String, chunkBytes: Int = Self.chunkBytesByDefault
    ) throws(HostShellFailure) {
        precondition((1...Self.chunkBytesMax).contains(chunkBytes), "a chunk has 1 to \(Self.chunkBytesMax) bytes")
        let file = try LocalFile(reading: path)
        var (whole, piece) = (SHA256(), SHA256())
        var digests: [String] = []
        var (byteCount, pieceBytes) = (0, 0)
        func close() {
            digests.append(Hexadecimal.text(piece.finalize()))
            (piece, pieceBytes) = (SHA256(), 0)
        }
        while let bytes = try file.read(upTo: min(LocalFile.hashedPieceBytes, chunkBytes - pieceBytes)) {
            whole.update(data: bytes)
            piece.update(data: bytes)
            byteCount += bytes.count
            pieceBytes += bytes.count
            if pieceBytes == chunkBytes { close() }
            guard digests.count <= Self.chunksMax else {
                throw .couldNotStart(
                    detail: "\(path) has more than \(Self.chunksMax) chunks of \(chunkBytes) bytes")
            }
        }
        if pieceBytes > 0 { close() }
        self.byteCount = byteCount
        self.chunkBytes = chunkBytes
        self.chunkDigests = digests
        self.digest = Hexadecimal.text(whole.finalize())
    }

    package var chunkCount: Int { self.chunkDigests.count }

    /// As hosts keep it: lines of the same length.
    var text: String { self.chunkDigests.map { $0 + "\n" }.joined() }

    /// Where a chunk lies in the file, behind the head that announces it on the wire.
    func announced(_ index: Int) -> HostCommand.FileRange {
        let offset = index * self.chunkBytes
        let count = min(self.chunkBytes, self.byteCount - offset)
        return HostCommand.FileRange(
            head: Array("chunk \(Self.padded(index)) \(Self.padded(count))\n".utf8), offset: offset, count: count)
    }

    /// In eight digits.
    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }
}

/// The manifests of files of this machine, each computed once for all hosts, and anew when the file has changed.
package actor FileManifests {
    private var known: [String: (stamp: LocalFile.Stamp, manifest: FileManifest)] = [:]
    private let chunkBytes: Int

    package init(chunkBytes: Int = FileManifest.chunkBytesByDefault) {
        self.chunkBytes = chunkBytes
    }

    package func manifest(of path: String) throws(HostShellFailure) -> FileManifest {
        let stamp = try LocalFile(reading: path).stamp
        if let entry = self.known[path], entry.stamp == stamp { return entry.manifest }
        let manifest = try FileManifest(of: path, chunkBytes: self.chunkBytes)
        self.known[path] = (stamp, manifest)
        return manifest
    }
}

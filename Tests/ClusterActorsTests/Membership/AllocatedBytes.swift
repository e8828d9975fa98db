import Foundation
import Glibc

/// How many bytes the process has allocated and not freed, by the allocator's own account; nil when it gives none.
///
/// From `malloc_info(3)`, looked up by name because the `Glibc` module leaves its header out.
func allocatedBytes() -> Int? {
    typealias MallocInfo = @convention(c) (Int32, UnsafeMutablePointer<FILE>) -> Int32
    guard let symbol = dlsym(nil, "malloc_info") else { return nil }
    // Safe because this is the function's type in <malloc.h>.
    let mallocInfo = unsafeBitCast(symbol, to: MallocInfo.self)
    var text: UnsafeMutablePointer<CChar>?
    var length = 0
    guard let stream = open_memstream(&text, &length) else { return nil }
    let status = mallocInfo(0, stream)
    fclose(stream)
    defer { free(text) }
    guard status == 0, let text else { return nil }
    // What concerns the process as a whole follows the last heap.
    let summary = String(cString: text).components(separatedBy: "</heap>").last ?? ""
    func size(_ element: String) -> Int {
        guard let line = summary.split(separator: "\n").first(where: { $0.contains(element) }),
            let value = line.components(separatedBy: "size=\"").last?.split(separator: "\"").first
        else { return 0 }
        return Int(value) ?? 0
    }
    let held = size("<system type=\"current\"") + size("<total type=\"mmap\"")
    return held - size("<total type=\"fast\"") - size("<total type=\"rest\"")
}

import Foundation

enum WallClock {
    static var milliseconds: UInt64 { UInt64(Date().timeIntervalSince1970 * 1_000) }
}

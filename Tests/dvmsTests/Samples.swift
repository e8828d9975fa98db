import ControlProtocol
import Foundation
import dvms

/// Answers of daemons, small ones.
enum Samples {
    /// 2026-07-04 14:03:07.000 UTC.
    static let start: UInt64 = 1_783_173_787_000

    static let clock = WallClockText(timeZone: TimeZone(secondsFromGMT: 0) ?? .current)

    static func resources(_ cpu: Int, _ memory: Int) -> ControlResources {
        ControlResources(cpuMillicores: cpu, memoryMiB: memory, diskKiBPerSecond: 0, networkKiBPerSecond: 0)
    }

    static let traffic = ControlTraffic(
        framesIn: 1_204, framesOut: 1, bytesIn: 1_258_291, bytesOut: 12, connections: 2, timeouts: 0, refusalsSent: 0,
        refusalsReceived: 1)

    static let status = ControlStatus(
        node: "n1", boot: 3, mode: "auto", isPaused: false, isDraining: false, isLeaving: false,
        hypervisor: "modelled n1", capacity: Self.resources(4_000, 8_192), reserved: Self.resources(0, 512),
        load: Self.resources(3_201, 2_560), vms: 5, reservation: "free", flights: 0, triggers: [], inDoubt: [],
        refusedReturns: 0, liveMembers: 3, members: 3, recommendations: [], transport: Self.traffic,
        uptimeMilliseconds: 11_520_000)

    static func event(
        _ sequence: UInt64, after milliseconds: UInt64, _ kind: String, _ text: String, isp: String? = "n1#3.2",
        vm: String? = nil, _ facts: [String: String] = [:]
    ) -> ControlEvent {
        ControlEvent(
            sequence: sequence, wallMilliseconds: Self.start + milliseconds, kind: kind, isp: isp, vm: vm, text: text,
            facts: facts)
    }

    static let isp = ControlISP(
        isp: "n1#3.2", trigger: "overload", reason: "CPU 3600 of 4000 m", birth: Self.start,
        startedWallMilliseconds: Self.start, endedWallMilliseconds: Self.start + 2_410, outcome: "solved", detail: "",
        tookMilliseconds: 2_410, decideMilliseconds: 350, membersPeak: 3, nodesAsked: 3, hops: 1, sweeps: 1,
        messages: 14, solves: 2, solveSteps: 5_312, solveMicroseconds: 3_140, migrations: 1, movedMiB: 512)

    static let migration = ControlMigration(
        action: "n1#3.2/1", isp: "n1#3.2", vm: "web1", from: "n1", to: "n5", startedWallMilliseconds: Self.start + 360,
        tookMilliseconds: 2_020, result: "moved", movedMiB: 512)

    static let explanation = ControlExplanation(
        isps: [Self.isp], migrations: [Self.migration],
        events: [
            Self.event(40, after: 0, "isp_started", "starts: CPU 3600 of 4000 m"),
            Self.event(41, after: 3, "asked", "asks n2 to join", ["node": "n2"]),
            Self.event(
                42, after: 9, "hopped", "hops from n2 to n5, over the partition of n4#1.1",
                ["over": "n4#1.1", "from": "n2", "to": "n5"]),
            Self.event(43, after: 20, "granted", "n5 joins; 2 members", ["node": "n5", "members": "2"]),
            Self.event(44, after: 31, "skipped", "passes over n6: paused", ["node": "n6", "reason": "paused"]),
            Self.event(
                45, after: 360, "migration_ordered", "web1: n1 → n5, n1 lacks CPU", vm: "web1",
                ["action": "1", "from": "n1", "to": "n5", "reason": "n1 lacks CPU"]),
            Self.event(46, after: 1_000, "migration_progress", "web1: 256 MiB sent", vm: "web1"),
            Self.event(47, after: 2_380, "migration_ended", "web1: n1 → n5 moved after 2020 ms", vm: "web1"),
            Self.event(48, after: 2_410, "isp_ended", "ends solved"),
        ])
}

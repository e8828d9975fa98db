package import Deployer
import Basis
import Foundation
import Settings

/// A load for people: before, what is planned; afterwards, what came of it.
package enum LoadReport {
    /// The most orders that are shown.
    private static let ordersMax = 1_000

    package static func plan(_ timetable: InjectionTimetable) -> String {
        var table = TextTable(
            .right("AT"), .left("VM"), .right("CPU"), .left("MEMORY"), .left("DISK"), .left("NETWORK"))
        let orders = timetable.all
        for order in orders.prefix(Self.ordersMax) {
            let load = order.load
            table.add(
                String(format: "%.1f s", order.at.inSeconds), order.vm, "\(load.cpuPercent)%",
                load.memory.map { "\($0.mibPerSecond) MiB/s in \($0.sizeMiB) MiB" } ?? "-",
                load.diskMiBPerSecond > 0 ? "\(load.diskMiBPerSecond) MiB/s" : "-",
                load.traffic.map { "\($0.mibPerSecond) MiB/s to \($0.to)" } ?? "-")
        }
        let more = orders.count - min(orders.count, Self.ordersMax)
        return table.text + (more > 0 ? "\nand \(more) more" : "")
    }

    package static func table(_ rows: [InjectionSummary.Row]) -> String {
        var table = TextTable(
            .left("VM"), .right("ORDERS"), .right("FAILED"), .right("INJECTED"), .right("MEASURED"),
            .right("DIFFERENCE"), .right("BELIEVED"))
        func shown(_ percent: Double?, _ format: String = "%.1f%%") -> String {
            percent.map { String(format: format, $0) } ?? "-"
        }
        for row in rows {
            let difference = row.measuredPercent.flatMap { measured in row.injectedPercent.map { measured - $0 } }
            table.add(
                row.vm, "\(row.changes)", "\(row.failures)", shown(row.injectedPercent), shown(row.measuredPercent),
                shown(difference, "%+.1f"), shown(row.believedPercent))
        }
        return table.text
    }
}

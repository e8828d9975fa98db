#if Libvirt
    import Foundation

    /// How long the vCPU threads of a QEMU process waited to run, from the kernel's own accounting.
    ///
    /// For libvirt daemons that do not give `vcpu.<n>.delay`. Source: `/proc/<pid>/task/<tid>/schedstat`, whose second
    /// number is the time spent on run queues in nanoseconds (Documentation/scheduler/sched-stats.rst of Linux).
    package struct RunQueueDelay: Hashable, Sendable {
        package var processIDDirectory: String
        package var processDirectory: String

        package init(processIDDirectory: String, processDirectory: String) {
            self.processIDDirectory = processIDDirectory
            self.processDirectory = processDirectory
        }

        /// The waiting time of each vCPU of the domain, in nanoseconds; empty when its process cannot be seen.
        package func waitedNanoseconds(domain name: String) -> [Int: UInt64] {
            guard let text = Self.contents("\(self.processIDDirectory)/\(name).pid"),
                let process = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
            else { return [:] }
            let tasks = "\(self.processDirectory)/\(process)/task"
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
            var waited: [Int: UInt64] = [:]
            for thread in threads {
                guard let threadName = Self.contents("\(tasks)/\(thread)/comm"),
                    let vcpu = Self.vcpu(ofThreadNamed: threadName),
                    let statistics = Self.contents("\(tasks)/\(thread)/schedstat"),
                    let nanoseconds = Self.waitedNanoseconds(schedstat: statistics)
                else { continue }
                waited[vcpu] = nanoseconds
            }
            return waited
        }

        /// The vCPU that a QEMU thread runs, by the name that QEMU gives it: `CPU 3/KVM`, `CPU 3/TCG`. All vCPUs of a
        /// guest that is emulated on one thread (`ALL CPUs/TCG`) count as vCPU 0. Nil for every other thread.
        package static func vcpu(ofThreadNamed name: String) -> Int? {
            let parts = name.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "/")
            guard parts.count == 2, parts[1] == "KVM" || parts[1] == "TCG" else { return nil }
            if parts[0] == "ALL CPUs" { return 0 }
            guard parts[0].hasPrefix("CPU ") else { return nil }
            return Int(parts[0].dropFirst(4))
        }

        /// The second of the three numbers of a `schedstat` file.
        package static func waitedNanoseconds(schedstat: String) -> UInt64? {
            let numbers = schedstat.split(whereSeparator: \.isWhitespace)
            guard numbers.count >= 2 else { return nil }
            return UInt64(numbers[1])
        }

        private static func contents(_ path: String) -> String? {
            try? String(contentsOfFile: path, encoding: .utf8)
        }
    }
#endif

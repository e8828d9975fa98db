#if Libvirt
    import Foundation
    import LibvirtDriver
    import Testing

    @Suite("Run queue delay")
    struct RunQueueDelayTests {
        @Test(
            "knows vCPU threads by the names that QEMU gives them",
            arguments: [
                ("CPU 0/KVM\n", 0), ("CPU 17/KVM", 17), ("CPU 3/TCG", 3), ("ALL CPUs/TCG", 0),
                ("qemu-system-x86", nil), ("IO mon_iothread", nil), ("vnc_worker", nil), ("CPU x/KVM", nil),
                ("CPU 0/OTHER", nil), ("", nil), ("/", nil),
            ] as [(String, Int?)])
        func threadNames(name: String, vcpu: Int?) {
            #expect(RunQueueDelay.vcpu(ofThreadNamed: name) == vcpu)
        }

        @Test(
            "reads the second number of a schedstat file",
            arguments: [
                ("390997486 133875427 1548\n", 133_875_427), ("0 0 0", 0), ("1 2", 2), ("1", nil), ("", nil),
                ("1 x 2", nil), ("1 -5 2", nil), ("1 99999999999999999999 2", nil),
            ] as [(String, UInt64?)])
        func schedstat(text: String, expected: UInt64?) {
            #expect(RunQueueDelay.waitedNanoseconds(schedstat: text) == expected)
        }

        @Test("adds up the vCPU threads of the process that libvirt names, and no other thread")
        func files() throws {
            let root = FileManager.default.temporaryDirectory.appendingPathComponent("run-queue-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: root) }
            let threads = [
                ("4242", "qemu-system-x86", "9 100 1"), ("4243", "CPU 0/KVM", "9 200 1"),
                ("4244", "CPU 1/KVM", "9 300 1"),
            ]
            for (thread, name, statistics) in threads {
                let directory = root.appendingPathComponent("proc/4242/task/\(thread)")
                try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
                try Data((name + "\n").utf8).write(to: directory.appendingPathComponent("comm"))
                try Data((statistics + "\n").utf8).write(to: directory.appendingPathComponent("schedstat"))
            }
            let pids = root.appendingPathComponent("qemu")
            try FileManager.default.createDirectory(at: pids, withIntermediateDirectories: true)
            try Data("4242".utf8).write(to: pids.appendingPathComponent("web.pid"))

            let delay = RunQueueDelay(
                processIDDirectory: pids.path, processDirectory: root.appendingPathComponent("proc").path)
            #expect(delay.waitedNanoseconds(domain: "web") == [0: 200, 1: 300])
            #expect(delay.waitedNanoseconds(domain: "absent") == [:])
        }

        @Test("reads this machine's own process files")
        func realFiles() throws {
            let text = try String(contentsOfFile: "/proc/self/schedstat", encoding: .utf8)
            #expect(RunQueueDelay.waitedNanoseconds(schedstat: text) != nil)
        }
    }
#endif

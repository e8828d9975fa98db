import ControlProtocol
import Testing
import dvms

@Suite("dvms ring, dvms vms")
struct RingReportTests {
    @Test("shows the ring clockwise, and who was asked")
    func ring() {
        let members = [
            ControlMember(
                node: "n1", address: "127.0.0.1:7401", site: "paris", rack: "a1", state: "alive", incarnation: 0,
                isSelf: true),
            ControlMember(
                node: "node-2", address: "[::1]:7402", site: "", rack: "", state: "suspect", incarnation: 12,
                isSelf: false),
        ]
        #expect(
            RingReport.text(of: ControlRing(members: members)) == """
                NODE    ADDRESS         SITE   RACK  INCARNATION  STATE
                n1      127.0.0.1:7401  paris  a1              0  alive, the node that was asked
                node-2  [::1]:7402                            12  suspect

                2 members clockwise, 1 alive
                """)
    }

    @Test("shows guests, and why those that cannot migrate cannot")
    func guests() {
        func guest(_ vm: String, _ change: (inout ControlVM) -> Void) -> ControlVM {
            var guest = ControlVM(
                vm: vm, presence: "running", demand: Samples.resources(1_500, 512), dirtyMiBPerSecond: 10,
                isMigratable: true)
            change(&guest)
            return guest
        }
        let guests = ControlVMs(vms: [
            guest("web1") { _ in },
            guest("web2") { $0.cooldownLeftMilliseconds = 35_500 },
            guest("db1") {
                $0.isMigratable = false
                $0.rootedBecause = "its disk /var/db1.img is local"
            },
            guest("db2") {
                $0.presence = "paused_incoming"
                $0.inDoubt = ControlDoubt(
                    reason: "n2 does not answer", peer: "n2", role: "destination", action: "n2#1.7/1", phase: "arrived",
                    sinceMilliseconds: 1)
            },
        ])
        #expect(
            GuestsReport.text(of: guests) == """
                GUEST  PRESENCE         CPU m  MEMORY MiB  DISK KiB/s  NET KiB/s  WRITES MiB/s  MIGRATION
                web1   running           1500         512           0          0            10  yes
                web2   running           1500         512           0          0            10  not for 35.500 s, it was moved lately
                db1    running           1500         512           0          0            10  no, its disk /var/db1.img is local
                db2    paused_incoming   1500         512           0          0            10  no, in doubt: n2 does not answer

                4 guests, together 6000 m and 2048 MiB
                """)
        #expect(GuestsReport.text(of: ControlVMs(vms: [])) == "this node hosts no guest")
    }
}

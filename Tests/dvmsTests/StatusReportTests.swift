import ControlProtocol
import Testing
import dvms

@Suite("dvms status")
struct StatusReportTests {
    @Test("shows a node at rest")
    func rest() {
        #expect(
            StatusReport.text(of: Samples.status) == """
                node           n1, boot 3, up 3 h 12 min
                mode           auto
                hypervisor     modelled n1
                ring           3 of 3 members alive
                guests         5
                reservation    free
                triggers       none
                transport      2 connections, 0 time-outs, refusals 0 sent, 1 received
                               in 1204 frames (1.2 MiB), out 1 frame (12 B)

                RESOURCE          LOAD   CAPACITY  RESERVED  LOAD %
                CPU (millicores)  3201       4000         0    80.0
                memory (MiB)      2560       8192       512    33.3
                disk (KiB/s)         0  unlimited         0       -
                network (KiB/s)      0  unlimited         0       -
                """)
    }

    @Test("shows who holds a node, and what is wrong with it")
    func busy() {
        var status = Samples.status
        status.isPaused = true
        status.isDraining = true
        status.hypervisor = nil
        status.reservation = "executing"
        status.heldBy = "n2#1.7"
        status.epoch = "3.12"
        status.flights = 1
        status.ownISP = "n1#3.2"
        status.ownPhase = "growing"
        status.triggers = ["drain", "overload"]
        status.refusedReturns = 1
        let text = StatusReport.text(of: status)
        #expect(
            text.hasPrefix(
                """
                node           n1, boot 3, up 3 h 12 min
                mode           auto, paused, draining
                hypervisor     does not answer: its load is the last one known
                ring           3 of 3 members alive
                guests         5
                reservation    executing for n2#1.7 under epoch 3.12, 1 flight
                own ISP        n1#3.2, growing; `dvms explain n1#3.2` tells more
                triggers       drain, overload
                kept back      1 move back to where the guest came from
                transport      2 connections,
                """), "\(text)")
    }

    @Test("shows guests in doubt, and how to adopt those that arrived")
    func inDoubt() {
        var status = Samples.status
        status.inDoubt = [
            ControlDoubt(
                vm: "db 1", reason: "n2 does not answer", peer: "n2", role: "destination", action: "n2#1.7/1",
                phase: "arrived", sinceMilliseconds: 240_000),
            ControlDoubt(
                vm: "web1", reason: "n3 does not answer", peer: "n3", role: "source", action: "n1#3.2/4",
                phase: "letGo", sinceMilliseconds: 9_000),
        ]
        let text = StatusReport.text(of: status)
        let part = """

            In doubt: 2 guests, settled as soon as the other node answers.
            GUEST  THIS NODE IS  OTHER NODE  PHASE    FOR      REASON
            db 1   destination   n2          arrived  4 min    n2 does not answer
            web1   source        n3          letGo    9.000 s  n3 does not answer
            If the other node is off for certain, let the copy here run:
              dvms adopt 'db 1' --i-fenced n2
            """
        #expect(text.hasSuffix(part), "\(text)")
        status.inDoubt.removeFirst()
        #expect(!StatusReport.text(of: status).contains("adopt"))
        status.inDoubt[0].phase = "unknown"
        #expect(StatusReport.text(of: status).contains("dvms adopt web1 --i-fenced n3"))
    }

    @Test("shows recommended plans, and how to apply them")
    func recommendations() {
        var status = Samples.status
        status.recommendations = [
            ControlRecommendation(
                isp: "n1#3.1", trigger: "overload", ageMilliseconds: 35_000,
                migrations: [
                    ControlMove(vm: "web1", from: "n1", to: "n2", reason: "n1 lacks CPU"),
                    ControlMove(vm: "a", from: "n2", to: "n3", reason: "makes room\nfor web1"),
                ],
                memoryMiB: 1_024)
        ]
        let text = StatusReport.text(of: status)
        let part = """

            Recommended by n1#3.1 against overload, 35.000 s ago: 2 migrations, 1024 MiB.
            GUEST  FROM  TO  BECAUSE
            web1   n1    n2  n1 lacks CPU
            a      n2    n3  makes room for web1
            To carry it out:
              dvms apply n1#3.1
            """
        #expect(text.hasSuffix(part), "\(text)")
    }

    @Test("survives figures that cannot be")
    func absurd() {
        var status = Samples.status
        status.capacity = Samples.resources(.min, .max)
        status.reserved = Samples.resources(.max, .min)
        status.load = Samples.resources(.max, -1)
        status.uptimeMilliseconds = .min
        #expect(StatusReport.text(of: status).contains("CPU (millicores)"))
    }
}

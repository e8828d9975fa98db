import ControlProtocol
import Testing
import dvms

@Suite("dvms explain, dvms events")
struct ExplanationReportTests {
    private let report = ExplanationReport(clock: Samples.clock, nowMilliseconds: Samples.start + 61_000)

    @Test("tells the story of an ISP")
    func story() {
        let text = self.report.text(of: Samples.explanation, about: .isp("n1#3.2"))
        #expect(
            text == """
                n1#3.2: solved in 2.410 s, 1 migration, 3 nodes, 14 messages

                why            overload: CPU 3600 of 4000 m
                started        2026-07-04 14:03:07.000
                outcome        solved: what was wrong is put right
                asked          3 nodes in 1 sweep
                               joined: n5
                               passed over: n6, paused
                hops           1 over the partitions of other ISPs
                               hops from n2 to n5, over the partition of n4#1.1
                solver         2 solves of 5312 steps, 3.1 ms
                plan           after 0.350 s
                moved          1 guest, 512 MiB

                Migrations
                  GUEST  FROM  TO  MiB  SECONDS  BECAUSE       RESULT
                  web1   n1    n5  512    2.020  n1 lacks CPU  moved

                How it went
                  + SECONDS  EVENT
                      0.000  starts: CPU 3600 of 4000 m
                      0.003  asks n2 to join
                      0.009  hops from n2 to n5, over the partition of n4#1.1
                      0.020  n5 joins; 2 members
                      0.031  passes over n6: paused
                      0.360  web1: n1 → n5, n1 lacks CPU
                      2.380  web1: n1 → n5 moved after 2020 ms
                      2.410  ends solved
                """, "\(text)")
    }

    @Test("says when an answer had no room for all, and where the rest is")
    func olderLeftOut() {
        var explanation = Samples.explanation
        explanation.olderLeftOut = true
        let text = self.report.text(of: explanation, about: .isp("n1#3.2"))
        #expect(text.contains("ends solved\n\nOlder events"), "\(text)")
        #expect(text.hasSuffix("dvms events --isp n1#3.2 --after 0 --limit 100000"), "\(text)")
    }

    @Test("tells what there is of an ISP that has not ended")
    func running() {
        let isp = ControlISP(
            isp: "n1#3.3", trigger: "drain", reason: "the operator drains n1", birth: 1,
            startedWallMilliseconds: Samples.start)
        let migration = ControlMigration(
            action: "n1#3.3/1", isp: "n1#3.3", vm: "web1", from: "n1", to: "n2", startedWallMilliseconds: Samples.start)
        let text = self.report.text(
            of: ControlExplanation(isps: [isp], migrations: [migration], events: []), about: .isp("n1#3.3"))
        #expect(
            text == """
                n1#3.3: not ended, started 1 min 1 s ago

                why            drain: the operator drains n1
                started        2026-07-04 14:03:07.000
                asked          0 nodes in 1 sweep
                hops           none

                Migrations
                  GUEST  FROM  TO  MiB  SECONDS  BECAUSE  RESULT
                  web1   n1    n2                         under way

                How it went
                  the journal does not hold its events any more
                """, "\(text)")
    }

    @Test("tells what became of a guest")
    func guest() {
        var explanation = Samples.explanation
        explanation.events = explanation.events.filter { $0.vm == "web1" }
        let text = self.report.text(of: explanation, about: .vm("web1"))
        #expect(
            text == """
                web1: 1 migration ordered by this node

                STARTED                  FROM  TO  MiB  SECONDS  ISP     RESULT
                2026-07-04 14:03:07.360  n1    n5  512    2.020  n1#3.2  moved

                n1#3.2: solved in 2.410 s, 1 migration, 3 nodes, 14 messages (overload)

                TIME                         NUMBER  ISP             EVENT
                2026-07-04 14:03:07.360          45  n1#3.2          web1: n1 → n5, n1 lacks CPU
                2026-07-04 14:03:09.380          47  n1#3.2          web1: n1 → n5 moved after 2020 ms
                """, "\(text)")
    }

    @Test("tells the own part in the ISP of another node")
    func foreign() {
        let events = [Samples.event(7, after: 0, "node_granted", "the node is granted under epoch 3.1", isp: "n2#1.1")]
        let text = self.report.text(
            of: ControlExplanation(isps: [], migrations: [], events: events), about: .isp("n2#1.1"))
        #expect(
            text == """
                This node did not start it and knows its own part only; the node before the # knows all.

                TIME                         NUMBER  ISP             EVENT
                2026-07-04 14:03:07.000           7  n2#1.1          the node is granted under epoch 3.1
                """, "\(text)")
    }

    @Test("writes an event on one line, with the guest that it concerns")
    func event() {
        let report = EventReport(clock: Samples.clock)
        let event = Samples.event(12_345_678_901, after: 1, "settled", "is settled:\nit runs", isp: nil, vm: "web1")
        #expect(
            report.line(of: event) == "2026-07-04 14:03:07.001  12345678901  -               web1: is settled: it runs")
    }
}

import Basis
import Testing
import Transport

@Suite("Addresses, limits and waits")
struct ValueTests {
    @Test(
        "An address is read from host:port and [IPv6]:port",
        arguments: [
            ("10.0.0.1:7000", PeerAddress(host: "10.0.0.1", port: 7_000)),
            ("[fe80::1]:80", PeerAddress(host: "fe80::1", port: 80)),
            ("host.example:0", PeerAddress(host: "host.example", port: 0)),
            ("fe80::1:80", nil), ("host", nil), ("host:", nil), (":80", nil), ("host:65536", nil), ("host:-1", nil),
            ("[]:80", nil), (String(repeating: "a", count: 256) + ":1", nil),
        ] as [(String, PeerAddress?)])
    func addresses(text: String, address: PeerAddress?) {
        #expect(PeerAddress(text) == address)
        if let address { #expect(PeerAddress(address.description) == address) }
    }

    @Test("Settings say each of their problems, and the defaults have none")
    func settings() {
        #expect(TransportSettings().problems.isEmpty)
        var settings = TransportSettings()
        settings.frameBytesMax = Int.max
        settings.callsInFlightMax = 0
        settings.pingInterval = .zero
        settings.reconnectDelayMin = .seconds(9)
        #expect(settings.problems.count == 5)
    }

    @Test(
        "The wait between dials doubles up to its bound",
        arguments: [(1, 50), (2, 100), (3, 200), (7, 3_200), (8, 5_000), (1_000, 5_000)])
    func backoffBound(failures: Int, milliseconds: Int64) {
        #expect(Backoff.bound(failures: failures, settings: TransportSettings()) == milliseconds * 1_000_000)
    }

    @Test("A wait is drawn from the upper half of its bound, and success forgets it", arguments: UInt64(1)...20)
    func backoffJitter(seed: UInt64) throws {
        var (backoff, random) = (Backoff(), SplitMix64(seed: seed))
        let now = MonotonicInstant(nanoseconds: 1_000)
        for failures in 1...10 {
            backoff.failed("refused", at: now, settings: TransportSettings(), using: &random)
            let bound = Backoff.bound(failures: failures, settings: TransportSettings())
            let wait = (try #require(backoff.notBefore) - now).inNanoseconds
            #expect((bound / 2...bound).contains(wait), "seed \(seed)")
        }
        backoff.succeeded()
        #expect(backoff.notBefore == nil)
    }

    @Test("Pending calls expire in order, each once, and only a nearer deadline arms the timer anew")
    func pendingCalls() {
        func at(_ nanoseconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: nanoseconds) }
        var calls = PendingCalls<String>()
        let armed = [
            calls.insert("b", correlation: 2, deadline: at(20)), calls.insert("c", correlation: 3, deadline: at(20)),
            calls.insert("a", correlation: 1, deadline: at(10)),
            calls.insert("z", correlation: 9, deadline: .distantFuture),
        ]
        #expect(armed == [true, false, true, false])
        #expect(calls.nextDeadline == at(10))
        let removed = [calls.remove(1, where: { $0 == "x" })?.call, calls.remove(1)?.call, calls.remove(1)?.call]
        #expect(removed == [nil, "a", nil])
        let early = calls.expire(at: at(19))
        #expect(early == [] && calls.nextDeadline == at(20))
        let due = calls.expire(at: at(20))
        #expect(due == ["b", "c"] && calls.nextDeadline == nil && calls.count == 1)
        let isPending = calls.update(9) { $0 = "y" }
        let rest = calls.removeAll { $0 == "y" }
        #expect(isPending && rest == ["y"] && calls.count == 0)
    }
}

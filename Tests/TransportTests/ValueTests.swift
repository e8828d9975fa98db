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

    @Test("Pending calls expire in order, each once, and no correlation is given twice")
    func pendingCalls() {
        func at(_ nanoseconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: nanoseconds) }
        var calls = PendingCalls<String>()
        let b = calls.insert("b", deadline: at(20)) ?? 0
        #expect(calls.nextDeadline == at(20))
        let z = calls.insert("z", deadline: .distantFuture) ?? 0
        let a = calls.insert("a", deadline: at(10)) ?? 0
        #expect(calls.nextDeadline == at(10))
        let removed = [calls.remove(a, where: { $0 == "x" })?.call, calls.remove(a)?.call, calls.remove(a)?.call]
        #expect(removed == [nil, "a", nil])
        // Takes the slot that was left, not the correlation.
        let c = calls.insert("c", deadline: at(20)) ?? 0
        #expect(Set([0, a, b, c, z]).count == 5)
        let early = calls.expire(at: at(19)).map(\.call)
        #expect(early == [] && calls.nextDeadline == at(20))
        let due = calls.expire(at: at(20))
        #expect(due.map(\.call) == ["b", "c"] && due.map(\.correlation) == [b, c])
        #expect(calls.nextDeadline == nil && calls.count == 1)
        calls.updateAll { $0 += "!" }
        let isPending = [calls.update(z) { $0 += "?" }, calls.update(b) { $0 += "?" }]
        let rest = calls.removeAll { $0 == "z!?" }.map(\.call)
        #expect(isPending == [true, false] && rest == ["z!?"] && calls.count == 0)
        let strangers = [calls.remove(.max)?.call, calls.remove(0)?.call]
        #expect(strangers == [nil, nil])
    }
}

import Basis
import ClusterActors
import Testing

@Suite("Trigger watch")
struct TriggerWatchTests {
    static let winner = ISPID(node: "n7", boot: 1, sequence: 1)
    var generator = SplitMix64(seed: 1)
    var watch = TriggerWatch(settings: TriggerSettings())

    static func at(_ seconds: Int64) -> MonotonicInstant { .zero + .seconds(seconds) }

    mutating func look(_ conditions: Set<TriggerClass>, birth: UInt64, at seconds: Int64) {
        self.watch.update(holding: conditions, birth: birth, at: Self.at(seconds), using: &self.generator)
    }

    @Test(
        "a condition that comes back soon is the same trigger, with its birth; later it is another",
        arguments: [(seconds: Int64(59), birth: UInt64(10)), (seconds: 60, birth: 20)])
    mutating func birthIsKept(seconds: Int64, birth: UInt64) {
        self.look([.overload], birth: 10, at: 0)
        self.look([], birth: 15, at: 100)
        self.look([.overload], birth: 20, at: 100 + seconds)
        #expect(self.watch.trigger(.overload)?.birth == birth)
    }

    @Test("one that was solved is another when it comes back")
    mutating func solved() {
        self.look([.overload], birth: 10, at: 0)
        self.watch.solved(.overload)
        self.look([], birth: 11, at: 1)
        self.look([.overload], birth: 20, at: 2)
        #expect(self.watch.trigger(.overload)?.birth == 20)
    }

    @Test("a load that goes up and down does not escape the back-off, also when the ISP ended while it was down")
    mutating func backOffIsKept() {
        self.look([.overload], birth: 10, at: 0)
        self.look([], birth: 11, at: 1)
        self.watch.failed(.overload, yieldedTo: nil, at: Self.at(2), using: &self.generator)
        self.look([.overload], birth: 12, at: 3)
        #expect(self.watch.due(at: Self.at(4)) == nil)
        #expect(self.watch.due(at: Self.at(7))?.birth == 10)
    }

    @Test("after a yield it waits for that winner and for no other, also when the condition was gone meanwhile")
    mutating func winner() {
        self.look([.overload], birth: 10, at: 0)
        self.watch.failed(.overload, yieldedTo: Self.winner, at: Self.at(0), using: &self.generator)
        #expect(self.watch.due(at: Self.at(600)) == nil)
        let other = ISPID(node: "n8", boot: 1, sequence: 1)
        self.watch.winnerIsOver(other, for: .overload, at: Self.at(1), using: &self.generator)
        #expect(self.watch.due(at: Self.at(600)) == nil)
        self.look([], birth: 11, at: 2)
        self.watch.winnerIsOver(Self.winner, for: .overload, at: Self.at(3), using: &self.generator)
        self.look([.overload], birth: 12, at: 4)
        #expect(self.watch.due(at: Self.at(9))?.birth == 10)
    }

    @Test("what the operator asks for acts at once, whether its condition was looked at before or not")
    mutating func hurry() {
        self.watch.hurry(.underload, at: Self.at(0))
        self.look([.underload], birth: 10, at: 1)
        #expect(self.watch.due(at: Self.at(1))?.triggerClass == .underload)
        self.watch.failed(.underload, yieldedTo: nil, at: Self.at(1), using: &self.generator)
        self.watch.hurry(.underload, at: Self.at(2))
        #expect(self.watch.due(at: Self.at(2))?.triggerClass == .underload)
    }

    @Test("a node more in the ring shortens the wait of those for whom nothing could be done")
    mutating func lookAgain() {
        self.look([.overload], birth: 10, at: 0)
        for _ in 1...7 { self.watch.failed(.overload, yieldedTo: nil, at: Self.at(0), using: &self.generator) }
        #expect(self.watch.due(at: Self.at(100)) == nil)
        self.watch.lookAgain(at: Self.at(100), using: &self.generator)
        #expect(self.watch.due(at: Self.at(105))?.birth == 10)
    }
}

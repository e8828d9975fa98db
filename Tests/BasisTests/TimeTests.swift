import Basis
import Testing

@Suite("Instants and durations")
struct TimeTests {
    @Test(
        "adds and subtracts with saturation instead of a trap",
        arguments: [
            (0, Duration.seconds(1), 1_000_000_000, -1_000_000_000),
            (5, .nanoseconds(-7), -2, 12),
            (Int64.max, .nanoseconds(1), Int64.max, Int64.max - 1),
            (Int64.min, .nanoseconds(1), Int64.min + 1, Int64.min),
            (Int64.min, .nanoseconds(-1), Int64.min, Int64.min + 1),
            (1, .seconds(Int64.max), Int64.max, 1 - Int64.max),
            (-2, .seconds(Int64.max), Int64.max - 2, Int64.min),
        ])
    func arithmetic(start: Int64, duration: Duration, sum: Int64, difference: Int64) {
        let instant = MonotonicInstant(nanoseconds: start)
        #expect((instant + duration).nanoseconds == sum)
        #expect((instant - duration).nanoseconds == difference)
    }

    @Test("the difference of two instants is how long the first is after the second")
    func difference() {
        let early = MonotonicInstant(nanoseconds: 1_500)
        let late = MonotonicInstant(nanoseconds: 4_000)
        #expect(late - early == .nanoseconds(2_500))
        #expect(early - late == .nanoseconds(-2_500))
        #expect(early < late && late < .distantFuture && .zero < early)
    }

    @Test(
        "turns a duration into whole units, saturated",
        arguments: [
            (Duration.zero, 0, 0), (.milliseconds(1_500), 1_500_000_000, 1_500),
            (.nanoseconds(-999_999), -999_999, 0), (.nanoseconds(1_999_999), 1_999_999, 1),
            (.seconds(Int64.max), Int64.max, Int64.max / 1_000_000),
            (.seconds(Int64.min), Int64.min, Int64.min / 1_000_000),
        ])
    func units(duration: Duration, nanoseconds: Int64, milliseconds: Int64) {
        #expect(duration.inNanoseconds == nanoseconds)
        #expect(duration.inMilliseconds == milliseconds)
    }

    @Test("seconds for people keep the fraction")
    func seconds() {
        #expect(Duration.milliseconds(2_250).inSeconds == 2.25)
    }
}

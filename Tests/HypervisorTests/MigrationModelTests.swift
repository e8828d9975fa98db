import Hypervisor
import Testing

/// The figures that SimGrid 3.32 gives for one guest of 1 GiB whose dirty rate at full CPU is I × 125 MiB/s.
struct SimGridFigure: Sendable, CustomStringConvertible {
    var intensityPercent: Double
    /// CPU that the guest uses, 0 to 1.
    var load: Double
    /// Bytes per second of the link after SimGrid's factor.
    var bandwidth = 125e6 * 0.97
    /// Migrations that share the link.
    var concurrent = 1.0
    var seconds: Double
    /// How far the model may be from it, in percent: SimGrid's figures have three digits and its network latency.
    var tolerancePercent = 1.0

    var dirtyRate: Double { self.intensityPercent / 100 * 125 * mib * self.load }
    var description: String {
        "I=\(self.intensityPercent) % load=\(self.load) n=\(self.concurrent) → \(self.seconds) s"
    }

    func isNear(_ measured: Double) -> Bool {
        abs(measured - self.seconds) <= self.seconds * self.tolerancePercent / 100
    }

    static let withFactor097 = [
        SimGridFigure(intensityPercent: 0, load: 0, seconds: 8.86),
        SimGridFigure(intensityPercent: 10, load: 0.6, seconds: 9.48),
        SimGridFigure(intensityPercent: 30, load: 0.6, seconds: 11.0),
        SimGridFigure(intensityPercent: 50, load: 0.6, seconds: 13.1),
        SimGridFigure(intensityPercent: 80, load: 0.6, seconds: 18.4),
        SimGridFigure(intensityPercent: 10, load: 1, seconds: 9.94),
        SimGridFigure(intensityPercent: 30, load: 1, seconds: 13.1),
        SimGridFigure(intensityPercent: 50, load: 1, seconds: 19.3),
        SimGridFigure(intensityPercent: 80, load: 1, seconds: 65.7),
    ]

    /// Factor 0.88, with the latency that goes with it; the more rounds, the more of it.
    static let withFactor088 = [
        SimGridFigure(intensityPercent: 0, load: 0, bandwidth: 110e6, seconds: 9.77),
        SimGridFigure(intensityPercent: 30, load: 0.6, bandwidth: 110e6, seconds: 12.4),
        SimGridFigure(intensityPercent: 50, load: 0.6, bandwidth: 110e6, seconds: 15.2),
        SimGridFigure(intensityPercent: 80, load: 0.6, bandwidth: 110e6, seconds: 22.8),
        SimGridFigure(intensityPercent: 30, load: 1, bandwidth: 110e6, seconds: 15.2),
        SimGridFigure(intensityPercent: 50, load: 1, bandwidth: 110e6, seconds: 24.2),
        SimGridFigure(intensityPercent: 80, load: 1, bandwidth: 110e6, seconds: 201.9, tolerancePercent: 3),
    ]

    static let sharedLink = [
        SimGridFigure(intensityPercent: 30, load: 0.6, concurrent: 2, seconds: 29.0),
        SimGridFigure(intensityPercent: 30, load: 0.6, concurrent: 3, seconds: 63.8),
    ]

    static let all = Self.withFactor097 + Self.withFactor088 + Self.sharedLink
}

let mib = 1_048_576.0
private let simGridGuest = MigrationModel(
    memoryBytes: 1_024 * mib, workingSetBytes: 0.9 * 1_024 * mib, downtimeMax: .milliseconds(30))

@Suite("A migration model")
struct MigrationModelTests {
    @Test("predicts what SimGrid measures", arguments: SimGridFigure.all)
    func predicts(figure: SimGridFigure) throws {
        let forecast = try #require(
            simGridGuest.predict(
                bytesPerSecond: figure.bandwidth / figure.concurrent, dirtyBytesPerSecond: figure.dirtyRate))
        #expect(figure.isNear(seconds(forecast.duration)), "\(seconds(forecast.duration)) s")
        #expect(forecast.downtime <= .milliseconds(30))
    }

    @Test("stepped round by round takes as long and sends as much as predicted", arguments: SimGridFigure.all)
    func stepsAsPredicted(figure: SimGridFigure) throws {
        let bandwidth = figure.bandwidth / figure.concurrent
        let forecast = try #require(
            simGridGuest.predict(bytesPerSecond: bandwidth, dirtyBytesPerSecond: figure.dirtyRate))
        var run = MigrationRun(simGridGuest)
        let taken = play(&run, dirtyRate: figure.dirtyRate) { _ in bandwidth }
        #expect(abs(seconds(taken - forecast.duration)) < 0.001)
        #expect(abs(run.sentBytes - forecast.bytes) < 1_000)
        #expect(run.round == forecast.rounds)
    }

    @Test("never ends when the guest writes as fast as the link carries, unless what it writes to is small")
    func neverConverges() {
        #expect(simGridGuest.predict(bytesPerSecond: 100e6, dirtyBytesPerSecond: 100e6) == nil)
        #expect(simGridGuest.predict(bytesPerSecond: 0, dirtyBytesPerSecond: 0) == nil)
        let small = MigrationModel(memoryBytes: 1e9, workingSetBytes: 2e6, downtimeMax: .milliseconds(30))
        let forecast = small.predict(bytesPerSecond: 100e6, dirtyBytesPerSecond: 500e6)
        #expect(forecast?.rounds == 1)
        #expect(forecast?.downtime == .milliseconds(20))
    }

    @Test(
        "is over after one round and a pause for what was written in it, at the boundary of the pause",
        arguments: [
            (dirtyRate: 3e6, rounds: 1), (dirtyRate: 3.0001e6, rounds: 2),
        ])
    func pausesAtTheThreshold(dirtyRate: Double, rounds: Int) {
        // 100 MB at 100 MB/s take 1 s; 3 MB take 30 ms.
        let model = MigrationModel(memoryBytes: 100e6, workingSetBytes: 90e6, downtimeMax: .milliseconds(30))
        #expect(model.predict(bytesPerSecond: 100e6, dirtyBytesPerSecond: dirtyRate)?.rounds == rounds)
    }
}

@Suite("A migration run")
struct MigrationRunTests {
    @Test("slows down when the link is shared from the middle of a round on")
    func bandwidthChangesMidway() {
        var run = MigrationRun(MigrationModel(memoryBytes: 100e6, workingSetBytes: 0, downtimeMax: .zero))
        run.advance(by: .milliseconds(500), bytesPerSecond: 100e6, dirtyBytesPerSecond: 0)
        #expect(run.remainingBytes == 50e6)
        #expect(run.timeToFinish(bytesPerSecond: 50e6) == .seconds(1))
        #expect(run.timeToFinish(bytesPerSecond: 0) == nil)
        run.advance(by: .seconds(1), bytesPerSecond: 50e6, dirtyBytesPerSecond: 0)
        #expect(run.finishRound() == .switchOver)
        #expect(run.isSuspended)
        #expect(run.remainingBytes == 0)
    }

    @Test("has no more to send again than the working set, however long a round takes")
    func workingSetBounds() {
        var run = MigrationRun(MigrationModel(memoryBytes: 100e6, workingSetBytes: 40e6, downtimeMax: .zero))
        run.advance(by: .seconds(3_600), bytesPerSecond: 0, dirtyBytesPerSecond: 1e9)
        #expect(run.dirtiedBytes == 40e6)
        #expect(run.outstandingBytes == 140e6)
    }

    @Test("writes nothing more once it is suspended")
    func suspendedGuestIsStill() {
        var run = MigrationRun(MigrationModel(memoryBytes: 100e6, workingSetBytes: 90e6, downtimeMax: .seconds(1)))
        run.advance(by: .seconds(1), bytesPerSecond: 100e6, dirtyBytesPerSecond: 50e6)
        #expect(run.finishRound() == .switchOver)
        run.advance(by: .milliseconds(100), bytesPerSecond: 100e6, dirtyBytesPerSecond: 50e6)
        #expect(run.dirtiedBytes == 0)
        #expect(run.remainingBytes == 40e6)
    }

    @Test("goes round for ever without auto-converge and ends with it")
    func autoConverge() {
        var model = MigrationModel(memoryBytes: 100e6, workingSetBytes: 90e6, downtimeMax: .milliseconds(30))
        var endless = MigrationRun(model)
        for _ in 0..<1_000 { #expect(step(&endless, bandwidth: 100e6, dirtyRate: 110e6) == .anotherRound) }
        #expect(endless.throttlePercent == 0)

        model.autoConverge = true
        var throttled = MigrationRun(model)
        var seen: [Int] = []
        while step(&throttled, bandwidth: 100e6, dirtyRate: 110e6) == .anotherRound {
            if seen.last != throttled.throttlePercent { seen.append(throttled.throttlePercent) }
            try? #require(throttled.round < 1_000)
        }
        // Two rounds too dirty for each step, until less than half of what a round sends is written in it.
        #expect(seen == [0, 20, 30, 40, 50, 60])
    }

    @Test("is throttled to 99 % at the most")
    func throttleIsBounded() {
        var run = MigrationRun(
            MigrationModel(memoryBytes: 100e6, workingSetBytes: 90e6, downtimeMax: .zero, autoConverge: true))
        for _ in 0..<100 { _ = step(&run, bandwidth: 100e6, dirtyRate: 1e12) }
        #expect(run.throttlePercent == MigrationRun.throttlePercentMax)
    }

    private func step(_ run: inout MigrationRun, bandwidth: Double, dirtyRate: Double) -> MigrationRun.Step? {
        guard let time = run.timeToFinish(bytesPerSecond: bandwidth) else { return nil }
        run.advance(by: time, bytesPerSecond: bandwidth, dirtyBytesPerSecond: dirtyRate)
        return run.finishRound()
    }
}

/// Plays a run to its end.
private func play(_ run: inout MigrationRun, dirtyRate: Double, bandwidth: (Duration) -> Double) -> Duration {
    var taken = Duration.zero
    while true {
        let rate = bandwidth(taken)
        guard let time = run.timeToFinish(bytesPerSecond: rate) else { return taken }
        run.advance(by: time, bytesPerSecond: rate, dirtyBytesPerSecond: dirtyRate)
        taken += time
        if run.isSuspended { return taken }
        _ = run.finishRound()
    }
}

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

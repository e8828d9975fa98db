#if Libvirt
    import Basis
    import Hypervisor
    import LibvirtDriver
    import Synchronization
    import Testing

    @Suite("Call lane")
    struct CallLaneTests {
        private typealias Outcome = Result<Int, HypervisorError>

        /// Makes a call that blocks until `gate` opens, and returns once it has begun.
        private func occupy(_ lane: CallLane, until gate: Gate, answer: Answer<Outcome> = Answer()) async throws {
            let begun = Answer<Void>()
            try lane.submit(
                {
                    begun.give(())
                    gate.waitUntilOpen()
                    return .success(1)
                }, to: answer)
            await begun.value()
        }

        @Test("gives back what the call returns, value or error")
        func results() async throws {
            let lane = CallLane(name: "test", threadsMax: 1, queuedMax: 1)
            defer { lane.close() }
            #expect(try await lane.run(within: .seconds(1), time: TimeThatStands()) { Outcome.success(7) } == 7)
            await #expect(throws: HypervisorError.failed("no")) {
                try await lane.run(within: .seconds(1), time: TimeThatStands()) { Outcome.failure(.failed("no")) }
            }
        }

        @Test("stops waiting for a call that does not return in time")
        func timeout() async throws {
            let lane = CallLane(name: "test", threadsMax: 1, queuedMax: 0)
            defer { lane.close() }
            let gate = Gate()
            await #expect(throws: HypervisorError.unreachable("no answer within 3.0 s")) {
                try await lane.run(within: .seconds(3), time: TimeThatIsUp()) { () -> Outcome in
                    gate.waitUntilOpen()
                    return .success(1)
                }
            }
            gate.open()
        }

        @Test("a call whose caller has left before it began never begins")
        func abandonedInQueue() async throws {
            let lane = CallLane(name: "test", threadsMax: 1, queuedMax: 2)
            let gate = Gate()
            let first = Answer<Outcome>()
            try await self.occupy(lane, until: gate, answer: first)
            let calls = Mutex(0)
            await #expect(throws: HypervisorError.unreachable("no answer within 3.0 s")) {
                try await lane.run(within: .seconds(3), time: TimeThatIsUp()) { () -> Outcome in
                    calls.withLock { $0 += 1 }
                    return .success(2)
                }
            }
            gate.open()
            _ = await first.value()
            // The lane has one thread, so when this one was made, the abandoned one was passed over.
            #expect(try await lane.run(within: .seconds(1), time: TimeThatStands()) { Outcome.success(3) } == 3)
            #expect(calls.withLock { $0 } == 0)
            lane.close()
        }

        @Test("a cancelled caller is told so at once")
        func cancellation() async throws {
            let lane = CallLane(name: "test", threadsMax: 1, queuedMax: 1)
            let gate = Gate()
            try await self.occupy(lane, until: gate)
            let waiting = Task {
                try await lane.run(within: .seconds(1), time: TimeThatStands()) { Outcome.success(2) }
            }
            waiting.cancel()
            await #expect(throws: HypervisorError.aborted("the caller was cancelled")) { try await waiting.value }
            gate.open()
            lane.close()
        }

        @Test("refuses at once what is beyond its threads and its queue, and takes calls again afterwards")
        func full() async throws {
            let lane = CallLane(name: "test", threadsMax: 2, queuedMax: 1)
            let gate = Gate()
            let answers = [Answer<Outcome>(), Answer<Outcome>(), Answer<Outcome>()]
            try await self.occupy(lane, until: gate, answer: answers[0])
            try await self.occupy(lane, until: gate, answer: answers[1])
            try lane.submit({ .success(3) }, to: answers[2])
            #expect(throws: HypervisorError.unreachable("3 test calls are waiting for libvirt already")) {
                try lane.submit({ Outcome.success(4) }, to: Answer())
            }
            gate.open()
            for answer in answers { _ = await answer.value() }
            lane.close()
        }

        @Test("a call that hangs holds up no other lane, nor other threads of its own")
        func independence() async throws {
            let stuck = CallLane(name: "stuck", threadsMax: 2, queuedMax: 0)
            let other = CallLane(name: "other", threadsMax: 1, queuedMax: 0)
            let gate = Gate()
            try await self.occupy(stuck, until: gate)
            #expect(try await other.run(within: .seconds(1), time: TimeThatStands()) { Outcome.success(5) } == 5)
            #expect(try await stuck.run(within: .seconds(1), time: TimeThatStands()) { Outcome.success(6) } == 6)
            gate.open()
            stuck.close()
            other.close()
        }

        @Test("uses no more threads at a time than it was allowed")
        func threads() async throws {
            let lane = CallLane(name: "test", threadsMax: 3, queuedMax: 100)
            let running = Mutex((now: 0, most: 0))
            let answers = (0..<60).map { _ in Answer<Outcome>() }
            for answer in answers {
                try lane.submit(
                    {
                        running.withLock { running in
                            running.now += 1
                            running.most = max(running.most, running.now)
                        }
                        running.withLock { $0.now -= 1 }
                        return .success(0)
                    }, to: answer)
            }
            for answer in answers { _ = await answer.value() }
            #expect((1...3).contains(running.withLock { $0.most }))
            lane.close()
        }

        @Test("refuses calls after it was closed, and makes those that were queued")
        func closing() async throws {
            let lane = CallLane(name: "test", threadsMax: 1, queuedMax: 1)
            let gate = Gate()
            try await self.occupy(lane, until: gate)
            let queued = Answer<Outcome>()
            try lane.submit({ .success(8) }, to: queued)
            lane.close()
            #expect(throws: HypervisorError.unreachable("the driver is closed")) {
                try lane.submit({ Outcome.success(9) }, to: Answer())
            }
            gate.open()
            #expect(try await queued.value().get() == 8)
        }

        @Test("an answer is given by the first only")
        func answers() async {
            let answer = Answer<Int>()
            #expect(answer.isGiven == false)
            #expect(answer.give(1))
            #expect(!answer.give(2))
            #expect(answer.isGiven)
            #expect(await answer.value() == 1)
        }
    }
#endif

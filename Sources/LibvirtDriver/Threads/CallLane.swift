#if Libvirt
    package import Basis
    import Foundation
    package import Hypervisor

    /// A few threads on which calls that block are made, so that none ever blocks the cooperative pool.
    ///
    /// A thread is started when a call finds all others busy, up to `threadsMax`, and then stays. What is beyond
    /// `threadsMax + queuedMax` is refused at once: a hypervisor that hangs makes callers fail, not memory grow.
    /// Calls of different nature get lanes of their own, so that a long one cannot starve a short one.
    ///
    /// Safe because `lock` guards every `var`.
    package final class CallLane: @unchecked Sendable {
        private let name: String
        private let threadsMax: Int
        private let queuedMax: Int
        private let lock = NSCondition()
        private var queue: [@Sendable () -> Void] = []
        /// Calls that are queued or being made.
        private var pendingCalls = 0
        private var threads = 0
        private var idleThreads = 0
        private var isClosed = false

        package init(name: String, threadsMax: Int, queuedMax: Int) {
            precondition(threadsMax > 0 && queuedMax >= 0, "a lane has threads, and a queue of no negative length")
            self.name = name
            self.threadsMax = threadsMax
            self.queuedMax = queuedMax
        }

        /// Makes a call on a thread of this lane and waits for it at most `timeout`.
        ///
        /// A call that is not answered in time, or whose task is cancelled, is not undone: if it has begun, its thread
        /// goes on until libvirt returns, and its effect may still happen. If it has not begun, it never will.
        package func run<Value: Sendable>(
            within timeout: Duration, time: some TimeSource,
            _ call: @escaping @Sendable () -> Result<Value, HypervisorError>
        ) async throws(HypervisorError) -> Value {
            let answer = Answer<Result<Value, HypervisorError>>()
            try self.submit(call, to: answer)
            let result = await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    guard (try? await time.sleep(for: timeout)) != nil else { return }
                    answer.give(.failure(.unreachable("no answer within \(timeout.inSeconds) s")))
                }
                let result = await withTaskCancellationHandler {
                    await answer.value()
                } onCancel: {
                    answer.give(.failure(.aborted("the caller was cancelled")))
                }
                group.cancelAll()
                return result
            }
            return try result.get()
        }

        /// Has `call` made on a thread of this lane; what it returns is given to `answer`, unless somebody was first.
        ///
        /// - Throws: ``HypervisorError/unreachable(_:)`` when the lane is full or closed; nothing has happened then.
        package func submit<Value: Sendable>(
            _ call: @escaping @Sendable () -> Result<Value, HypervisorError>,
            to answer: Answer<Result<Value, HypervisorError>>
        ) throws(HypervisorError) {
            self.lock.lock()
            defer { self.lock.unlock() }
            guard !self.isClosed else { throw .unreachable("the driver is closed") }
            guard self.pendingCalls < self.threadsMax + self.queuedMax else {
                throw .unreachable("\(self.pendingCalls) \(self.name) calls are waiting for libvirt already")
            }
            self.pendingCalls += 1
            self.queue.append {
                guard !answer.isGiven else { return }
                answer.give(call())
            }
            if self.queue.count > self.idleThreads, self.threads < self.threadsMax {
                self.threads += 1
                let thread = Thread { [self] in self.work() }
                thread.name = self.name
                thread.start()
            } else {
                self.lock.signal()
            }
        }

        /// Ends the threads once what is queued is done. Further calls are refused.
        package func close() {
            self.lock.lock()
            self.isClosed = true
            self.lock.broadcast()
            self.lock.unlock()
        }

        private func work() {
            self.lock.lock()
            while true {
                if !self.queue.isEmpty {
                    let call = self.queue.removeFirst()
                    self.lock.unlock()
                    call()
                    self.lock.lock()
                    self.pendingCalls -= 1
                } else if self.isClosed {
                    break
                } else {
                    self.idleThreads += 1
                    self.lock.wait()
                    self.idleThreads -= 1
                }
            }
            self.threads -= 1
            self.lock.unlock()
        }
    }
#endif

#if Libvirt
    import Foundation
    import LibvirtDriver
    import Synchronization
    import Testing

    @Suite("Monotonic condition")
    struct MonotonicConditionTests {
        @Test("gives up when its time has passed, and does not wait for what is already so")
        func timeout() {
            let condition = MonotonicCondition()
            condition.lock()
            defer { condition.unlock() }
            condition.wait(for: .milliseconds(1)) { false }
            condition.wait(for: .seconds(86_400)) { true }
        }

        @Test("wakes as soon as it is told that something changed")
        func broadcast() async {
            let condition = MonotonicCondition()
            let isDone = Mutex(false)
            let begun = Answer<Void>()
            let woken = Answer<Void>()
            let thread = Thread {
                condition.lock()
                begun.give(())
                condition.wait(for: .seconds(86_400)) { isDone.withLock { $0 } }
                condition.unlock()
                woken.give(())
            }
            thread.start()
            await begun.value()
            // The lock is free once the thread waits.
            condition.lock()
            isDone.withLock { $0 = true }
            condition.broadcast()
            condition.unlock()
            await woken.value()
        }
    }
#endif

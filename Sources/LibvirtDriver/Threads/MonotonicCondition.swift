#if Libvirt
    import Glibc

    /// A lock, and a wait for what changes under it, for a time that is measured by the monotonic clock.
    ///
    /// Foundation's `NSCondition` waits until a date: were the wall clock set back by an hour, its thread would wait an hour
    /// longer.
    ///
    /// A class because POSIX wants a lock and its condition to stay where they are in memory. Safe because both are made to
    /// be used from many threads, and their addresses do not change.
    package final class MonotonicCondition: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

        package init() {
            pthread_mutex_init(self.mutex, nil)
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(self.condition, &attributes)
            pthread_condattr_destroy(&attributes)
        }

        deinit {
            pthread_cond_destroy(self.condition)
            pthread_mutex_destroy(self.mutex)
            self.condition.deallocate()
            self.mutex.deallocate()
        }

        package func lock() {
            pthread_mutex_lock(self.mutex)
        }

        package func unlock() {
            pthread_mutex_unlock(self.mutex)
        }

        /// Has all who wait look again. To be called under the lock.
        package func broadcast() {
            pthread_cond_broadcast(self.condition)
        }

        /// Blocks until `isDone` says so, or `timeout` has passed. To be called under the lock, which others can take
        /// meanwhile; `isDone` is asked under it.
        ///
        /// - Parameter timeout: 0 or more.
        package func wait(for timeout: Duration, until isDone: () -> Bool) {
            let (seconds, attoseconds) = timeout.components
            var deadline = timespec()
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = deadline.tv_nsec + Int(attoseconds / 1_000_000_000)
            deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
            while !isDone(), pthread_cond_timedwait(self.condition, self.mutex, &deadline) == 0 {}
        }
    }
#endif

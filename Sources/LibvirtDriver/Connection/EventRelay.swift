#if Libvirt
    import Hypervisor
    import Synchronization

    /// Hands what libvirt's event thread reports to everybody who listens.
    ///
    /// A class because C callbacks hold on to it by address.
    final class EventRelay: Sendable {
        /// How many events a listener may be behind; older ones are lost then, which the port allows.
        static let bufferedEventsMax = 1_024

        private struct State {
            var listeners: [UInt64: AsyncStream<HypervisorEvent>.Continuation] = [:]
            var nextListener: UInt64 = 0
            var isConnected = false
            var isFinished = false
        }

        private let state = Mutex(State())

        /// A stream of events from now on. It opens with `connected` when the connection is there already.
        func listen() -> AsyncStream<HypervisorEvent> {
            let (stream, continuation) = AsyncStream.makeStream(
                of: HypervisorEvent.self, bufferingPolicy: .bufferingNewest(Self.bufferedEventsMax))
            let (listener, isFinished) = self.state.withLock { state -> (UInt64, Bool) in
                state.nextListener += 1
                guard !state.isFinished else { return (state.nextListener, true) }
                state.listeners[state.nextListener] = continuation
                if state.isConnected { continuation.yield(.connected) }
                return (state.nextListener, false)
            }
            if isFinished {
                continuation.finish()
            } else {
                continuation.onTermination = { [weak self] _ in
                    self?.state.withLock { state in _ = state.listeners.removeValue(forKey: listener) }
                }
            }
            return stream
        }

        func tell(_ event: HypervisorEvent) {
            let listeners = self.state.withLock { state in
                switch event {
                case .connected: state.isConnected = true
                case .disconnected: state.isConnected = false
                case .changed: break
                }
                return Array(state.listeners.values)
            }
            for listener in listeners { listener.yield(event) }
        }

        /// Ends every stream.
        func finish() {
            let listeners = self.state.withLock { state in
                state.isFinished = true
                return Array(state.listeners.values)
            }
            for listener in listeners { listener.finish() }
        }
    }
#endif

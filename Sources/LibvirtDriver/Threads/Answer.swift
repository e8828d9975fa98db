#if Libvirt
    import Synchronization

    /// An answer that is given once, by whoever comes first, and awaited once.
    ///
    /// A class because it is the place where a thread, a timer and a cancelled task meet: identity is its purpose.
    package final class Answer<Value: Sendable>: Sendable {
        private enum State {
            case open
            case awaited(CheckedContinuation<Value, Never>)
            case given(Value)
        }

        private let state = Mutex<State>(.open)

        package init() {}

        /// Whether nobody needs to work on it any more.
        package var isGiven: Bool {
            self.state.withLock { state in
                if case .given = state { true } else { false }
            }
        }

        /// Gives the answer, unless somebody was first.
        ///
        /// - Returns: whether this call was the first.
        @discardableResult
        package func give(_ value: Value) -> Bool {
            let (isFirst, waiter) = self.state.withLock { state -> (Bool, CheckedContinuation<Value, Never>?) in
                switch state {
                case .open:
                    state = .given(value)
                    return (true, nil)
                case .awaited(let continuation):
                    state = .given(value)
                    return (true, continuation)
                case .given:
                    return (false, nil)
                }
            }
            waiter?.resume(returning: value)
            return isFirst
        }

        /// Waits for the answer. To be awaited by one task only.
        package func value() async -> Value {
            await withCheckedContinuation { continuation in
                let given = self.state.withLock { state -> Value? in
                    switch state {
                    case .open:
                        state = .awaited(continuation)
                        return nil
                    case .given(let value):
                        return value
                    case .awaited:
                        preconditionFailure("an answer is awaited by one task only")
                    }
                }
                if let given { continuation.resume(returning: given) }
            }
        }
    }
#endif

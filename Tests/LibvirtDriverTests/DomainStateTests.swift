#if Libvirt
    import Basis
    import Hypervisor
    import LibvirtDriver
    import Testing

    /// The numbers are libvirt's ABI (`virDomainState`, `virDomainPausedReason`), which never changes.
    @Suite("Domain state")
    struct DomainStateTests {
        private static let here = MigrationEndpoint(uri: "qemu+tcp://n1/system")
        private static let there = MigrationEndpoint(uri: "qemu+tcp://n2/system")

        enum MarkKind: CaseIterable {
            case none
            case namesThisHostAsSource
            case namesAnotherAsSource

            var mark: HandoverMark? {
                switch self {
                case .none: nil
                case .namesThisHostAsSource:
                    HandoverMark(isp: "n1#1.1", action: 1, source: "n1", sourceEndpoint: here, destination: "n2")
                case .namesAnotherAsSource:
                    HandoverMark(isp: "n2#1.1", action: 1, source: "n2", sourceEndpoint: there, destination: "n1")
                }
            }
        }

        struct Row: Sendable, CustomTestStringConvertible {
            var state: Int32
            var reason: Int32
            var mark: MarkKind
            var isIncoming = false
            var expected: DomainPresence

            var testDescription: String { "\(state)/\(reason) \(mark) incoming \(isIncoming): \(expected)" }
        }

        private static let rows: [Row] = [
            // Running, for whatever reason, and with whatever mark an aborted handover left.
            Row(state: 1, reason: 1, mark: .none, expected: .running),
            Row(state: 1, reason: 5, mark: .namesAnotherAsSource, expected: .running),
            Row(state: 1, reason: 6, mark: .namesThisHostAsSource, expected: .running),
            Row(state: 2, reason: 0, mark: .none, expected: .running),
            Row(state: 4, reason: 1, mark: .none, expected: .running),
            // Memory flows in: libvirt says so, or the reason and the mark together do.
            Row(state: 3, reason: 2, mark: .none, isIncoming: true, expected: .pausedIncoming),
            Row(state: 3, reason: 2, mark: .namesAnotherAsSource, expected: .pausedIncoming),
            Row(state: 3, reason: 11, mark: .none, expected: .pausedIncoming),
            // Arrived: looks as if its operator had paused it, but for the mark.
            Row(state: 3, reason: 1, mark: .namesAnotherAsSource, expected: .pausedIncoming),
            Row(state: 3, reason: 1, mark: .namesThisHostAsSource, expected: .pausedOtherwise),
            Row(state: 3, reason: 1, mark: .none, expected: .pausedOtherwise),
            // What stays behind.
            Row(state: 3, reason: 2, mark: .namesThisHostAsSource, expected: .pausedOutgoing),
            Row(state: 3, reason: 2, mark: .none, expected: .pausedOtherwise),
            // Paused for reasons that are none of ours, mark or not.
            Row(state: 3, reason: 3, mark: .namesAnotherAsSource, expected: .pausedOtherwise),
            Row(state: 3, reason: 5, mark: .namesAnotherAsSource, expected: .pausedOtherwise),
            Row(state: 3, reason: 12, mark: .namesThisHostAsSource, expected: .pausedOtherwise),
            Row(state: 3, reason: 99, mark: .none, expected: .pausedOtherwise),
            // No process, crashed, suspended by the guest, unknown, not yet invented.
            Row(state: 5, reason: 1, mark: .namesThisHostAsSource, expected: .shutOff),
            Row(state: 6, reason: 1, mark: .none, expected: .pausedOtherwise),
            Row(state: 7, reason: 0, mark: .none, expected: .pausedOtherwise),
            Row(state: 0, reason: 0, mark: .none, expected: .pausedOtherwise),
            Row(state: 99, reason: 0, mark: .none, expected: .pausedOtherwise),
            Row(state: -1, reason: -1, mark: .none, expected: .pausedOtherwise),
        ]

        @Test("tells how a domain stands from its state, its mark and its job", arguments: rows)
        func presence(row: Row) {
            let state = DomainState(state: row.state, reason: row.reason)
            #expect(state.presence(mark: row.mark.mark, isIncoming: row.isIncoming, at: Self.here) == row.expected)
        }

        @Test(
            "never takes a copy for ours to resume without a mark or libvirt's word",
            arguments: 0...15 as ClosedRange<Int32>)
        func unmarked(reason: Int32) {
            let presence = DomainState(state: 3, reason: reason).presence(mark: nil, isIncoming: false, at: Self.here)
            #expect(presence == .pausedOtherwise || (reason == 11 && presence == .pausedIncoming))
        }
    }
#endif

package import Basis

/// One iterative scheduling procedure: the `sequence`-th (from 1) that `node` started in its `boot`.
///
/// Text form `node#boot.sequence`. Ordered by node, then boot, then sequence (PROTOCOL.md §2).
package struct ISPID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var node: NodeID
    package var boot: UInt64
    package var sequence: UInt64

    package init(node: NodeID, boot: UInt64, sequence: UInt64) {
        self.node = node
        self.boot = boot
        self.sequence = sequence
    }

    /// Reads the text form; nil when it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard parts.count == 2, let node = NodeID(String(parts[0])) else { return nil }
        let numbers = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 2, let boot = UInt64(numbers[0]), let sequence = UInt64(numbers[1]) else { return nil }
        self.init(node: node, boot: boot, sequence: sequence)
    }

    package static func < (left: ISPID, right: ISPID) -> Bool {
        (left.node, left.boot, left.sequence) < (right.node, right.boot, right.sequence)
    }

    package var description: String { "\(self.node)#\(self.boot).\(self.sequence)" }
}

/// What kind of trigger started an ISP; an earlier case wins (PROTOCOL.md §2, `class`).
package enum TriggerClass: UInt8, Hashable, Comparable, Sendable, CaseIterable {
    case drain = 1
    case brokenConstraint = 2
    case overload = 3
    case underload = 4

    package static func < (left: TriggerClass, right: TriggerClass) -> Bool { left.rawValue < right.rawValue }
}

/// The rank of an ISP among those it meets, fixed for its life: of two blocked ISPs the later key yields.
///
/// Total: no two ISPs have equal keys. `birth` is a Lamport clock value of when the trigger first held, kept over
/// retries, so that the order of two triggers never flips.
package struct ISPKey: Hashable, Comparable, Sendable {
    package var triggerClass: TriggerClass
    package var birth: UInt64
    package var isp: ISPID

    package init(triggerClass: TriggerClass, birth: UInt64, isp: ISPID) {
        self.triggerClass = triggerClass
        self.birth = birth
        self.isp = isp
    }

    package static func < (left: ISPKey, right: ISPKey) -> Bool {
        (left.triggerClass, left.birth, left.isp) < (right.triggerClass, right.birth, right.isp)
    }
}

/// One grant of one node. Minted by the reserved node only, never reused, compared only for equality.
package struct Epoch: Hashable, Sendable, CustomStringConvertible {
    package var boot: UInt64
    package var counter: UInt64

    package init(boot: UInt64, counter: UInt64) {
        self.boot = boot
        self.counter = counter
    }

    package var description: String { "\(self.boot).\(self.counter)" }
}

/// What every command to a node bears: who commands, under which grant.
package struct Token: Hashable, Sendable {
    package var isp: ISPID
    package var epoch: Epoch

    package init(isp: ISPID, epoch: Epoch) {
        self.isp = isp
        self.epoch = epoch
    }
}

/// One migration ordered by one ISP; `number` counts up over the ISP's life and is never reused, also over re-plans.
package struct ActionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var isp: ISPID
    package var number: UInt64

    package init(isp: ISPID, number: UInt64) {
        self.isp = isp
        self.number = number
    }

    /// Reads the text form, `node#boot.sequence/number`; nil when it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let isp = ISPID(String(parts[0])), let number = UInt64(parts[1]) else { return nil }
        self.init(isp: isp, number: number)
    }

    package static func < (left: ActionID, right: ActionID) -> Bool {
        (left.isp, left.number) < (right.isp, right.number)
    }

    package var description: String { "\(self.isp)/\(self.number)" }
}

/// The state of one node that its plans depend on: it changes when the VM set, the capacity, a VM's migratability or
/// the drain mark changes, not at each sample.
package struct Revision: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

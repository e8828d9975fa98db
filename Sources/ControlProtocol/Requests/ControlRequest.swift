package import Basis

/// What can be asked of a daemon over its control socket.
///
///     {"v":1,"id":7,"verb":"apply","isp":"n1#3.2"}
///
/// One flat JSON object a line, the arguments beside the verb. ``ControlLine`` reads and writes them. Names of VMs and
/// ISPs are text here: whether there is such a one, the daemon knows. Where nothing else is said, the answer is a
/// ``ControlDone``.
package enum ControlRequest: Hashable, Sendable {
    /// Answered by ``ControlVersion``.
    case version
    /// Answered by ``ControlStatus``.
    case status
    /// Answered by ``ControlRing``; refused when the ring is longer than ``ControlLimits/lineBytesMax``, which are some
    /// 7,000 members.
    case ring
    /// Answered by ``ControlVMs``.
    case vms
    /// Answered by a ``ControlEvent`` an item; with ``ControlEventQuery/follows`` the last line never comes.
    case events(ControlEventQuery)
    case inject(ControlInjection)
    case drain
    case undrain
    case pause
    case resume
    /// Carries out the plan that this ISP recommended. Answered by ``ControlApplied``.
    case apply(isp: String)
    /// Lets a guest in doubt run here, on the operator's word that the other node was fenced: that it can run nothing.
    case adopt(vm: String, fenced: NodeID)
    /// Answered by ``ControlExplanation``.
    case explain(ControlSubject)
    case join(ControlSeed)
    case leave
    /// Ends the ISP that this node started; nil: whichever it is.
    case cancel(isp: String?)
    case reload
}

/// Which events are told: the newest of the past, then, with ``follows``, those to come.
package struct ControlEventQuery: Hashable, Sendable {
    /// Only events with a greater sequence, then the oldest of these. So a reader pages: after the last that it was
    /// told, until it is told fewer than ``limit``. With ``follows`` all of them.
    package var after: UInt64?
    /// How many past events at the most, 0 to ``ControlLimits/eventsMax``.
    package var limit = ControlLimits.eventsDefault
    /// Whether the stream goes on with what happens, until the client closes.
    package var follows = false
    package var isp: String?
    package var vm: String?

    package init() {}
}

/// What the operator makes a node believe.
package enum ControlInjection: Hashable, Sendable {
    case overload
    case underload
    /// Nil ends an earlier one.
    case demand(vm: String, cpuMillicores: Int?)
}

/// What is to be explained.
package enum ControlSubject: Hashable, Sendable {
    case isp(String)
    case vm(String)
}

/// A member through which a daemon finds a ring.
package struct ControlSeed: Hashable, Sendable {
    package var node: NodeID
    /// `host:port`.
    package var address: String
    /// Where it stands in the ring; nil: nowhere in particular.
    package var site: String?
    package var rack: String?

    package init(node: NodeID, address: String, site: String? = nil, rack: String? = nil) {
        self.node = node
        self.address = address
        self.site = site
        self.rack = rack
    }
}

/// The word of each request.
package enum ControlVerb: String, Hashable, Sendable, CaseIterable {
    case version, status, ring, vms, events, inject, drain, undrain, pause, resume, apply, adopt, explain, join, leave,
        cancel, reload

    /// The keys that may stand beside the verb.
    package var arguments: [ControlKey] {
        switch self {
        case .version, .status, .ring, .vms, .drain, .undrain, .pause, .resume, .leave, .reload: []
        case .events: [.after, .limit, .follow, .isp, .vm]
        case .inject: [.what, .vm, .cpuMillicores]
        case .apply, .cancel: [.isp]
        case .adopt: [.vm, .fenced]
        case .explain: [.isp, .vm]
        case .join: [.node, .address, .site, .rack]
        }
    }
}

/// The keys of a request.
package enum ControlKey: String, Hashable, Sendable, CodingKey {
    case version = "v"
    case id, verb
    case address, after, fenced, follow, isp, limit, node, rack, site, vm, what
    case cpuMillicores = "cpu_millicores"

    /// Those that every request has.
    static let head: [ControlKey] = [.version, .id, .verb]
}

package import Basis
package import Settings

/// All that is recorded of one deployment.
package struct DeploymentRecord: Hashable, Sendable {
    package var base: DeploymentBase
    /// In the order in which they were booked.
    package var hosts: [HostRecord]
    /// By ordinal.
    package var guests: [GuestRecord]
    /// Which guests may be on which host: noted before a guest is defined there, taken off when the host confirmed that
    /// it is gone.
    package var copies: [NodeID: Set<String>]
    /// Where its hosts come from, if from a batch system.
    package var job: JobRecord?

    package init(
        base: DeploymentBase, hosts: [HostRecord] = [], guests: [GuestRecord] = [],
        copies: [NodeID: Set<String>] = [:], job: JobRecord? = nil
    ) {
        self.base = base
        self.hosts = hosts
        self.guests = guests
        self.copies = copies
        self.job = job
    }
}

/// What is the same for a deployment's whole life.
package struct DeploymentBase: Hashable, Sendable {
    package var name: String
    package var network: FleetNetwork
    /// Of the VXLAN, 1 to 2^24-1; no two deployments of a state folder have the same.
    package var vxlan: Int
    package var image: ImageReference

    package init(name: String, network: FleetNetwork, vxlan: Int, image: ImageReference) {
        self.name = name
        self.network = network
        self.vxlan = vxlan
        self.image = image
    }

    /// The network as each of `hosts` gets it.
    package func hostNetwork(among hosts: [FleetHost]) -> HostNetwork {
        HostNetwork(
            name: "dv-\(self.name)", subnet: self.network.subnet, gateway: AddressPool(self.network.subnet).gateway,
            domain: self.network.domain,
            isolation: self.network.isolation == .none
                ? .none : .vxlan(identifier: self.vxlan, peers: hosts.map(\.address).sorted()))
    }
}

/// A host that a deployment has.
package struct HostRecord: Hashable, Sendable {
    package var host: FleetHost
    package var role: Role
    package var state: HostState
    /// The last stage that was ever begun on it and not undone: what there is to undo; nil: nothing.
    package var reached: HostStage?
    /// Of the stage that it is in, from 1; 0 before the first.
    package var attempt: Int
    /// Why it was set aside, or could not be undone; empty otherwise.
    package var error: String
    /// Until when it is booked, in milliseconds since 1970.
    package var leaseEndsMilliseconds: UInt64

    package enum Role: String, Hashable, Sendable, CaseIterable {
        /// Runs guests.
        case worker
        /// Waits for the place of a worker that fails.
        case spare
    }

    package init(host: FleetHost, role: Role, leaseEndsMilliseconds: UInt64) {
        self.host = host
        self.role = role
        self.state = .booked
        self.reached = nil
        self.attempt = 0
        self.error = ""
        self.leaseEndsMilliseconds = leaseEndsMilliseconds
    }
}

/// A VM that a deployment has.
package struct GuestRecord: Hashable, Sendable {
    package var identity: GuestIdentity
    package var template: GuestTemplate
    package var stage: GuestStage
    /// Where it is, or is to be; nil: not chosen yet.
    package var host: NodeID?
    package var attempt: Int
    /// Why it failed; empty otherwise.
    package var error: String

    package init(identity: GuestIdentity, template: GuestTemplate) {
        self.identity = identity
        self.template = template
        self.stage = .planned
        self.host = nil
        self.attempt = 0
        self.error = ""
    }

    package var need: GuestNeed {
        GuestNeed(name: self.identity.name, vcpus: self.template.vcpus, memoryMiB: self.template.memoryMiB)
    }
}

/// One thing that changes in the records, written together with the row that tells of it.
package enum RecordChange: Hashable, Sendable {
    /// The host's record is now this.
    case host(HostRecord, from: HostState)
    /// The host is no longer the deployment's: its lease ends, and it is forgotten.
    case hostReleased(NodeID, from: HostState)
    case guest(GuestRecord, from: GuestStage)
    /// No host has the guest: its name and its address are free again.
    case guestRemoved(String, from: GuestStage)
    /// The guest may be on the host from here on.
    case copyBegun(guest: String, host: NodeID)
    case copyGone(guest: String, host: NodeID)
    /// The deployment's job is now this.
    case job(JobRecord)
    /// The deployment has no job.
    case jobGone(JobRecord)
}

/// One row of what happened.
package struct TransitionRecord: Hashable, Sendable {
    package var wallMilliseconds: UInt64
    /// `host`, `vm`, `copy` or `job`.
    package var kind: String
    package var entity: String
    package var from: String
    package var to: String
    package var attempt: Int
    package var error: String
}

/// Where deployments are recorded. Each call is one transaction: all of it is written or nothing.
///
/// A port, so that tests can stop a run before and after any of its writes.
package protocol DeploymentStore: Sendable {
    /// Nil when there is no such deployment.
    func load(_ deployment: String) async throws(StoreError) -> DeploymentRecord?

    /// Notes the deployment, if it is not there, and gives what is noted.
    func create(_ base: DeploymentBase) async throws(StoreError) -> DeploymentBase

    /// Books hosts for the deployment: the first `count` of `candidates` that no deployment has.
    ///
    /// - Returns: the new hosts; fewer than `count` when there are no more, and then none is booked.
    func book(
        _ count: Int, of candidates: [FleetHost], for deployment: String, role: HostRecord.Role,
        untilMilliseconds: UInt64
    ) async throws(StoreError) -> [HostRecord]

    /// Gives new guests their identities, and notes them.
    func admit(
        _ guests: [(name: String, template: GuestTemplate)], to deployment: String, pool: AddressPool
    ) async throws(StoreError) -> [GuestRecord]

    func record(_ changes: [RecordChange], of deployment: String) async throws(StoreError)

    /// All leases of `hosts` end at `untilMilliseconds` instead.
    func extendLeases(of deployment: String, untilMilliseconds: UInt64) async throws(StoreError)

    /// The deployment of each host that is booked, and until when.
    func leases() async throws(StoreError) -> [NodeID: HostLease]

    /// Forgets a deployment that has no host, no guest and no job; what happened stays.
    func close(_ deployment: String) async throws(StoreError)
}

package struct HostLease: Hashable, Sendable {
    package var deployment: String
    package var untilMilliseconds: UInt64
}

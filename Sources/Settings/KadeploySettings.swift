/// What `kadeploy3` is given, beside the hosts, to install an operating system on them.
package struct KadeploySettings: Hashable, Sendable {
    package var environment: Environment
    /// The file with root's public keys, where the client is; nil: those that may log in as the client's user there.
    package var key: String?
    /// Of the hosts' disks, as Kadeploy numbers or names it; nil: as the site has it.
    package var partition: String?
    /// That the hosts are put into, by its identifier; nil: none.
    package var vlan: String?
    /// The longest that one call of the client may take.
    package var limit = Duration.seconds(1_800)
    /// Where the client is; nil: on this machine.
    package var frontend: FrontendSettings?

    package init(environment: Environment) {
        self.environment = environment
    }

    /// What Kadeploy calls an operating system with all that belongs to it.
    package enum Environment: Hashable, Sendable {
        /// One that Kadeploy knows.
        ///
        /// - Parameter user: who recorded it; nil: the client's user, or whoever made it public.
        case recorded(name: String, user: String?)
        /// A description: a file where the client is, or a URL.
        case described(file: String)
    }
}

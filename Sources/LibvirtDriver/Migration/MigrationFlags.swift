#if Libvirt
    import CLibvirt
    package import Hypervisor

    /// How libvirt is told to do a migration, derived from the order and from what the guest is.
    package struct MigrationFlags: Hashable, Sendable {
        package var limits: MigrationLimits
        /// Whether the guest has a definition that is to move with it.
        package var isPersistent: Bool
        /// Whether all its disks are known to be seen by both hosts.
        package var livesOnSharedStorage: Bool
        /// Targets of the disks that are sent along; libvirt would send all without a list, shared ones too.
        package var copiedDisks: [String]

        package init(
            limits: MigrationLimits, isPersistent: Bool, livesOnSharedStorage: Bool, copiedDisks: [String] = []
        ) {
            self.limits = limits
            self.isPersistent = isPersistent
            self.livesOnSharedStorage = livesOnSharedStorage
            self.copiedDisks = copiedDisks
        }

        /// The flags as libvirt numbers them.
        ///
        /// `PAUSED` is what makes the handover safe: libvirt alone can leave two running copies when the destination's
        /// daemon stalls, but never resumes a guest that was sent paused.
        package var bits: UInt32 {
            var flags =
                VIR_MIGRATE_LIVE.rawValue | VIR_MIGRATE_PEER2PEER.rawValue | VIR_MIGRATE_PAUSED.rawValue
                | VIR_MIGRATE_ABORT_ON_ERROR.rawValue
            if self.isPersistent {
                flags |= VIR_MIGRATE_PERSIST_DEST.rawValue | VIR_MIGRATE_UNDEFINE_SOURCE.rawValue
            }
            if self.limits.autoConverge { flags |= VIR_MIGRATE_AUTO_CONVERGE.rawValue }
            if self.limits.tls { flags |= VIR_MIGRATE_TLS.rawValue }
            if self.livesOnSharedStorage { flags |= VIR_MIGRATE_UNSAFE.rawValue }
            // The whole disk, not what lies over a backing file: the destination may hold an image of an earlier stay.
            if !self.copiedDisks.isEmpty { flags |= VIR_MIGRATE_NON_SHARED_DISK.rawValue }
            return flags
        }
    }
#endif

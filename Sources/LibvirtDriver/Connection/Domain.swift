#if Libvirt
    import CLibvirt
    import Foundation

    /// A reference to one domain of a connection.
    ///
    /// A class because it owns one libvirt reference, which it gives back. It is used on one thread at a time: made,
    /// used and dropped within one blocking call.
    final class Domain {
        let pointer: virDomainPtr

        /// Takes over a reference that the caller owns.
        init(owning pointer: virDomainPtr) {
            self.pointer = pointer
        }

        deinit {
            virDomainFree(self.pointer)
        }

        /// State and reason of this instant, as libvirt numbers them.
        func state() throws(LibvirtCallError) -> DomainState {
            var state: Int32 = 0
            var reason: Int32 = 0
            try checked(virDomainGetState(self.pointer, &state, &reason, 0))
            return DomainState(state: state, reason: reason)
        }

        /// The XML of the live domain, or of the definition when it is shut off.
        func xml() throws(LibvirtCallError) -> String {
            let text = try checked(virDomainGetXMLDesc(self.pointer, 0))
            defer { free(text) }
            return String(cString: text)
        }

        func isPersistent() throws(LibvirtCallError) -> Bool {
            try checked(virDomainIsPersistent(self.pointer)) == 1
        }

        /// The migration that libvirt reports for this domain now.
        func migrationJob() throws(LibvirtCallError) -> MigrationJobReport? {
            var type: Int32 = 0
            var parameters: virTypedParameterPtr?
            var count: Int32 = 0
            guard virDomainGetJobStats(self.pointer, &type, &parameters, &count, 0) >= 0 else {
                let error = LibvirtCallError.lastOnThisThread()
                // libvirt keeps figures on the source only, and says so in this way while memory is flowing in.
                if error.isOne(of: VIR_ERR_OPERATION_UNSUPPORTED) { return .incoming }
                if error.isOne(of: VIR_ERR_OPERATION_INVALID, VIR_ERR_NO_SUPPORT) { return nil }
                throw error
            }
            defer { virTypedParamsFree(parameters, count) }
            guard UInt32(bitPattern: type) != VIR_DOMAIN_JOB_NONE.rawValue else { return nil }
            let values = TypedValues(parameters, count: count)
            guard values[VIR_DOMAIN_JOB_OPERATION] == UInt64(VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT.rawValue) else {
                return nil
            }
            return .outgoing(
                MigrationFigures(
                    processedBytes: values[VIR_DOMAIN_JOB_MEMORY_PROCESSED] ?? 0,
                    remainingBytes: values[VIR_DOMAIN_JOB_MEMORY_REMAINING] ?? 0,
                    iteration: values[VIR_DOMAIN_JOB_MEMORY_ITERATION] ?? 0,
                    dirtyPagesPerSecond: values[VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE] ?? 0,
                    pageBytes: values[VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE] ?? 0))
        }
    }

    /// A migration as libvirt reports it.
    enum MigrationJobReport: Hashable, Sendable {
        case incoming
        case outgoing(MigrationFigures)
    }

    /// How far an outgoing migration is.
    struct MigrationFigures: Hashable, Sendable {
        var processedBytes: UInt64
        var remainingBytes: UInt64
        /// Passes over the memory, from 1; 0 before the first.
        var iteration: UInt64
        var dirtyPagesPerSecond: UInt64
        var pageBytes: UInt64
    }
#endif

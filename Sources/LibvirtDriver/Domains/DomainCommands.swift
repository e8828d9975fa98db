#if Libvirt
    import CLibvirt
    import Hypervisor
    import Placement

    // The short commands of the port, each as one blocking call. They are asked of a connection, this host's or another's.
    extension LibvirtConnection {
        /// Where `vm` stands on the host of this connection, which marks name `host`.
        func presence(of vm: VMID, at host: MigrationEndpoint) throws(LibvirtCallError) -> DomainPresence {
            guard let domain = try self.domain(vm) else { return .absent }
            do {
                return try domain.presence(at: host)
            } catch {
                // It ended between the two questions.
                guard error.isOne(of: VIR_ERR_NO_DOMAIN) else { throw error }
                return .absent
            }
        }

        /// Aborts the outgoing migration of `vm`. Nothing happens when there is none.
        func abortOutgoingMigration(of vm: VMID) throws(LibvirtCallError) {
            guard let domain = try self.domain(vm), case .outgoing? = try domain.migrationJob() else { return }
            do {
                try checked(virDomainAbortJob(domain.pointer))
            } catch {
                guard error.isOne(of: VIR_ERR_OPERATION_INVALID) else { throw error }
            }
        }

        /// Lets `vm` run.
        func resume(_ vm: VMID) throws(LibvirtCallError) -> CommandOutcome {
            guard let domain = try self.domain(vm) else { return .noSuchVM }
            switch try domain.state().activity {
            case .running: return .done
            case .shutOff: return .refused("\(vm) is shut off, there is nothing to resume")
            case .other: return .refused("\(vm) is neither running nor paused")
            case .paused: break
            }
            if case .incoming? = try domain.migrationJob() {
                return .refused("memory of \(vm) is still flowing in")
            }
            try checked(virDomainResume(domain.pointer))
            return .done
        }

        /// Destroys a paused copy of `vm` and its definition.
        ///
        /// The state is read right before; libvirt has no "destroy if paused". What remains is that somebody else resumes
        /// the copy within the microseconds between the two calls.
        func discardPausedCopy(of vm: VMID) throws(LibvirtCallError) -> CommandOutcome {
            guard let domain = try self.domain(vm) else { return .done }
            let mark = try domain.mark()
            let isPersistent = try domain.isPersistent()
            switch try domain.state().activity {
            case .running: return .refused("\(vm) runs")
            case .other: return .refused("\(vm) is not paused")
            case .shutOff:
                // What a dead host's handover left is a definition with our mark; any other is somebody's own.
                guard mark != nil else { return .refused("\(vm) is shut off and no copy of a handover") }
            case .paused:
                try checked(virDomainDestroyFlags(domain.pointer, VIR_DOMAIN_DESTROY_DEFAULT.rawValue))
            }
            guard isPersistent else { return .done }
            do {
                // Firmware and TPM state may lie on shared storage and belong to the copy that lives.
                let keepingState = VIR_DOMAIN_UNDEFINE_KEEP_NVRAM.rawValue | VIR_DOMAIN_UNDEFINE_KEEP_TPM.rawValue
                try checked(virDomainUndefineFlags(domain.pointer, keepingState))
            } catch {
                guard error.isOne(of: VIR_ERR_NO_DOMAIN) else { throw error }
            }
            return .done
        }

        /// Writes or removes the mark of `vm`.
        func setMark(_ mark: HandoverMark?, on vm: VMID) throws(LibvirtCallError) -> CommandOutcome {
            guard let domain = try self.domain(vm) else { return .noSuchVM }
            try domain.setMark(mark)
            return .done
        }
    }

    /// How a short command ended, when libvirt itself did not fail.
    enum CommandOutcome: Hashable, Sendable {
        case done
        case noSuchVM
        case refused(String)

        func check(_ vm: VMID) throws(HypervisorError) {
            switch self {
            case .done: return
            case .noSuchVM: throw .noSuchVM(vm)
            case .refused(let reason): throw .refused(reason)
            }
        }
    }

    extension Domain {
        func mark() throws(LibvirtCallError) -> HandoverMark? {
            try XMLTree(parsing: self.xml()).flatMap { HandoverMarkXML.mark(inDomain: $0) }
        }

        func presence(at host: MigrationEndpoint) throws(LibvirtCallError) -> DomainPresence {
            let mark = try self.mark()
            let state = try self.state()
            // Asking for the job of a domain that does not wait for memory may take a monitor command.
            let isIncoming = state.activity == .paused ? try self.migrationJob() == .incoming : false
            return state.presence(mark: mark, isIncoming: isIncoming, at: host)
        }

        /// Writes the mark where it travels with the guest: into the live domain, and into its definition if it has one.
        func setMark(_ mark: HandoverMark?) throws(LibvirtCallError) {
            var flags: UInt32 = 0
            if try self.state().activity != .shutOff { flags |= VIR_DOMAIN_AFFECT_LIVE.rawValue }
            if try self.isPersistent() { flags |= VIR_DOMAIN_AFFECT_CONFIG.rawValue }
            try checked(
                virDomainSetMetadata(
                    self.pointer, Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue), mark.map(HandoverMarkXML.element),
                    HandoverMarkXML.prefix, HandoverMarkXML.namespace, flags))
        }
    }
#endif

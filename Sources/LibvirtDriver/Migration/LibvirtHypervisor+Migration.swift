#if Libvirt
    import Basis
    package import Hypervisor
    package import Placement

    extension LibvirtHypervisor {
        package func migrate(
            _ order: MigrationOrder, onProgress: @escaping @Sendable (MigrationProgress) -> Void
        ) async throws(HypervisorError) {
            let vm = order.ticket.vm
            if let refusal = PeerAddress.refusal(of: order.endpoint, like: self.settings.endpoint) {
                throw .refused(refusal)
            }
            let flags = try await self.prepareMigration(order)
            // Looked at after the await, and in one turn with the entry below.
            guard self.runs[vm] == nil else { throw .refused("\(vm) is being migrated already") }
            let run = MigrationRun(
                order, flags: flags, connections: try self.host().connections, settings: self.settings, time: self.time,
                onProgress: onProgress)
            self.runs[vm] = run
            defer { self.runs[vm] = nil }

            try self.watchers.submit(
                {
                    run.watch()
                    return .success(())
                }, to: Answer<Result<Void, HypervisorError>>())
            do {
                try self.migrations.submit({ run.perform() }, to: run.answer)
            } catch {
                run.end()
                throw error
            }
            let result = await withTaskCancellationHandler {
                await run.answer.value()
            } onCancel: {
                run.requestAbort()
            }
            try result.get()

            // libvirt's word that it succeeded is not enough: the copy here must be out of the way.
            switch try await self.presence(of: vm) {
            case .absent, .pausedOutgoing: return
            case .running, .pausedIncoming, .pausedOtherwise, .shutOff:
                throw .failed("libvirt reports success, and \(vm) is still here")
            }
        }

        /// Checks that the guest can leave now, and marks it.
        private func prepareMigration(_ order: MigrationOrder) async throws(HypervisorError) -> MigrationFlags {
            let vm = order.ticket.vm
            let capabilities = try self.host().capabilities
            let reader = self.reader
            let settings = self.settings
            let preparation = try await self.call { connection throws(LibvirtCallError) -> Preparation in
                guard let domain = try connection.domain(vm) else { return .impossible(.noSuchVM) }
                guard try domain.state().activity == .running else {
                    return .impossible(.refused("\(vm) does not run"))
                }
                guard try domain.migrationJob() == nil else {
                    return .impossible(.refused("\(vm) is being migrated already"))
                }
                let description = try reader.description(of: domain, vm: vm, capabilities: capabilities)
                if case .rooted(let reason) = try reader.migratability(of: domain, description: description) {
                    return .impossible(.refused(reason))
                }
                try domain.setMark(order.mark)
                let rules = settings.migratabilityRules
                return .ready(
                    MigrationFlags(
                        limits: order.limits, isPersistent: try domain.isPersistent(),
                        livesOnSharedStorage: description.tree.map { rules.livesOnSharedStorage($0) } ?? false,
                        copiedDisks: description.tree.map { rules.copiedDisks($0) } ?? []))
            }
            switch preparation {
            case .ready(let flags): return flags
            case .impossible(let outcome):
                try outcome.check(vm)
                preconditionFailure("an outcome that forbids a migration throws")
            }
        }

        private enum Preparation: Sendable {
            case ready(MigrationFlags)
            case impossible(CommandOutcome)
        }

        package func abortMigration(of vm: VMID) async throws(HypervisorError) {
            if let run = self.runs[vm] { return run.requestAbort() }
            // One that an earlier start of this daemon began, or somebody else.
            try await self.call { connection throws(LibvirtCallError) in try connection.abortOutgoingMigration(of: vm) }
        }

        // MARK: Incoming

        package func openIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {
            // libvirt lets everything in whose host may connect: the ticket says whose job may be aborted, and the order
            // of time-outs (PROTOCOL.md §10, T5) keeps a late guest out.
            switch try await self.presence(of: ticket.vm) {
            case .absent, .shutOff: break
            case .running, .pausedIncoming, .pausedOutgoing, .pausedOtherwise:
                guard self.tickets[ticket.vm] == ticket else { throw .refused("\(ticket.vm) is here already") }
            }
            if let open = self.tickets[ticket.vm], open != ticket {
                throw .refused("\(ticket.vm) is expected from \(open.source) already")
            }
            guard self.tickets.count < self.settings.ticketsMax || self.tickets[ticket.vm] != nil else {
                throw .refused("\(self.tickets.count) guests are expected already")
            }
            self.tickets[ticket.vm] = ticket
        }

        package func closeIncoming(_ ticket: MigrationTicket) async throws(HypervisorError) {
            if let open = self.tickets[ticket.vm] {
                guard open == ticket else { return }
                self.tickets[ticket.vm] = nil
            }
            let vm = ticket.vm
            guard let mark = try await self.markOfGuestFlowingIn(vm), mark.source == ticket.source else { return }
            // The destination must not destroy what flows in: the guest may arrive, and its source may let it go, between
            // a look and the blow. The source's libvirt aborts or completes as one decision, so it is the one to be asked.
            try await self.peers.abortMigration(of: vm, at: mark.sourceEndpoint)
            let deadline = self.time.now + self.settings.callTimeout
            while try await self.markOfGuestFlowingIn(vm) == mark {
                guard self.time.now < deadline else { throw .failed("memory of \(vm) still flows in") }
                do {
                    try await self.time.sleep(for: self.settings.progressInterval)
                } catch {
                    throw .aborted("cancelled while waiting for the end of an incoming guest")
                }
            }
        }

        private func markOfGuestFlowingIn(_ vm: VMID) async throws(HypervisorError) -> HandoverMark? {
            try await self.call { connection throws(LibvirtCallError) in
                guard let domain = try connection.domain(vm), case .incoming? = try domain.migrationJob() else {
                    return nil
                }
                return try domain.mark()
            }
        }
    }
#endif

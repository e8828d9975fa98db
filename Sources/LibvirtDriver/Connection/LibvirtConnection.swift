#if Libvirt
    import CLibvirt
    import Hypervisor
    import Placement

    /// How often libvirt's keepalive asks, and after how many unanswered asks the connection is given up.
    struct KeepAlive: Hashable, Sendable {
        var intervalSeconds: Int32
        var count: UInt32
    }

    /// An open connection to one libvirt daemon.
    ///
    /// A class because it owns the connection: it is closed when nobody uses it any more, so that a call on another
    /// thread never meets a closed one.
    ///
    /// Safe because libvirt's connections may be used from many threads at once, and the
    /// fields do not change after `init`.
    final class LibvirtConnection: @unchecked Sendable {
        let pointer: virConnectPtr
        /// Given when the connection was lost.
        let lost = Answer<String>()
        private var eventCallbacks: [Int32] = []
        private var watchesLoss = false

        /// Connects. Blocks for as long as the daemon pleases: libvirt has no time limit for this.
        init(uri: String, keepAlive: KeepAlive) throws(LibvirtCallError) {
            guard LibvirtEventLoop.isRunning else { throw .lastOnThisThread() }
            self.pointer = try checked(virConnectOpen(uri))
            // 1 says that this daemon does not support it: then only the end of the socket tells of its death. What is
            // thrown from here on is closed by `deinit`, as every field has its value.
            try Self.unlessInProcess(virConnectSetKeepAlive(self.pointer, keepAlive.intervalSeconds, keepAlive.count))
        }

        deinit {
            for callback in self.eventCallbacks { virConnectDomainEventDeregisterAny(self.pointer, callback) }
            if self.watchesLoss { virConnectUnregisterCloseCallback(self.pointer, connectionClosed) }
            virConnectClose(self.pointer)
        }

        /// Whether a call about the daemon worked. Drivers that live in this process (`test:///`) have no daemon to lose.
        ///
        /// - Returns: false when there is no daemon.
        @discardableResult
        private static func unlessInProcess(_ status: Int32) throws(LibvirtCallError) -> Bool {
            guard status < 0 else { return true }
            let error = LibvirtCallError.lastOnThisThread()
            guard error.isOne(of: VIR_ERR_NO_SUPPORT) else { throw error }
            return false
        }

        var isAlive: Bool { virConnectIsAlive(self.pointer) == 1 }

        /// Has changes of domains told to `relay`, and the loss of the connection to ``lost``. To be called once, before
        /// the connection is shared.
        func watch(tellingChangesTo relay: EventRelay) throws(LibvirtCallError) {
            let lost = Unmanaged.passRetained(self.lost)
            do throws(LibvirtCallError) {
                self.watchesLoss = try Self.unlessInProcess(
                    virConnectRegisterCloseCallback(self.pointer, connectionClosed, lost.toOpaque(), releaseLost))
            } catch {
                lost.release()
                throw error
            }
            if !self.watchesLoss { lost.release() }
            try self.register(
                VIR_DOMAIN_EVENT_ID_LIFECYCLE, unsafeBitCast(lifecycleChanged, to: GenericCallback.self), relay)
            try self.register(
                VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, unsafeBitCast(jobCompleted, to: GenericCallback.self), relay)
            try self.register(
                VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, unsafeBitCast(metadataChanged, to: GenericCallback.self), relay)
        }

        private typealias GenericCallback =
            @convention(c) (virConnectPtr?, virDomainPtr?, UnsafeMutableRawPointer?) -> Void

        private func register(
            _ event: virDomainEventID, _ callback: GenericCallback, _ relay: EventRelay
        ) throws(LibvirtCallError) {
            let retained = Unmanaged.passRetained(relay)
            let identifier = virConnectDomainEventRegisterAny(
                self.pointer, nil, Int32(event.rawValue), callback, retained.toOpaque(), releaseRelay)
            guard identifier >= 0 else {
                retained.release()
                throw .lastOnThisThread()
            }
            self.eventCallbacks.append(identifier)
        }

        /// The domain of this name, or nil when there is none.
        func domain(_ vm: VMID) throws(LibvirtCallError) -> Domain? {
            guard let pointer = virDomainLookupByName(self.pointer, vm.name) else {
                let error = LibvirtCallError.lastOnThisThread()
                guard error.isOne(of: VIR_ERR_NO_DOMAIN) else { throw error }
                return nil
            }
            return Domain(owning: pointer)
        }

        /// Runs `body`, turning what libvirt says into the port's words.
        func result<Value>(_ body: () throws(LibvirtCallError) -> Value) -> Result<Value, HypervisorError> {
            do {
                return .success(try body())
            } catch {
                return .failure(error.inPortTerms(connectionIsAlive: self.isAlive))
            }
        }
    }

    // C callbacks, called on libvirt's event thread. Each `opaque` is a retained reference that the matching release
    // function gives back when libvirt drops the callback.

    private let connectionClosed: virConnectCloseFunc = { _, reason, opaque in
        guard let opaque else { return }
        let words =
            switch virConnectCloseReason(UInt32(bitPattern: reason)) {
            case VIR_CONNECT_CLOSE_REASON_EOF: "libvirt closed the connection"
            case VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "libvirt did not answer keepalive"
            case VIR_CONNECT_CLOSE_REASON_CLIENT: "the connection was closed here"
            default: "the connection failed"
            }
        Unmanaged<Answer<String>>.fromOpaque(opaque).takeUnretainedValue().give(words)
    }

    private let releaseLost: virFreeCallback = { opaque in
        guard let opaque else { return }
        Unmanaged<Answer<String>>.fromOpaque(opaque).release()
    }

    private let releaseRelay: virFreeCallback = { opaque in
        guard let opaque else { return }
        Unmanaged<EventRelay>.fromOpaque(opaque).release()
    }

    private let lifecycleChanged: virConnectDomainEventCallback = { _, domain, _, _, opaque in
        tellChange(of: domain, to: opaque)
        return 0
    }

    private let jobCompleted: virConnectDomainEventJobCompletedCallback = { _, domain, _, _, opaque in
        tellChange(of: domain, to: opaque)
    }

    private let metadataChanged: virConnectDomainEventMetadataChangeCallback = { _, domain, _, _, opaque in
        tellChange(of: domain, to: opaque)
    }

    private func tellChange(of domain: virDomainPtr?, to opaque: UnsafeMutableRawPointer?) {
        guard let domain, let opaque, let name = virDomainGetName(domain), let vm = VMID(String(cString: name)) else {
            return
        }
        Unmanaged<EventRelay>.fromOpaque(opaque).takeUnretainedValue().tell(.changed(vm))
    }
#endif

#if Libvirt
    import CLibvirt
    package import Hypervisor

    /// What libvirt said of the call that just failed.
    package struct LibvirtCallError: Error, Hashable, Sendable {
        /// One of `virErrorNumber`.
        package var code: UInt32
        package var message: String

        package init(code: UInt32, message: String) {
            self.code = code
            self.message = message
        }

        /// The error of the last libvirt call made **on this thread**; libvirt keeps one per thread, so it must be read
        /// before anything else is called.
        static func lastOnThisThread() -> LibvirtCallError {
            guard let error = virGetLastError() else {
                return LibvirtCallError(code: VIR_ERR_INTERNAL_ERROR.rawValue, message: "libvirt gave no reason")
            }
            let message = error.pointee.message.map { String(cString: $0) } ?? "libvirt gave no reason"
            return LibvirtCallError(code: UInt32(bitPattern: error.pointee.code), message: message)
        }

        func isOne(of codes: virErrorNumber...) -> Bool {
            codes.contains { $0.rawValue == self.code }
        }

        /// This error in the terms of the port.
        ///
        /// Whether a connection broke is asked of the connection: libvirt reports it under several codes.
        package func inPortTerms(connectionIsAlive: Bool) -> HypervisorError {
            if !connectionIsAlive { return .unreachable(self.message) }
            if self.isOne(of: VIR_ERR_NO_CONNECT, VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_UNAVAILABLE) {
                return .unreachable(self.message)
            }
            if self.isOne(of: VIR_ERR_OPERATION_ABORTED) { return .aborted(self.message) }
            if self.isOne(
                of: VIR_ERR_OPERATION_DENIED, VIR_ERR_ACCESS_DENIED, VIR_ERR_OPERATION_UNSUPPORTED,
                VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_NO_SUPPORT, VIR_ERR_ARGUMENT_UNSUPPORTED, VIR_ERR_INVALID_ARG,
                VIR_ERR_MIGRATE_UNSAFE, VIR_ERR_OPERATION_INVALID)
            {
                return .refused(self.message)
            }
            return .failed(self.message)
        }
    }

    /// Turns libvirt's "-1 means failure" into a thrown error.
    @discardableResult
    func checked(_ status: Int32) throws(LibvirtCallError) -> Int32 {
        guard status >= 0 else { throw .lastOnThisThread() }
        return status
    }

    /// Turns libvirt's "NULL means failure" into a thrown error.
    func checked<Pointer>(_ pointer: Pointer?) throws(LibvirtCallError) -> Pointer {
        guard let pointer else { throw .lastOnThisThread() }
        return pointer
    }
#endif

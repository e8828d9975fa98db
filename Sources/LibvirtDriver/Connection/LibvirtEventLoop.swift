#if Libvirt
    import CLibvirt
    import Foundation

    /// libvirt's event loop on a thread of its own: without it there are no events and no keepalive.
    ///
    /// libvirt knows one event loop per process, to be registered before the first connection is opened, and has no way
    /// to end it. So this one is started by the first connection and lives as long as the process.
    enum LibvirtEventLoop {
        /// Whether the loop runs. Reading it starts it, once.
        static let isRunning: Bool = {
            guard virInitialize() == 0, virEventRegisterDefaultImpl() == 0 else { return false }
            // Otherwise libvirt prints every error on standard error; all of them come back to callers as values.
            virSetErrorFunc(nil) { _, _ in }
            let thread = Thread {
                while virEventRunDefaultImpl() == 0 {}
            }
            thread.name = "libvirt-events"
            thread.start()
            return true
        }()
    }
#endif

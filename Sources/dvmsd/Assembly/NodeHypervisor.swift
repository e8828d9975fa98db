import Basis
import Hypervisor
import Logging
import NIOCore
import Settings

#if Libvirt
    import LibvirtDriver
#endif

/// The hypervisor of this node, and the task that keeps its connection where it needs one.
struct NodeHypervisor: Sendable {
    let driver: any HypervisorDriver
    /// Lives as long as the driver is used.
    let run: @Sendable () async -> Void

    /// - Throws: ``StartError`` when this build cannot serve what the config asks for.
    init(
        _ settings: HypervisorSettings, time: any TimeSource, on eventLoop: any EventLoop, log: Logger
    ) throws(StartError) {
        switch settings {
        case .modelled(let socket):
            self.driver = ModelledSocketDriver(path: socket, time: time, on: eventLoop)
            self.run = {}
        case .libvirt(let libvirt):
            #if Libvirt
                var settings = LibvirtDriver.LibvirtSettings(
                    uri: libvirt.uri, endpoint: MigrationEndpoint(uri: libvirt.migrationURI),
                    capacity: libvirt.capacity)
                settings.sharedPaths = libvirt.sharedStorage
                settings.copiedPaths = libvirt.copiedStorage
                guard settings.problems.isEmpty else {
                    throw .hypervisor(settings.problems.joined(separator: "; "))
                }
                let driver = LibvirtHypervisor(settings: settings, time: time, log: log)
                self.driver = driver
                self.run = { await driver.run() }
            #else
                throw .hypervisor(
                    "\(libvirt.uri) is configured, but this dvmsd was built without libvirt (package trait Libvirt)")
            #endif
        }
    }
}

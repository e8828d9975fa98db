#if Libvirt
    import Hypervisor

    /// What one domain's XML says, read once.
    struct DomainDescription: Hashable, Sendable {
        /// What was read; equal text means an equal description.
        var xml: String
        /// Nil when the text is too long or not well-formed.
        var tree: XMLTree?
        var mark: HandoverMark?
        var cpuRequirement: String
        /// The targets of the disks that have something in them ("vda").
        var diskTargets: [String]

        init(xml: String, bytesMax: Int, hostCPU: XMLTree?) {
            self.xml = xml
            self.tree = xml.utf8.count <= bytesMax ? XMLTree(parsing: xml) : nil
            self.mark = self.tree.flatMap { HandoverMarkXML.mark(inDomain: $0) }
            self.cpuRequirement = self.tree.flatMap { CPURequirement(domain: $0, hostCPU: hostCPU) }?.text ?? ""
            let disks = self.tree?["devices"]?.children(named: "disk") ?? []
            self.diskTargets = disks.filter { $0["source"] != nil }.compactMap { $0["target"]?.attributes["dev"] }
        }

        /// Why nothing can be said of the domain.
        var unreadable: String { "its description of \(self.xml.utf8.count) bytes cannot be read" }
    }
#endif

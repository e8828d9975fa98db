#if Libvirt
    import Basis
    package import Hypervisor

    /// The handover mark as an element of a domain's metadata.
    ///
    /// libvirt keeps foreign elements under `<metadata>`, at most one per namespace, and sends them along with a
    /// migrating domain.
    package enum HandoverMarkXML {
        /// Names the mark's format; it is never fetched. A format that older daemons cannot read gets another one.
        package static let namespace = "urn:dvms:handover:1"
        /// The prefix libvirt is told to use.
        package static let prefix = "dvms"
        /// The longest name of an ISP that is read, in bytes: a node name, two 64-bit numbers and two separators.
        package static let ispBytesMax = NodeID.lengthMax + 42
        private static let elementName = "handover"

        /// The element, without a namespace: libvirt adds the one that it is told beside it.
        package static func element(for mark: HandoverMark) -> String {
            XMLTree(
                name: self.elementName,
                attributes: [
                    "isp": mark.isp, "action": String(mark.action), "source": mark.source.name,
                    "source-endpoint": mark.sourceEndpoint.uri, "destination": mark.destination.name,
                ]
            ).serialized
        }

        /// The mark in the XML of a domain; nil when there is none, or none that is complete and well-formed.
        package static func mark(inDomain domain: XMLTree) -> HandoverMark? {
            guard domain.name == "domain", let metadata = domain["metadata"],
                let element = metadata.children.first(where: {
                    $0.name == self.elementName && $0.namespace == self.namespace
                })
            else { return nil }
            guard let isp = element.attributes["isp"], isp.utf8.count <= Self.ispBytesMax,
                let action = element.attributes["action"].flatMap(UInt64.init),
                let source = element.attributes["source"].flatMap({ NodeID($0) }),
                let endpoint = element.attributes["source-endpoint"],
                endpoint.utf8.count <= MigrationEndpoint.lengthMax,
                let destination = element.attributes["destination"].flatMap({ NodeID($0) })
            else { return nil }
            return HandoverMark(
                isp: isp, action: action, source: source, sourceEndpoint: MigrationEndpoint(uri: endpoint),
                destination: destination)
        }
    }
#endif

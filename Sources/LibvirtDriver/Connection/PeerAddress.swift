#if Libvirt
    import Foundation
    package import Hypervisor

    /// Which connection URIs of other hosts are used at all.
    ///
    /// They come from messages and metadata, and libvirt URIs can name programs to be run (`qemu+ext:///?command=…`) or
    /// certificates to be ignored. All hosts of a ring are reached in the same way, so another host's URI may differ from
    /// this host's in who is addressed, and in nothing else.
    package enum PeerAddress {
        /// Why `endpoint` is not used; nil when it is.
        package static func refusal(of endpoint: MigrationEndpoint, like own: MigrationEndpoint) -> String? {
            guard endpoint.uri.utf8.count <= MigrationEndpoint.lengthMax else { return "the endpoint is too long" }
            guard let other = URLComponents(string: endpoint.uri), let own = URLComponents(string: own.uri) else {
                return "\(endpoint.uri) is not a URI"
            }
            guard other.scheme == own.scheme, other.path == own.path else {
                return "\(endpoint.uri) is not of the form \(own.scheme ?? "")://host\(own.path)"
            }
            guard Self.parametersThatMustAgree(other) == Self.parametersThatMustAgree(own) else {
                return "\(endpoint.uri) has other parameters than this host's endpoint"
            }
            return nil
        }

        /// The parameters but `socket`, which is an address like host and port.
        private static func parametersThatMustAgree(_ components: URLComponents) -> [String] {
            (components.queryItems ?? []).filter { $0.name != "socket" }.map { "\($0.name)=\($0.value ?? "")" }.sorted()
        }
    }
#endif

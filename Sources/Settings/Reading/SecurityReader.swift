import Basis

/// Reads `tls`, and checks who could listen in.
enum SecurityReader {
    static func tls(_ root: inout SettingsSection, _ template: PathTemplate) -> TLSSettings? {
        let present = root.has("tls")
        var section = root.section("tls")
        let paths = ["ca", "certificate", "key"].map { ($0, section.optional($0, template.path)) }
        section.finish()
        guard present else { return nil }
        for (key, _) in paths where !section.has(key) {
            section.report("missing: TLS needs ca, certificate and key", key: key, line: section.line)
        }
        guard let ca = paths[0].1, let certificate = paths[1].1, let key = paths[2].1 else { return nil }
        return TLSSettings(ca: ca, certificate: certificate, key: key)
    }

    /// Plain text stays on loopback addresses unless the file says `insecure: true`.
    static func check(_ settings: NodeSettings, _ root: SettingsSection) {
        if root.has("tls"), settings.insecure {
            root.report("insecure: true and tls exclude each other", key: "insecure", line: root.line(of: "insecure"))
        }
        guard !root.has("tls"), !settings.insecure else { return }
        let exposed = ([settings.listen] + settings.ring.nodes.map(\.address)).first { !$0.isLoopback }
        guard let exposed else { return }
        let key = root.has("listen") ? "listen" : (root.has("ring_file") ? "ring_file" : "ring")
        root.report(
            "expected tls, because \(exposed) is not a loopback address (insecure: true accepts plain text there)",
            key: key, line: root.line(of: key))
    }
}

#if Libvirt
    import Basis
    import Hypervisor
    import LibvirtDriver
    import Testing

    @Suite("Handover mark in metadata")
    struct HandoverMarkXMLTests {
        /// What libvirt makes of an element that it is given with a prefix and a namespace.
        private func domain(metadata: String) throws -> XMLTree {
            try #require(
                XMLTree(parsing: "<domain type='kvm'><name>web</name><metadata>\(metadata)</metadata></domain>"))
        }

        private func asLibvirtKeepsIt(_ element: String, namespace: String = HandoverMarkXML.namespace) -> String {
            let renamed = element.replacing(
                "<handover", with: "<dvms:handover xmlns:dvms='\(namespace)'", maxReplacements: 1)
            return renamed.replacing("</handover>", with: "</dvms:handover>")
        }

        private static let mark = HandoverMark(
            isp: "node-1#17.3", action: 4, source: "node-1",
            sourceEndpoint: MigrationEndpoint(uri: "qemu+tls://node-1/system?a=1&b='<>\""), destination: "node-2")

        @Test("comes back from a domain's metadata as it was written")
        func roundTrip() throws {
            let kept = self.asLibvirtKeepsIt(HandoverMarkXML.element(for: Self.mark))
            let other = "<other:app xmlns:other='urn:other'><other:handover isp='x'/></other:app>"
            #expect(HandoverMarkXML.mark(inDomain: try self.domain(metadata: other + kept)) == Self.mark)
        }

        @Test("comes back whatever text its fields hold", arguments: 0..<50 as Range<UInt64>)
        func anyText(seed: UInt64) throws {
            var random = SplitMix64(seed: seed)
            let alphabet = Array("ab<>&'\"#. /é漢\u{1F600}")
            let text = String((0..<20).map { _ in alphabet.randomElement(using: &random) ?? "a" })
            var mark = Self.mark
            mark.isp = text
            mark.sourceEndpoint = MigrationEndpoint(uri: "qemu://" + text)
            mark.action = .random(in: 0 ... .max, using: &random)
            let kept = self.asLibvirtKeepsIt(HandoverMarkXML.element(for: mark))
            #expect(HandoverMarkXML.mark(inDomain: try self.domain(metadata: kept)) == mark, "seed \(seed)")
        }

        @Test(
            "is no mark when a part is missing or broken",
            arguments: [
                "<handover/>", "<handover isp='a' action='1' source='n1' source-endpoint='u'/>",
                "<handover isp='a' action='-1' source='n1' source-endpoint='u' destination='n2'/>",
                "<handover isp='a' action='1' source='no name' source-endpoint='u' destination='n2'/>",
                "<handover isp='a' action='1' source='n1' source-endpoint='u' destination=''/>",
                "<handed isp='a' action='1' source='n1' source-endpoint='u' destination='n2'/>",
            ])
        func incomplete(element: String) throws {
            #expect(HandoverMarkXML.mark(inDomain: try self.domain(metadata: self.asLibvirtKeepsIt(element))) == nil)
        }

        @Test("is no mark in another namespace, nor outside of metadata")
        func elsewhere() throws {
            let element = HandoverMarkXML.element(for: Self.mark)
            let foreign = self.asLibvirtKeepsIt(element, namespace: "urn:dvms:handover:2")
            #expect(HandoverMarkXML.mark(inDomain: try self.domain(metadata: foreign)) == nil)
            let outside = try #require(XMLTree(parsing: "<domain>\(self.asLibvirtKeepsIt(element))</domain>"))
            #expect(HandoverMarkXML.mark(inDomain: outside) == nil)
        }

        @Test("is no mark when a text is longer than such texts are")
        func tooLong() throws {
            var far = Self.mark
            far.sourceEndpoint = MigrationEndpoint(uri: String(repeating: "u", count: MigrationEndpoint.lengthMax + 1))
            var long = Self.mark
            long.isp = String(repeating: "i", count: HandoverMarkXML.ispBytesMax + 1)
            for mark in [far, long] {
                let kept = self.asLibvirtKeepsIt(HandoverMarkXML.element(for: mark))
                #expect(HandoverMarkXML.mark(inDomain: try self.domain(metadata: kept)) == nil)
            }
        }

        @Test(
            "broken documents are refused, not trapped on",
            arguments: ["", "<", "<a>", "<a></b>", "text", "<a b=1/>", "<!DOCTYPE a [<!ENTITY x 'y'>]>", "\u{0}"])
        func broken(document: String) {
            #expect(XMLTree(parsing: document) == nil)
        }

        @Test("entities neither multiply without end nor read files")
        func entities() {
            var document = "<!DOCTYPE a [<!ENTITY x0 'xxxxxxxxxx'>"
            for level in 1...20 {
                document += "<!ENTITY x\(level) '\(String(repeating: "&x\(level - 1);", count: 10))'>"
            }
            let text = XMLTree(parsing: document + "]><a>&x20;</a>")?.text ?? ""
            #expect(text.utf8.count < 1_000_000)
            let file = "<!DOCTYPE a [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><a>&f;</a>"
            #expect(XMLTree(parsing: file)?.text.contains("root") != true)
        }

        @Test("nesting is bounded", arguments: [(XMLTree.depthMax, true), (XMLTree.depthMax + 1, false)])
        func depth(levels: Int, isRead: Bool) {
            let document = String(repeating: "<a>", count: levels) + String(repeating: "</a>", count: levels)
            #expect((XMLTree(parsing: document) != nil) == isRead)
        }
    }
#endif

#if Libvirt
    import Basis
    import Foundation
    import FoundationXML

    /// An XML element with all that is in it, as a value.
    ///
    /// libvirt's documents are small and are asked many questions, so the whole tree is read once. External entities are
    /// not followed, comments and processing instructions are dropped.
    package struct XMLTree: Hashable, Sendable {
        /// Without a namespace prefix.
        package var name: String
        /// The URI of the element's namespace, empty when it has none.
        package var namespace: String
        package var attributes: [String: String]
        package var children: [XMLTree]
        /// The text directly inside, without surrounding white space.
        package var text: String

        package init(
            name: String, namespace: String = "", attributes: [String: String] = [:], children: [XMLTree] = [],
            text: String = ""
        ) {
            self.name = name
            self.namespace = namespace
            self.attributes = attributes
            self.children = children
            self.text = text
        }

        /// How deep elements may stand in one another; libvirt's own documents stay below 12.
        package static let depthMax = 64

        /// - Returns: The root element, or nil when `document` is not well-formed XML, or nests deeper than ``depthMax``.
        package init?(parsing document: String) {
            let parser = XMLParser(data: Data(document.utf8))
            parser.shouldProcessNamespaces = true
            parser.shouldResolveExternalEntities = false
            let builder = TreeBuilder()
            parser.delegate = builder
            guard parser.parse(), let root = builder.root else { return nil }
            self = root
        }

        /// The first child of this name.
        package subscript(name: String) -> XMLTree? {
            self.children.first { $0.name == name }
        }

        package func children(named name: String) -> [XMLTree] {
            self.children.filter { $0.name == name }
        }

        /// The element as XML on one line. Attributes stand in the order of their names, so that equal trees give equal
        /// text.
        package var serialized: String {
            var text = "<\(self.name)"
            for (name, value) in self.attributes.sorted(by: { $0.key < $1.key }) {
                text += " \(name)='\(XMLText.escaped(value))'"
            }
            if self.children.isEmpty, self.text.isEmpty { return text + "/>" }
            text += ">" + XMLText.escaped(self.text)
            for child in self.children { text += child.serialized }
            return text + "</\(self.name)>"
        }
    }

    /// Builds the tree out of the parser's callbacks. A class because the parser asks for one; it lives for one parse.
    private final class TreeBuilder: NSObject, XMLParserDelegate {
        private var open: [XMLTree] = []
        private(set) var root: XMLTree?

        func parser(
            _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            guard self.open.count < XMLTree.depthMax else { return parser.abortParsing() }
            self.open.append(XMLTree(name: elementName, namespace: namespaceURI ?? "", attributes: attributes))
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) {
            guard !self.open.isEmpty else { return }
            self.open[self.open.count - 1].text += string
        }

        func parser(
            _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?, qualifiedName: String?
        ) {
            guard var element = self.open.popLast() else { return }
            element.text = element.text.trimmingCharacters(in: .whitespacesAndNewlines)
            if self.open.isEmpty {
                self.root = element
            } else {
                self.open[self.open.count - 1].children.append(element)
            }
        }
    }
#endif

import Basis
import Testing

@Suite("Text in XML")
struct XMLTextTests {
    @Test("has nothing in it that a parser would take for markup, in an element or in either kind of quotes")
    func escaped() {
        #expect(XMLText.escaped("a<b>&'\"é") == "a&lt;b&gt;&amp;&apos;&quot;é")
        #expect(XMLText.escaped("&lt;") == "&amp;lt;")
    }
}

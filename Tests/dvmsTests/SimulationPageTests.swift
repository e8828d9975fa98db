import Foundation
import FoundationXML
import Simulation
import Testing
import dvms

/// Goal: the page shows what happened, no more and no less, and is a page whatever happened. Method: courses made by hand
/// and one that an experiment had, read back from the page by an XML parser.
@Suite("The page of an experiment")
struct SimulationPageTests {
    /// Of an experiment in which nothing happens.
    private static func idleResult() async throws -> ExperimentResult {
        try await Experiment(preset: "test", shape: FleetShape(nodes: 8), duration: .seconds(1), algorithm: .none)
            .run(seed: 1).result
    }

    private func page(_ course: SimulationCourse) async throws -> ReadPage {
        try ReadPage(SimulationPage(try await Self.idleResult(), course))
    }

    /// Two nodes in violation, of which one twice; two guests moved and one not; three ISPs.
    private static let smallCourse = {
        var course = SimulationCourse(nodes: 8, duration: 100)
        course.violations = [
            .init(node: 2, began: 10, ended: 20), .init(node: 2, began: 50, ended: 52.5),
            .init(node: 5, began: 15, ended: 30),
        ]
        course.moves = [
            .init(vm: "a", from: 2, to: 3, began: 11, ended: 20), .init(vm: "b", from: 5, to: 4, began: 16, ended: 30),
            .init(vm: "c", from: 2, to: 0, began: 51, ended: 52, failure: "no room"),
        ]
        course.decisions = [
            .init(duration: 10, nodes: 2, messages: 4), .init(duration: 15, nodes: 2, messages: 4),
            .init(duration: 1.5, nodes: 3, messages: 9),
        ]
        return course
    }()

    @Test("has a mark for each thing that happened")
    func marks() async throws {
        let page = try await self.page(Self.smallCourse)
        let lines = page.all("line").map { $0["d"].count { $0 == "V" } }
        #expect(lines == [6, 2], "6 changes of how many nodes are in violation, 2 migrations done")
        #expect(
            page.all("bar").map(\.tooltip) == [
                "2 to 3 s: 1 violation", "10 to 11 s: 1 violation", "15 to 16 s: 1 violation",
                "1 to 2 s: 1 ISP", "10 to 11 s: 1 ISP", "15 to 16 s: 1 ISP", "2: 2 ISPs", "3: 1 ISP", "4: 2 ISPs",
                "9: 1 ISP",
            ])
        #expect(page.all("cross").map(\.tooltip) == ["c, n3 → n1, failed at 52 s: no room"])
        #expect(
            page.all("row").map(\.tooltip) == [
                "n6: 1 violation, 15 s together; 0 arrivals, 1 departure",
                "n3: 2 violations, 12.5 s together; 0 arrivals, 1 departure",
                "n4: 0 violations, 0 s together; 1 arrival, 0 departures",
                "n5: 0 violations, 0 s together; 1 arrival, 0 departures",
            ])
        #expect(page.marksInRows("violation") == [1, 2, 0, 0])
        #expect(page.marksInRows("arrival") == [0, 0, 1, 1])
        #expect(page.marksInRows("departure") == [1, 1, 0, 0])
        #expect(page.all("node").count == 8)
        #expect(
            try page.events() == [
                [10_000, 20_000, 2], [11_000, 20_000, 2, 3, 0], [15_000, 30_000, 5], [16_000, 30_000, 5, 4, 0],
                [50_000, 52_500, 2], [51_000, 52_000, 2, 0, 1],
            ])
    }

    @Test("shows an experiment as it was")
    func experiment() async throws {
        let outcome = try await Experiment(
            preset: "test", shape: FleetShape(nodes: 24), duration: .seconds(1_500), algorithm: .dvms
        ).run(seed: 1)
        let page = try ReadPage(SimulationPage(outcome))
        let record = outcome.record
        #expect(!record.violations.isEmpty && !record.moves.isEmpty && !record.procedures.isEmpty)
        #expect(page.text.contains("test, 24 nodes, 240 VMs, 1,500 s, dvms"))
        #expect(page.text.contains(outcome.result.traceHash))
        #expect(try page.events().count == record.violations.count + record.moves.count)
        #expect(page.marksInRows("violation").reduce(0, +) == record.violations.count)
        #expect(page.counted("violation") == record.violations.count)
        #expect(page.counted("ISP") == 3 * record.procedures.count)
    }

    @Test("lets no name become markup, and loads nothing")
    func hostile() async throws {
        var result = try await Self.idleResult()
        let name = #"</script><script>alert("1")</script>&amp;"#
        result.preset = name
        result.isps.byOutcome = [name: 1]
        var course = Self.smallCourse
        course.moves = [.init(vm: name, from: 0, to: 1, began: 1, ended: 2, failure: "a\u{0}\n]]>" + name)]
        let page = try ReadPage(SimulationPage(result, course))
        #expect(page.all("cross").map(\.tooltip) == ["\(name), n1 → n2, failed at 2 s: a\u{FFFD} ]]>\(name)"])
        #expect(page.elements.count { $0.name == "script" } == 2, "the data and the player")
        #expect(page.text.contains("1 \(name)"))
        #expect(page.elements.allSatisfy { $0.attributes["src"] == nil && $0.attributes["href"] == nil })
        #expect(!page.text.contains("url(") && !page.text.contains("@import"))
    }

    @Test("says that nothing happened")
    func nothing() async throws {
        let page = try await self.page(SimulationCourse(nodes: 8, duration: 1))
        #expect(page.text.contains("Nothing happened: no violation, no ISP and no migration in 1 s of virtual time."))
        #expect(page.elements.allSatisfy { $0.name != "svg" && $0.name != "script" })
    }

    @Test("says of each chart that there is nothing to show")
    func parts() async throws {
        var course = SimulationCourse(nodes: 2, duration: 10)
        course.decisions = [.init(duration: 0, nodes: 1, messages: 0)]
        let page = try await self.page(course)
        for words in ["No node was.", "No guest was moved.", "Nothing happened on any node."] {
            #expect(page.text.contains(words))
        }
        #expect(page.all("bar").map(\.tooltip) == ["0 to 1 s: 1 ISP", "1: 1 ISP", "0: 1 ISP"])
    }

    @Test("stays small whatever happened, and says what it leaves out")
    func limits() async throws {
        var course = SimulationCourse(nodes: 1_000, duration: 1_000)
        for index in 0..<1_000_000 {
            let began = Double(index % 999_983) / 1_000
            course.violations.append(.init(node: index % 1_000, began: began, ended: began + 0.4))
        }
        let longName = String(repeating: "&", count: 255)
        let longReason = String(repeating: "\"", count: 10_000)
        for index in 0..<100_000 {
            let began = Double(index % 997)
            course.moves.append(
                .init(
                    vm: longName, from: index % 1_000, to: (index + 1) % 1_000, began: began, ended: began + 1,
                    failure: index % 2 == 0 ? longReason : nil))
            course.decisions.append(.init(duration: Double(index), nodes: index % 700, messages: index))
        }
        let page = try await self.page(course)
        #expect(page.bytes <= SimulationPage.bytesMax)
        #expect(page.all("row").count == 64 && page.all("node").count == 256 && page.all("cross").count == 200)
        #expect(try page.events().count == 20_000)
        for words in [
            "Shown are 64 of 1,000 nodes", "The 256 of 1,000 nodes longest in violation are drawn",
            "Only the first 20,000 of ", "50,000 failed, of which the first 200 are marked",
            "Of each 1.25 s the chart shows the peak and the end.",
        ] {
            #expect(page.text.contains(words), "\(words)")
        }
    }
}

/// A page as an XML parser reads it, which makes it well-formed.
private struct ReadPage {
    struct Element {
        var name: String
        var attributes: [String: String]
        /// With that of the elements in it.
        var text = ""

        /// Of the title in it.
        var tooltip = ""

        subscript(attribute: String) -> String { self.attributes[attribute] ?? "" }
    }

    let bytes: Int
    /// In the order of their beginnings.
    let elements: [Element]

    init(_ page: SimulationPage) throws {
        let html = page.html
        let reader = PageReader()
        let parser = XMLParser(data: Data(html.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(parser.lineNumber): \(String(describing: parser.parserError))")
        self.bytes = html.utf8.count
        self.elements = reader.elements
    }

    /// Of the whole page.
    var text: String { self.elements.first?.text ?? "" }

    /// The elements of a class that are no part of a legend.
    func all(_ className: String) -> [Element] { self.elements.filter { $0["class"] == className } }

    /// By row of the timeline, how many marks of a kind it has.
    func marksInRows(_ className: String) -> [Int] {
        // The first one is in the legend.
        self.all(className).dropFirst().map { $0["d"].count { $0 == "M" } }
    }

    /// How many of something all histograms count together.
    func counted(_ what: String) -> Int {
        self.all("bar").reduce(0) { sum, bar in
            let words = bar.tooltip.split(separator: " ").suffix(2)
            guard let number = words.first, words.last?.hasPrefix(what) == true else { return sum }
            return sum + (Int(number) ?? 0)
        }
    }

    /// What the ring's script is given.
    func events() throws -> [[Int]] {
        struct Course: Decodable {
            var pace: Double
            var events: [[Int]]
        }
        let json = try #require(self.elements.first { $0["id"] == "course" })
        return try JSONDecoder().decode(Course.self, from: Data(json.text.utf8)).events
    }
}

private final class PageReader: NSObject, XMLParserDelegate {
    private(set) var elements: [ReadPage.Element] = []
    /// The elements that have not ended, the innermost last.
    private var open: [Int] = []

    func parser(
        _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?, qualifiedName qName: String?,
        attributes attributeDict: [String: String]
    ) {
        self.open.append(self.elements.count)
        self.elements.append(ReadPage.Element(name: elementName, attributes: attributeDict))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        for index in self.open { self.elements[index].text += string }
        guard let inner = self.open.last, self.elements[inner].name == "title" else { return }
        for index in self.open { self.elements[index].tooltip += string }
    }

    func parser(
        _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?, qualifiedName qName: String?
    ) {
        self.open.removeLast()
    }
}

import Basis
import Testing

@Suite("The nearest name")
struct NearestNameTests {
    @Test(
        "is the one with the fewest typing errors, and none when all are far",
        arguments: [
            ("statsu", "status"), ("evnts", "events"), ("drain", "drain"), ("x", nil), ("", nil),
            ("undrian", "undrain"),
            ("something", nil), (String(repeating: "status", count: 200_000), nil),
        ])
    func nearest(word: String, expected: String?) {
        #expect(NearestName.of(word, among: ["status", "events", "undrain", "drain"]) == expected)
    }

    @Test("is asked for, or nothing is said")
    func question() {
        #expect(NearestName.question("rnig", among: ["ring"]) == "; did you mean ring?")
        #expect(NearestName.question("rnig", among: []).isEmpty)
    }
}

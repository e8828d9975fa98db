import Basis
import Deployer
import Testing

@Suite("Sets of hosts")
struct NodeSetTests {
    @Test(
        "reads names, ranges, steps, padding and several brackets",
        arguments: [
            ("node1", ["node1"]), ("a, b,a", ["a", "b"]), ("node[1-3,7]", ["node1", "node2", "node3", "node7"]),
            ("n[08-11]", ["n08", "n09", "n10", "n11"]), ("n[0-8/4]", ["n0", "n4", "n8"]),
            ("p-[1-2].rennes", ["p-1.rennes", "p-2.rennes"]),
            ("r[1-2]n[01,3]", ["r1n01", "r1n3", "r2n01", "r2n3"]), ("[1-2]", ["1", "2"]),
            ("a[1][2]", ["a12"]), ("n[7,7]", ["n7"]),
        ])
    func reads(text: String, names: [String]) throws {
        #expect(try NodeSet(text).names == names)
    }

    @Test(
        "says what is wrong, and where",
        arguments: [
            ("", .empty), ("a,", .empty), ("a b", .unexpected(character: "b", position: 3)),
            ("a,,b", .unexpected(character: ",", position: 3)), ("n[1-3", .unclosedBracket(position: 2)),
            ("n[3-1]", .badRange(text: "3-1", position: 3)), ("n[]", .badRange(text: "", position: 3)),
            ("n[1,x]", .badRange(text: "x", position: 5)), ("n[1-2/0]", .badRange(text: "1-2/0", position: 3)),
            ("n[1/2]", .badRange(text: "1/2", position: 3)), ("n[1-2-3]", .badRange(text: "1-2-3", position: 3)),
            ("n[001-09]", .badRange(text: "001-09", position: 3)),
            ("n[1234567890]", .badRange(text: "1234567890", position: 3)),
            ("-n", .notAName("-n")), ("n]", .unexpected(character: "]", position: 2)),
            ("n;x", .unexpected(character: ";", position: 2)), ("ü", .unexpected(character: "\u{FFFD}", position: 1)),
            ("n[0-999999999]", .tooManyHosts(max: 200_000)), ("[1-999]x[1-999]", .tooManyHosts(max: 200_000)),
            ("[1-100000],a[1-100001]", .tooManyHosts(max: 200_000)),
        ] as [(String, NodeSetProblem)])
    func refuses(text: String, problem: NodeSetProblem) {
        #expect(throws: problem) { try NodeSet(text) }
    }

    @Test("takes as many hosts as its limit, and names as long as theirs")
    func limits() throws {
        #expect(try NodeSet("n[1-200000]").names.count == NodeSet.hostsMax)
        let longest = String(repeating: "a", count: NodeSet.nameCharactersMax)
        #expect(try NodeSet(longest).description == longest)
        #expect(throws: NodeSetProblem.notAName(longest + "a")) { try NodeSet(longest + "a") }
        let text = String(repeating: "a,", count: NodeSet.textCharactersMax / 2) + "a"
        #expect(throws: NodeSetProblem.tooLong(charactersMax: NodeSet.textCharactersMax)) { try NodeSet(text) }
    }

    @Test(
        "writes names short",
        arguments: [
            (["n3", "n1", "n2"], "n[1-3]"), (["n1", "n3"], "n[1,3]"), (["n1"], "n1"), (["login", "n1"], "login,n1"),
            (["n9", "n10"], "n[9-10]"), (["n09", "n10"], "n[09-10]"), (["n1", "n01"], "n[1,01]"),
            (["n08", "n9", "n10"], "n[9,08,10]"),
            (["r1n1", "r2n2", "r1n2", "r2n1"], "r[1-2]n[1-2]"), (["r1n1", "r1n2", "r2n1"], "r1n[1-2],r2n1"),
            (["a1.x", "a2.y"], "a1.x,a2.y"), (["a1234567890", "a1234567891"], "a1234567890,a1234567891"),
            ([], ""),
        ])
    func writes(names: [String], text: String) throws {
        #expect(try NodeSet(names: names).description == text)
    }

    @Test("reads what it wrote, for any names")
    func roundTrip() throws {
        var random = SplitMix64(seed: 20_26)
        for _ in 0..<400 {
            let texts = ["n", "node-", "r", ".x", "_", "a9z"]
            let names = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                var name = "abn".randomElement(using: &random).map(String.init) ?? "a"
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let number = Int.random(in: 0...12, using: &random)
                    let width = Int.random(in: 0...2, using: &random)
                    name += String(repeating: "0", count: width) + "\(number)"
                    if Bool.random(using: &random) { name += texts.randomElement(using: &random) ?? "" }
                }
                return name
            }
            let set = try NodeSet(names: names)
            let read = try NodeSet(set.description)
            #expect(Set(read.names) == Set(names) && read.names.count == set.names.count, "\(set)")
            #expect(read.description == set.description)
        }
    }

    @Test("gives names or a problem for any bytes")
    func total() {
        var random = SplitMix64(seed: 4)
        let alphabet = Array("n1029[]-,/ .é\n\0")
        for _ in 0..<3_000 {
            let text = String(
                (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) })
            guard let set = try? NodeSet(text) else { continue }
            #expect((try? NodeSet(set.description)).map { Set($0.names) } == Set(set.names), "\(text)")
        }
    }
}

import Basis
import Deployer
import Testing

@Suite("From whom each host gets the image")
struct SpreadPlanTests {
    /// Hosts arrive in the order of the words, each named by its site and its number in it; `-a1` means that a1 leaves.
    private func story(_ words: String, arity: Int?) throws -> [String] {
        var plan = SpreadPlan(arity: arity)
        return try words.split(separator: " ").compactMap { word in
            if word.first == "-" {
                plan.leave(try #require(NodeID(String(word.dropFirst()))))
                return nil
            }
            let sources = plan.join(try #require(NodeID(String(word))), site: String(word.prefix(1)))
            return "\(word)<\(sources.map(\.name).joined(separator: ","))"
        }
    }

    @Test(
        "gives each host its place when it comes",
        arguments: [
            ("a1 a2 a3", nil, "a1< a2< a3<"),
            ("a1 a2 a3 a4 a5", 1, "a1< a2<a1 a3<a2,a1 a4<a3,a2,a1 a5<a4,a3,a2"),
            ("a1 a2 a3 a4 a5 a6", 2, "a1< a2<a1 a3<a1 a4<a2,a1 a5<a2,a1 a6<a3,a1"),
            // The first of a site gets it from the first of another, all others inside.
            ("a1 a2 b1 b2 a3 c1", 1, "a1< a2<a1 b1<a1 b2<b1,a1 a3<a2,a1 c1<b1,a1"),
            ("a1 b1 c1 d1 a2 d2", 2, "a1< b1<a1 c1<a1 d1<b1,a1 a2<a1 d2<d1,b1,a1"),
            // Again: the same place.
            ("a1 a2 a1 a2", 1, "a1< a2<a1 a1< a2<a1"),
            // Those below one that left move up, and its place is free.
            ("a1 a2 a3 -a2 a3 a4", 1, "a1< a2<a1 a3<a2,a1 a3<a1 a4<a3,a1"),
            ("a1 a2 -a2 a3", 1, "a1< a2<a1 a3<a1"),
            // The first of a site left: the next that comes is the first.
            ("a1 b1 -b1 b2", 1, "a1< b1<a1 b2<a1"),
            ("a1 -a1 a2 a3", 1, "a1< a2< a3<a2"),
            ("-x a1", 1, "a1<"),
        ] as [(String, Int?, String)])
    func places(words: String, arity: Int?, expected: String) throws {
        #expect(try self.story(words, arity: arity).joined(separator: " ") == expected)
    }

    @Test("has no circle, crosses to each site once, and gives nobody more than it may, whoever comes and leaves")
    func any() throws {
        var random = SplitMix64(seed: 5)
        for _ in 0..<300 {
            let arity = Int.random(in: 1...4, using: &random)
            let sites = Int.random(in: 1...4, using: &random)
            var plan = SpreadPlan(arity: arity)
            var (arrived, gone): ([NodeID: String], Set<NodeID>) = ([:], [])
            for number in 0..<Int.random(in: 1...60, using: &random) {
                let id = try #require(NodeID("n\(number)"))
                let site = "s\(Int.random(in: 0..<sites, using: &random))"
                let sources = plan.join(id, site: site)
                #expect(sources.count <= SpreadPlan.sourcesMax && Set(sources).count == sources.count)
                #expect(sources.allSatisfy { arrived[$0] != nil && !gone.contains($0) })
                let near = arrived.keys.contains { arrived[$0] == site && !gone.contains($0) }
                let parent = sources.first.flatMap { arrived[$0] }
                #expect(near ? parent == site : parent != site)
                arrived[id] = site
                if Int.random(in: 0..<8, using: &random) == 0, let lost = arrived.keys.sorted().first {
                    gone.insert(lost)
                    plan.leave(lost)
                }
            }
            guard gone.isEmpty else { continue }
            var below: [NodeID: Int] = [:]
            for id in arrived.keys {
                if let parent = plan.sources(of: id).first, arrived[parent] == arrived[id] {
                    below[parent, default: 0] += 1
                }
            }
            #expect(below.values.allSatisfy { $0 <= arity })
        }
    }
}

@Suite("What a host tells of a file")
struct ExchangeAnswerTests {
    @Test("is read line by line, and what is no line of it is passed by")
    func lines() {
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIJilbF0TjfV5VWHssktq/ZzaELPQCyfQ1VrewEKxjSJm"
        let answer = ExchangeAnswer(
            """
            key ssh-ed25519 \(key)
            got 0 7
            passed 1 00000007 it broke off (x\u{1B}y: lost)
            missing 2
            00000007
            00000012
            """)
        #expect(answer.publicKey == "ssh-ed25519 \(key)" && answer.missing == [7, 12] && answer.got == [0: 7])
        #expect(answer.passedOver == [.init(source: 1, chunk: 7, why: "it broke off (x y: lost)")])
        #expect(!answer.isComplete && ExchangeAnswer("complete\n").isComplete)
        #expect(ExchangeAnswer("damaged abc").damagedDigest == "abc")
    }

    @Test(
        "takes nothing for a key that could say more than one",
        arguments: [
            "key ssh-rsa AAAA", "key ssh-ed25519 short",
            "key ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJilbF0TjfV5VWHssktq/ZzaELPQCyfQ1Vr\",command=\"x",
            "key ssh-ed25519 \(String(repeating: "A", count: 68)) more", "complete now", "00000001 2", "-0000001",
            "0000001x",
        ])
    func hostile(text: String) {
        let answer = ExchangeAnswer(text)
        #expect(answer.publicKey == nil && !answer.isComplete && answer.missing.isEmpty)
    }
}

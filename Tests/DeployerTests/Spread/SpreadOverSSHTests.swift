import Basis
import Deployer
import Foundation
import Testing

@Suite("An image from host to host, with a real sshd on each")
struct SpreadOverSSHTests {
    /// Short, for tests in which somebody is waited for in vain.
    private var impatient: ExchangeLimits {
        var limits = ExchangeLimits()
        limits.silence = .seconds(20)
        limits.absence = .seconds(2)
        return limits
    }

    @Test("goes through a chain of four, of which only the first is sent anything from here, and no key is left")
    func chain() async throws {
        let scene = try SpreadHosts(4)
        let hosts = try (0..<4).map { try scene.host($0) }
        let arrivals = try await scene.spreadChain(of: hosts)
        scene.expectWhole(0..<4)
        #expect(arrivals.map(\.fromHere) == [SpreadHosts.chunkCount, 0, 0, 0], "\(arrivals)")
        for (index, arrival) in arrivals.enumerated() where index > 0 {
            #expect(arrival.fromHosts == ["h\(index - 1)": SpreadHosts.chunkCount])
        }
        #expect(arrivals.allSatisfy { $0.passedOver.isEmpty && !$0.wasThere })
        let mode = try FileManager.default.attributesOfItem(atPath: "\(scene.folders[3].path)/t/images/img")
        #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o644)
        // Again: nothing comes, and hosts that have it can be sources.
        let again = try await scene.spreadChain(of: hosts)
        #expect(again.allSatisfy { $0.wasThere && $0.fromHere == 0 && $0.fromHosts.isEmpty })
        try await scene.endAndExpectNothingLeft(hosts)
        scene.expectWhole(0..<4)
    }

    @Test("brings dvmsd to where it runs as it does the image, each with keys of its own, which go with the agent")
    func program() async throws {
        let scene = try SpreadHosts(3)
        let hosts = try (0..<3).map { try scene.host($0) }
        let program = SpreadFile.agentProgram(try AgentProgram(reading: scene.sourceFile))
        for file in [program, scene.reference] {
            let arrivals = try await scene.spreadChain(of: hosts, file: file)
            #expect(arrivals.map(\.fromHere) == [SpreadHosts.chunkCount, 0, 0], "\(file.kind): \(arrivals)")
        }
        scene.expectWhole(0..<3)
        for folder in scene.folders {
            let path = "\(folder.path)/t/agent/dvmsd"
            #expect(FileManager.default.contents(atPath: path) == Data(SpreadHosts.image))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
            #expect((mode as? NSNumber)?.intValue == 0o755)
        }
        let again = try await scene.spreadChain(of: hosts, file: program)
        #expect(again.allSatisfy { $0.wasThere && $0.fromHere == 0 && $0.fromHosts.isEmpty })
        for host in hosts { try await host.removeAgent(within: .seconds(60)) }
        try await scene.endAndExpectNothingLeft(hosts)
    }

    @Test("takes over what a host has of an older image, and gets the rest from a host that has it whole")
    func older() async throws {
        let scene = try SpreadHosts(2)
        let hosts = try (0..<2).map { try scene.host($0) }
        _ = try await scene.spreadChain(of: [hosts[0]])
        var older = SpreadHosts.image
        for chunk in [3, 17, 39] { older[chunk * SpreadHosts.chunkBytes + 5] ^= 1 }
        _ = try scene.folders[1].write(Array(older.dropLast(10)), to: "t/images/img")
        let arrivals = try await scene.spreadChain(of: hosts)
        scene.expectWhole(0..<2)
        #expect(arrivals[0].wasThere && arrivals[1].fromHosts == ["h0": 3] && arrivals[1].fromHere == 0)
        try await scene.endAndExpectNothingLeft(hosts)
    }

    @Test("passes over a host that serves a damaged chunk, from that chunk on")
    func damaged() async throws {
        let scene = try SpreadHosts(3)
        let hosts = try (0..<3).map { try scene.host($0) }
        _ = try await scene.spreadChain(of: Array(hosts[0...1]))
        // The disk of the second host loses a bit of what it had found right.
        let data = "\(try scene.place(on: 1))/data"
        let file = try #require(FileHandle(forUpdatingAtPath: data))
        try file.seek(toOffset: UInt64(20 * SpreadHosts.chunkBytes + 9))
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(20 * SpreadHosts.chunkBytes + 9))
        try file.write(contentsOf: Data([byte ^ 1]))
        try file.close()
        let arrival = try await hosts[2].ensure(
            scene.reference, from: [hosts[1], hosts[0]], within: .seconds(300))
        #expect(arrival.passedOver.map(\.source) == ["h1"] && arrival.passedOver.map(\.chunk) == [20])
        #expect(arrival.passedOver.allSatisfy { $0.why.contains("damaged") }, "\(arrival)")
        #expect(arrival.fromHosts == ["h1": 20, "h0": SpreadHosts.chunkCount - 20] && arrival.fromHere == 0)
        scene.expectWhole(2..<3)
    }

    @Test("goes on from the next source where one died, and from here when all have")
    func deadParents() async throws {
        let scene = try SpreadHosts(3)
        let limits = self.impatient
        let hosts = try (0..<3).map { try scene.host($0, limits: limits) }
        _ = try await scene.spreadChain(of: Array(hosts[0...1]))
        for index in 0...1 { try self.loseChunks(from: 10 * (index + 1), of: index, in: scene) }
        let arrival = try await hosts[2].ensure(
            scene.reference, from: [hosts[0], hosts[1]], within: .seconds(300))
        // The first has ten chunks and nobody who fetches more, the second twenty.
        #expect(arrival.passedOver.map(\.chunk) == [10, 20], "\(arrival)")
        #expect(arrival.fromHosts == ["h0": 10, "h1": 10])
        #expect(arrival.fromHere == SpreadHosts.chunkCount - 20)
        scene.expectWhole(2..<3)

        // Nobody listens any more, and those that are there are ended in the middle of what they say.
        let last = try SpreadHosts(2)
        let others = try (0..<2).map { try last.host($0, limits: limits) }
        _ = try await last.spreadChain(of: [others[0]])
        last.servers[0].stopListening()
        last.servers[0].killServers()
        let alone = try await others[1].ensure(last.reference, from: [others[0]], within: .seconds(300))
        #expect(alone.passedOver.map(\.source) == ["h0"] && alone.fromHere == SpreadHosts.chunkCount)
        last.expectWhole(1..<2)
    }

    /// The host is as if its transfer had been stopped before this chunk.
    private func loseChunks(from first: Int, of index: Int, in scene: SpreadHosts) throws {
        let place = try scene.place(on: index)
        try FileManager.default.removeItem(atPath: "\(place)/complete")
        for chunk in first..<SpreadHosts.chunkCount {
            let number = String(repeating: "0", count: 8 - "\(chunk)".count) + "\(chunk)"
            try FileManager.default.removeItem(atPath: "\(place)/have/\(number)")
        }
    }

    @Test("loses nobody but the host whose connections break in the middle of its transfer")
    func killedInTransfer() async throws {
        let scene = try SpreadHosts(3)
        let limits = self.impatient
        let hosts = try (0..<3).map { try scene.host($0, limits: limits) }
        _ = try await scene.spreadChain(of: [hosts[0]])
        // About half of what is sent to the second host arrives there, and with the connection goes who takes it in.
        scene.servers[1].cut(afterBytes: 10_400_000)
        async let broken = try? hosts[1].ensure(scene.reference, from: [], within: .seconds(300))
        let arrival = try await hosts[2].ensure(
            scene.reference, from: [hosts[1], hosts[0]], within: .seconds(300))
        #expect(await broken == nil && scene.image(on: 1) == nil)
        scene.expectWhole(2..<3)
        #expect(arrival.passedOver.map(\.source) == ["h1"] && arrival.fromHere == 0, "\(arrival)")
        let (first, rest) = (arrival.fromHosts["h1"] ?? 0, arrival.fromHosts["h0"] ?? 0)
        #expect(first > 5 && rest > 5 && first + rest == SpreadHosts.chunkCount, "\(arrival)")
    }

    @Test("goes on where a transfer from here broke off")
    func resumes() async throws {
        let scene = try SpreadHosts(1)
        let host = try scene.host(0)
        scene.servers[0].cut(afterBytes: 12_000_000)
        await #expect(throws: HostFailure.self) {
            _ = try await host.ensure(scene.reference, from: [], within: .seconds(300))
        }
        #expect(scene.image(on: 0) == nil)
        scene.servers[0].cut(afterBytes: nil)
        let arrival = try await host.ensure(scene.reference, from: [], within: .seconds(300))
        scene.expectWhole(0..<1)
        #expect(arrival.fromHere > 0 && arrival.fromHere < SpreadHosts.chunkCount - 5, "\(arrival.fromHere)")
        try await scene.endAndExpectNothingLeft([host])
    }
}

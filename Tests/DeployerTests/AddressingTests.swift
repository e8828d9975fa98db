import Deployer
import Settings
import Testing

@Suite("Addresses of guests")
struct AddressingTests {
    @Test(
        "leave out the network, the gateway and the broadcast address",
        arguments: [
            ("10.158.0.0/18", 16_381), ("10.0.0.0/24", 253), ("10.0.0.0/29", 5), ("10.0.0.0/30", 1),
            ("10.0.0.0/31", 0), ("10.0.0.0/32", 0),
        ])
    func capacity(subnet: String, count: Int) throws {
        let pool = AddressPool(try #require(IPv4Subnet(subnet)))
        #expect(pool.capacity == count)
        let addresses = try pool.free(count, besides: [])
        #expect(addresses.count == count && addresses.allSatisfy(pool.subnet.contains))
        #expect(!addresses.contains(pool.gateway) && !addresses.contains(pool.subnet.broadcast))
        #expect(throws: AddressingError.poolTooSmall(subnet: pool.subnet, needed: count + 1, free: count)) {
            _ = try pool.free(count + 1, besides: [])
        }
    }

    @Test("go round those that others have")
    func taken() throws {
        let pool = AddressPool(try #require(IPv4Subnet("10.0.0.0/29")))
        let others = ["10.0.0.2", "10.0.0.4"].compactMap { IPv4Address($0) }
        #expect(try pool.free(3, besides: Set(others)).map(\.description) == ["10.0.0.3", "10.0.0.5", "10.0.0.6"])
    }

    @Test("come with Ethernet addresses that are local, of one fleet, and nobody else's")
    func macs() throws {
        let pool = AddressPool(try #require(IPv4Subnet("10.0.0.0/24")))
        let first = try IdentityAssignment.identities(
            for: ["a", "b"], fleet: "one", firstOrdinal: 0, pool: pool, taken: TakenIdentities())
        #expect(first.allSatisfy { $0.mac.description.hasPrefix("02:") })
        #expect(first[0].mac.bits + 1 == first[1].mac.bits)
        let taken = TakenIdentities(macs: Set(first.map(\.mac.bits)))
        let second = try IdentityAssignment.identities(
            for: ["a", "b"], fleet: "one", firstOrdinal: 0, pool: pool, taken: taken)
        #expect(Set(second.map(\.mac)).isDisjoint(with: first.map(\.mac)))
    }

    @Test("are refused with the name of the other deployment when a name is taken")
    func names() throws {
        let pool = AddressPool(try #require(IPv4Subnet("10.0.0.0/24")))
        #expect(throws: AddressingError.nameInUse(name: "a", deployment: "other")) {
            _ = try IdentityAssignment.identities(
                for: ["a"], fleet: "one", firstOrdinal: 0, pool: pool, taken: TakenIdentities(names: ["a": "other"]))
        }
    }
}

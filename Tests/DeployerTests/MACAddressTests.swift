import Deployer
import Testing

@Suite("Ethernet addresses")
struct MACAddressTests {
    @Test(
        "are written in six pairs of digits",
        arguments: [
            (bits: 0x0200_0000_0001 as UInt64, text: "02:00:00:00:00:01"), (0xFEDC_BA98_7654, "fe:dc:ba:98:76:54"),
        ])
    func text(bits: UInt64, text: String) {
        #expect(MACAddress(bits: bits).description == text)
    }
}

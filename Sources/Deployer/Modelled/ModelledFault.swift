/// What a modelled host does, one after the other.
package enum ModelledDeed: String, Hashable, Sendable, CaseIterable {
    case probe, prepare, network, image, boot, check, program, agent, removal
}

/// What goes wrong on a modelled host.
package enum ModelledFault: Hashable, Sendable {
    /// When it is first asked for this it is silent, and stays so.
    case dies(at: ModelledDeed)
    /// It says no so many times, and then does it.
    case refuses(ModelledDeed, times: Int)
    /// It takes longer than any limit so many times; what was asked is done all the same.
    case hangs(ModelledDeed, times: Int)
    /// When it has so many chunks of the file it falls silent, and stays so.
    case diesWithChunks(Int, of: SpreadKind = .image)
    /// Each chunk of the file from this one on is damaged when another host gets it from here.
    case servesDamaged(from: Int, of: SpreadKind = .image)
    /// So many times the image arrives damaged.
    case damagesImage(times: Int)
    /// It never defines the guest.
    case refusesGuest(String)
    /// The guest does not come up before it was turned off and on so many times.
    case guestHangs(String, times: Int)
}

/// What a modelled host is, how long it takes, and how often it fails.
package struct ModelledHostSettings: Hashable, Sendable {
    package var facts = HostFacts(
        cpus: 32, cpuFlags: ["avx2", "vmx"], hasKVM: true, memoryMiB: 131_072, freeDiskMiB: 1 << 20,
        kernel: "6.12.0-modelled", clockAheadMilliseconds: 3, installed: [])
    /// In milliseconds, drawn evenly for each deed that changes something; for `boot` of the definition alone, for `image`
    /// and `program` of what there is to do besides sending it.
    package var milliseconds: [ModelledDeed: ClosedRange<Int64>] = [
        .probe: 200...600, .prepare: 2_000...15_000, .network: 500...1_500, .image: 200...600,
        .boot: 500...3_000, .program: 200...600, .agent: 1_000...5_000, .check: 20...50, .removal: 500...2_000,
    ]
    /// From the start of a guest until it answers.
    package var bootMilliseconds: ClosedRange<Int64> = 8_000...25_000
    /// Of the interface of each host and of the deployer, in megabits a second.
    package var megabitsPerSecond = 1_000
    /// What a deed takes that finds all done.
    package var idleMilliseconds: ClosedRange<Int64> = 50...150
    /// How many deeds of a thousand are refused, by seed.
    package var refusedPerThousand = 0
    /// Steps that hold on the host before any deployment, and that none takes back.
    package var holdsAlready: Set<PreparationStep> = []

    package init() {}
}

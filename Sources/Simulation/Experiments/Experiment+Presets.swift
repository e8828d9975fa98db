import Basis

extension Experiment {
    /// A well-known experiment, to begin with.
    package enum Preset: String, Hashable, Sendable, CaseIterable {
        /// One guest's load after the other changes, as in VMPlaceS (Euro-Par 2015).
        case vmplaces
        /// All loads change at once on the 467 nodes at 4 sites and 4,754 VMs of the experiments on Grid'5000 (SCALE 2013).
        case paper
        /// The load of `vmplaces` while agents come and go.
        case churn
        /// Load that ebbs: nodes are emptied and filled again.
        case consolidation
        /// A recorded load.
        case planetlab
    }

    /// - Parameters:
    ///   - nodes: nil for as many as the preset has.
    ///   - vmsPerNode: the same.
    ///   - load: nil for the preset's own; `planetlab` has none.
    package init(_ preset: Preset, nodes: Int?, vmsPerNode: Int?, algorithm: Algorithm, load: LoadProfile? = nil) {
        precondition(preset != .planetlab || load != nil, "a recorded load comes from a record")
        self.init(
            preset: preset.rawValue, shape: Self.shape(of: preset, nodes: nodes, vmsPerNode: vmsPerNode),
            duration: .seconds(1_800), algorithm: algorithm)
        switch preset {
        case .vmplaces:
            break
        case .paper:
            self.shape.sites = 4
            self.load = .redrawn(RedrawnLoad.Settings())
        case .churn:
            self.churn = Churn()
        case .consolidation:
            self.duration = .seconds(3_600)
            // Nodes are not filled to the brim, or each change of a load would overload one.
            self.triggerPercent = 85
            self.underloadPercent = 30
            var settings = SteppedLoad.Settings()
            settings.wave = SteppedLoad.Wave(lowPercent: 20, period: .seconds(3_600))
            self.load = .stepped(settings)
        case .planetlab:
            self.duration = .seconds(4 * 3_600)
        }
        if let load { self.load = load }
    }

    private static func shape(of preset: Preset, nodes: Int?, vmsPerNode: Int?) -> FleetShape {
        switch preset {
        case .vmplaces, .churn:
            return FleetShape(nodes: nodes ?? 128, vmsPerNode: vmsPerNode ?? 10)
        case .consolidation:
            return FleetShape(nodes: nodes ?? 64, vmsPerNode: vmsPerNode ?? 10)
        case .paper:
            let count = nodes ?? 467
            var shape = FleetShape(nodes: count, vmsPerNode: vmsPerNode ?? 10)
            if vmsPerNode == nil { shape.vms = count * 4_754 / 467 }
            return shape
        case .planetlab:
            var shape = FleetShape(nodes: nodes ?? 100, vmsPerNode: vmsPerNode ?? 10)
            // The recorded VMs use an eighth of their CPUs on average.
            shape.vcpus = 4
            return shape
        }
    }
}

import Basis
import Placement
import Settings
import Simulation

/// An experiment and the seeds with which it is run.
struct ExperimentPlan {
    var experiment: Experiment
    let seeds: [UInt64]

    /// What a scenario's file may name.
    static let words = SimulationSettings.Words(
        presets: Experiment.Preset.allCases.map(\.rawValue), algorithms: Experiment.Algorithm.allCases.map(\.rawValue))

    /// - Throws: ``OperatorFailure`` for a trace that cannot be read, and for settings that do not go together.
    init(_ settings: SimulationSettings) throws(OperatorFailure) {
        let preset = settings.preset.flatMap(Experiment.Preset.init) ?? .vmplaces
        let load = try settings.load.map { load throws(OperatorFailure) in try Self.profile(load) }
        guard preset != .planetlab || load != nil else {
            throw OperatorFailure(
                .badInput, "the preset planetlab needs a recorded load: --trace, or load.trace in a file")
        }
        self.experiment = Experiment(
            preset, nodes: settings.nodes, vmsPerNode: settings.vmsPerNode,
            algorithm: settings.algorithm.flatMap(Experiment.Algorithm.init) ?? .dvms, load: load)
        let first = UInt64(settings.seed ?? 1)
        self.seeds = (0..<UInt64(settings.runs ?? 1)).map { first &+ $0 }
        self.apply(settings)
        try self.check()
    }

    private mutating func apply(_ settings: SimulationSettings) {
        if let duration = settings.duration { self.experiment.duration = duration }
        if let vcpus = settings.vcpus { self.experiment.shape.vcpus = vcpus }
        if let sites = settings.sites { self.experiment.shape.sites = sites }
        if let latency = settings.siteLatency { self.experiment.shape.siteLatency = latency }
        if let racks = settings.racks { self.experiment.shape.racks = racks }
        if let latency = settings.rackLatency { self.experiment.shape.rackLatency = latency }
        if let percent = settings.dirtyPercent { self.experiment.shape.dirtyPercentMax = percent }
        if let rate = settings.hostDiskMiBPerSecond { self.experiment.shape.capacity.diskKiBPerSecond = rate * 1_024 }
        if let rate = settings.hostNetworkMiBPerSecond {
            self.experiment.shape.capacity.networkKiBPerSecond = rate * 1_024
        }
        if let nodes = settings.partitionMin { self.experiment.partitionNodesMin = nodes }
        if let percent = settings.triggerPercent { self.experiment.triggerPercent = percent }
        if let looks = settings.triggerHold { self.experiment.triggerHold = looks }
        if let percent = settings.demandPersistencePercent { self.experiment.demandPersistencePercent = percent }
        if let percent = settings.underloadPercent { self.experiment.underloadPercent = percent }
        if let churn = settings.churn {
            var chosen = self.experiment.churn ?? Churn()
            chosen.uptime = churn.uptime ?? chosen.uptime
            chosen.downtime = churn.downtime ?? chosen.downtime
            self.experiment.churn = chosen
        }
    }

    private func check() throws(OperatorFailure) {
        let experiment = self.experiment
        if experiment.churn != nil, experiment.algorithm != .dvms, experiment.algorithm != .none {
            throw OperatorFailure(
                .badInput,
                "agents come and go under --algorithm dvms only: the central scheduler is modelled as one that never fails"
            )
        }
        guard experiment.shape.sites <= experiment.shape.nodes else {
            throw OperatorFailure(
                .badInput, "\(experiment.shape.sites) sites are more than \(experiment.shape.nodes) nodes")
        }
        guard experiment.shape.sites * experiment.shape.racks <= experiment.shape.nodes else {
            throw OperatorFailure(
                .badInput,
                "\(experiment.shape.racks) racks at each of \(experiment.shape.sites) sites are more than"
                    + " \(experiment.shape.nodes) nodes")
        }
        guard experiment.shape.dirtyPercentMax == 0 || !experiment.load.has(.dirty) else {
            throw OperatorFailure(
                .badInput, "dirty, or --dirty-percent, and load.stepped.dirty both say how fast VMs write to memory")
        }
        guard experiment.shape.dirtyPercentMax % 10 == 0 else {
            throw OperatorFailure(.badInput, "--dirty-percent is 0, 10, … 100")
        }
    }

    private static func profile(_ load: SimulationSettings.Load) throws(OperatorFailure) -> LoadProfile {
        switch load {
        case .stepped(let period, let mean, let deviation, let low, let wave, let shares):
            var settings = SteppedLoad.Settings()
            settings.period = period ?? settings.period
            settings.meanPercent = mean ?? settings.meanPercent
            settings.deviationPercent = deviation ?? settings.deviationPercent
            if let low, let wave { settings.wave = SteppedLoad.Wave(lowPercent: low, period: wave) }
            settings.shares = [
                shares.disk.map { Self.share(.disk, $0) }, shares.network.map { Self.share(.network, $0) },
                shares.dirty.map { Self.share(.dirty, $0) },
            ].compactMap(\.self)
            return .stepped(settings)
        case .redrawn(let interval, let mean, let deviation):
            var settings = RedrawnLoad.Settings()
            settings.interval = interval ?? settings.interval
            settings.meanPercent = mean ?? settings.meanPercent
            settings.deviationPercent = deviation ?? settings.deviationPercent
            return .redrawn(settings)
        case .trace(let file, let interval):
            return .trace(try Self.trace(file, interval ?? .seconds(300)))
        }
    }

    private static func share(_ kind: LoadKind, _ said: SimulationSettings.Share) -> LoadShare {
        var share = LoadShare(kind, mostMiBPerSecond: said.mostMiBPerSecond)
        share.meanPercent = said.meanPercent ?? share.meanPercent
        share.deviationPercent = said.deviationPercent ?? share.deviationPercent
        share.period = said.period
        return share
    }

    private static func trace(_ file: String, _ interval: Duration) throws(OperatorFailure) -> CPUTrace {
        do {
            return try CPUTrace(csv: FileText.read(file), file: file, interval: interval)
        } catch let error as CPUTrace.Unreadable {
            throw OperatorFailure(.badInput, "\(error)")
        } catch {
            throw OperatorFailure(.badInput, "\(file): \(error)")
        }
    }
}

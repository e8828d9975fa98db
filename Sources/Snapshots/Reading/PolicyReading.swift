import Basis
import Placement

extension SnapshotReader {
    func policy(_ value: JSONValue, hasDraining: Bool, _ reading: inout DocumentReading) -> SnapshotPolicy? {
        guard let object = reading.object(value, .policy) else { return nil }
        let name = reading.field(object, "name") { reading, value in
            reading.word(value, of: SnapshotPolicy.Name.allCases.map(\.rawValue), what: "policy")
                .flatMap(SnapshotPolicy.Name.init(rawValue:))
        }
        let percents = LoadThresholds.overloadPercentRange
        let policy = SnapshotPolicy(
            name ?? .repair,
            overloadPercent: reading.field(object, "overload_percent") { $0.integer($1, in: percents) } ?? 100,
            targetPercent: reading.field(object, "target_percent") { $0.integer($1, in: percents) } ?? 100,
            underloadPercent: reading.field(object, "underload_percent") {
                $0.integer($1, in: 0...percents.upperBound)
            } ?? 0,
            node: reading.field(object, "node") { self.knownNode($1, &$0) },
            movesMax: reading.field(object, "moves_max") { $0.integer($1, in: 0...PlacementProblem.vmsMax) },
            memoryMiBMax: reading.field(object, "memory_mib_max") {
                $0.integer($1, in: 0...PlacementProblem.memoryMiBMax)
            },
            gainMinPermille: reading.field(object, "gain_min_permille") { $0.integer($1, in: 0...1_000_000) },
            flightCaps: self.flightCaps(object, &reading),
            weights: reading.field(object, "weights") { Self.weights($1, &$0) } ?? .transferTime,
            demandPersistencePercent: reading.field(object, "demand_persistence_percent") {
                $0.integer($1, in: PlacementProblem.demandPersistenceRange)
            } ?? 100)
        if let name { self.check(policy, object, value, name, hasDraining, &reading) }
        return policy
    }

    private func flightCaps(_ object: JSONObject, _ reading: inout DocumentReading) -> FlightCaps? {
        let perNodeIn = reading.field(object, "flights_in_max") { $0.integer($1, in: FlightCaps.range) }
        let perNodeOut = reading.field(object, "flights_out_max") { $0.integer($1, in: FlightCaps.range) }
        guard perNodeIn != nil || perNodeOut != nil else { return nil }
        return FlightCaps(perNodeIn: perNodeIn ?? 1, perNodeOut: perNodeOut ?? 1)
    }

    private static func weights(_ value: JSONValue, _ reading: inout DocumentReading) -> CostWeights? {
        guard let object = reading.object(value, .weights) else { return nil }
        var weights = CostWeights()
        let percents: [(String, WritableKeyPath<CostWeights, Int>)] = [
            ("memory_percent", \.memoryPercent), ("dirty_percent", \.dirtyPercent), ("link_percent", \.linkPercent),
        ]
        for (key, weight) in percents {
            if let percent = reading.field(object, key, { $0.integer($1, in: CostWeights.percentRange) }) {
                weights[keyPath: weight] = percent
            }
        }
        if let each = reading.field(object, "each_mib", { $0.integer($1, in: CostWeights.eachMiBRange) }) {
            weights.eachMiB = each
        }
        return weights
    }

    /// Reports what contradicts itself, or does not belong to this policy.
    private func check(
        _ policy: SnapshotPolicy, _ object: JSONObject, _ value: JSONValue, _ name: SnapshotPolicy.Name,
        _ hasDraining: Bool, _ reading: inout DocumentReading
    ) {
        if policy.underloadPercent >= policy.overloadPercent {
            reading.report(
                value, "underload at \(policy.underloadPercent) % is not below overload at \(policy.overloadPercent) %")
        }
        if object["target_percent"] != nil, policy.targetPercent > policy.overloadPercent {
            reading.report(
                value, "a target of \(policy.targetPercent) % is above the overload at \(policy.overloadPercent) %")
        }
        if name == .evacuate, object["node"] == nil { reading.report(value, "evacuate needs node") }
        if name == .drain, !hasDraining { reading.report(value, "no node is draining") }
        if name != .evacuate, object["node"] != nil { reading.report(value, "\(name.rawValue) has no node") }
        for key in ObjectFormat.balanceKeys where name != .balance && object[key] != nil {
            reading.report(value, "\(name.rawValue) has no \(key)")
        }
    }
}

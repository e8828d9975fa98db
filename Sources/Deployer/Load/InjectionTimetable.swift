package import Settings
import Basis

/// Who does what when: a profile, made out for the VMs of a fleet. The same profile, fleet and seed give the same.
package struct InjectionTimetable: Hashable, Sendable {
    package let duration: Duration
    /// Of each VM that is ever loaded, in the order of time, each beginning where the one before ends or later. The last
    /// of a VM is idle, and a VM that was never loaded has none.
    package let orders: [String: [LoadOrder]]

    /// More orders than this are not carried out by one machine.
    package static let ordersMax = 1_000_000

    /// All orders, by time and name.
    package var all: [LoadOrder] {
        self.orders.values.joined().sorted { ($0.at, $0.vm) < ($1.at, $1.vm) }
    }

    /// Nobody does anything.
    package static let empty = InjectionTimetable(duration: .zero, orders: [:])

    private init(duration: Duration, orders: [String: [LoadOrder]]) {
        self.duration = duration
        self.orders = orders
    }

    /// - Throws: ``InvalidSettings`` with everything that the profile says of VMs that is not so, or cannot be drawn.
    package init(
        _ profile: InjectionProfile, of fleet: FleetSettings, courses: any LoadCourses
    ) throws(InvalidSettings) {
        let targets = InjectionTargets(fleet)
        var problems: [SettingsProblem] = []
        var seeds = SplitMix64(seed: profile.seed)
        var changes: [String: [LayerChange]] = [:]
        for (layer, phase) in profile.phases.enumerated() {
            // Drawn for every phase, so that none changes because another one does.
            let seed = seeds.next()
            let (vms, found) = targets.vms(of: phase, number: layer, file: profile.file)
            problems += found
            do throws(CourseProblem) {
                try Self.add(phase, layer, vms, seed, courses, to: &changes)
            } catch {
                problems.append(
                    SettingsProblem(
                        file: profile.file, line: phase.line, key: "phases[\(layer)]", text: error.words))
            }
        }
        guard problems.isEmpty else { throw InvalidSettings(problems) }
        self.duration = profile.duration
        self.orders = changes.reduce(into: [:]) { orders, entry in
            let own = Self.orders(of: entry.key, entry.value, until: profile.duration)
            if !own.isEmpty { orders[entry.key] = own }
        }
    }

    // MARK: - Layers

    /// What one phase says of one VM from some time on; nil: nothing any more.
    private struct LayerChange {
        var at: Duration
        var layer: Int
        var says: PartialLoad?
    }

    private struct PartialLoad {
        var cpuPercent: Int?
        var memory: InjectedMemory?
        var diskMiBPerSecond: Int?
        var traffic: InjectedLoad.Traffic?
    }

    private static func add(
        _ phase: InjectionProfile.Phase, _ layer: Int, _ vms: [String], _ seed: UInt64, _ courses: any LoadCourses,
        to changes: inout [String: [LayerChange]]
    ) throws(CourseProblem) {
        guard !vms.isEmpty else { return }
        var steps = vms.indices.map { CourseStep(at: .zero, vm: $0, percent: 0) }
        switch phase.cpu {
        case nil: break
        case .steady(let percent): for index in steps.indices { steps[index].percent = percent }
        case .random(let random):
            // As in the paper's later code all begin at the mean: from zero it takes a period to get there.
            let mean = (random.meanPercent + random.stepPercent / 2) / random.stepPercent * random.stepPercent
            for index in steps.indices { steps[index].percent = min(mean, 100) }
            steps += try courses.steps(
                of: .random(random), vms: vms.count, seed: seed, before: phase.until - phase.from)
        case .trace(let file, let interval):
            steps += try courses.steps(
                of: .trace(file: file, interval: interval), vms: vms.count, seed: seed,
                before: phase.until - phase.from)
        }
        for step in steps {
            let vm = vms[step.vm]
            let says = PartialLoad(
                cpuPercent: phase.cpu == nil ? nil : step.percent, memory: phase.memory,
                diskMiBPerSecond: phase.diskMiBPerSecond,
                // A VM sends nothing to itself.
                traffic: phase.network.flatMap {
                    $0.to == vm ? nil : InjectedLoad.Traffic(to: $0.to, mibPerSecond: $0.mibPerSecond)
                })
            changes[vm, default: []].append(LayerChange(at: phase.from + step.at, layer: layer, says: says))
        }
        for vm in vms { changes[vm, default: []].append(LayerChange(at: phase.until, layer: layer, says: nil)) }
        guard changes.values.reduce(0, { $0 + $1.count }) <= Self.ordersMax else {
            throw CourseProblem(words: "more than \(Self.ordersMax) changes; take fewer VMs or a longer period")
        }
    }

    /// What comes of all layers together: of each thing the last layer that says something.
    private static func orders(of vm: String, _ changes: [LayerChange], until end: Duration) -> [LoadOrder] {
        let sorted = changes.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
        var layers: [Int: PartialLoad] = [:]
        var orders: [LoadOrder] = []
        for (index, (_, change)) in sorted.enumerated() {
            layers[change.layer] = change.says
            if index + 1 < sorted.count, sorted[index + 1].element.at == change.at { continue }
            let load = layers.keys.sorted().reduce(into: InjectedLoad.idle) { load, layer in
                guard let says = layers[layer] else { return }
                load.cpuPercent = says.cpuPercent ?? load.cpuPercent
                load.memory = says.memory ?? load.memory
                load.diskMiBPerSecond = says.diskMiBPerSecond ?? load.diskMiBPerSecond
                load.traffic = says.traffic ?? load.traffic
            }
            guard load != orders.last?.load ?? .idle else { continue }
            if let last = orders.indices.last { orders[last].until = change.at }
            orders.append(LoadOrder(vm: vm, at: change.at, until: end, load: load))
        }
        return orders
    }
}

/// Which VMs a fleet has, for what a profile says of them.
private struct InjectionTargets {
    private let names: [String]
    private let known: Set<String>
    private let byTemplate: [String: [String]]

    init(_ fleet: FleetSettings) {
        let groups = fleet.groups.map { group in
            (template: group.template.name, names: (0..<group.count).map { group.name($0 + 1) })
        }
        self.names = groups.flatMap(\.names)
        self.known = Set(self.names)
        self.byTemplate = Dictionary(groups.map { ($0.template, $0.names) }, uniquingKeysWith: +)
    }

    /// The VMs of a phase in the fleet's order, and what is wrong with it.
    func vms(
        of phase: InjectionProfile.Phase, number: Int, file: String
    ) -> (vms: [String], problems: [SettingsProblem]) {
        var problems: [SettingsProblem] = []
        func report(_ key: String, _ text: String) {
            problems.append(SettingsProblem(file: file, line: phase.line, key: "phases[\(number)].\(key)", text: text))
        }
        var chosen: Set<String> = phase.vms.isEmpty && phase.templates.isEmpty ? self.known : []
        for text in phase.vms {
            do throws(NodeSetProblem) {
                for name in try NodeSet(text).names {
                    if self.known.contains(name) {
                        chosen.insert(name)
                    } else {
                        report("vms", self.unknown("VM", name, self.names))
                    }
                }
            } catch {
                report("vms", error.description)
            }
        }
        for template in phase.templates {
            if let names = self.byTemplate[template] {
                chosen.formUnion(names)
            } else {
                report("templates", self.unknown("template with VMs", template, Array(self.byTemplate.keys)))
            }
        }
        if let to = phase.network?.to, !self.known.contains(to) {
            report("network.to", self.unknown("VM", to, self.names))
        }
        return (self.names.filter(chosen.contains), Array(problems.prefix(InvalidSettings.problemsMax)))
    }

    private func unknown(_ kind: String, _ name: String, _ names: [String]) -> String {
        "the fleet has no \(kind) \(ShellQuote.shown(name))\(NearestName.question(name, among: names))"
    }
}

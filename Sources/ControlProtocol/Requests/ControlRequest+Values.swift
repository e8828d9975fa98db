import Basis

/// Requests to the values of their line, and back.
extension ControlRequest {
    /// - Throws: the first argument that is missing or wrong. Keys that the verb does not have were refused before.
    init(_ verb: ControlVerb, _ arguments: ControlArguments) throws(ControlProblem) {
        switch verb {
        case .version: self = .version
        case .status: self = .status
        case .ring: self = .ring
        case .vms: self = .vms
        case .events: self = .events(try ControlEventQuery(arguments))
        case .inject: self = .inject(try ControlInjection(arguments))
        case .drain: self = .drain
        case .undrain: self = .undrain
        case .pause: self = .pause
        case .resume: self = .resume
        case .apply: self = .apply(isp: try arguments.text(.isp))
        case .adopt: self = .adopt(vm: try arguments.text(.vm), fenced: try arguments.node(.fenced))
        case .explain: self = .explain(try ControlSubject(arguments))
        case .join: self = .join(try ControlSeed(arguments))
        case .leave: self = .leave
        case .cancel: self = .cancel(isp: try arguments.optionalText(.isp))
        case .reload: self = .reload
        }
    }

    package var verb: ControlVerb {
        switch self {
        case .version: .version
        case .status: .status
        case .ring: .ring
        case .vms: .vms
        case .events: .events
        case .inject: .inject
        case .drain: .drain
        case .undrain: .undrain
        case .pause: .pause
        case .resume: .resume
        case .apply: .apply
        case .adopt: .adopt
        case .explain: .explain
        case .join: .join
        case .leave: .leave
        case .cancel: .cancel
        case .reload: .reload
        }
    }

    /// The arguments that stand beside the verb; what has its default is left out.
    var values: [ControlKey: ControlScalar] {
        switch self {
        case .version, .status, .ring, .vms, .drain, .undrain, .pause, .resume, .leave, .reload: [:]
        case .events(let query): query.values
        case .inject(let injection): injection.values
        case .apply(let isp): [.isp: .text(isp)]
        case .adopt(let vm, let fenced): [.vm: .text(vm), .fenced: .text(fenced.name)]
        case .explain(.isp(let isp)): [.isp: .text(isp)]
        case .explain(.vm(let vm)): [.vm: .text(vm)]
        case .join(let seed): seed.values
        case .cancel(let isp): isp.map { [.isp: .text($0)] } ?? [:]
        }
    }
}

extension ControlEventQuery {
    fileprivate init(_ arguments: ControlArguments) throws(ControlProblem) {
        self.init()
        self.after = try arguments.optionalCounter(.after)
        self.limit = try arguments.optionalInteger(.limit, in: 0...ControlLimits.eventsMax) ?? self.limit
        self.follows = try arguments.flag(.follow)
        self.isp = try arguments.optionalText(.isp)
        self.vm = try arguments.optionalText(.vm)
    }

    fileprivate var values: [ControlKey: ControlScalar] {
        var values: [ControlKey: ControlScalar] = [:]
        values[.after] = self.after.map { Int64(exactly: $0).map(ControlScalar.integer) ?? .unsigned($0) }
        if self.limit != ControlLimits.eventsDefault { values[.limit] = .integer(Int64(self.limit)) }
        if self.follows { values[.follow] = .flag(true) }
        values[.isp] = self.isp.map(ControlScalar.text)
        values[.vm] = self.vm.map(ControlScalar.text)
        return values
    }
}

extension ControlInjection {
    private static let words = ["overload", "underload", "demand"]

    fileprivate init(_ arguments: ControlArguments) throws(ControlProblem) {
        let what = try arguments.text(.what)
        switch what {
        case "overload": self = .overload
        case "underload": self = .underload
        case "demand":
            let cpu = try arguments.optionalInteger(.cpuMillicores, in: 0...ControlLimits.cpuMillicoresMax)
            self = .demand(vm: try arguments.text(.vm), cpuMillicores: cpu)
            return
        default:
            let expected = Self.words.joined(separator: ", ")
            throw .wrong(.what, expected: "one of \(expected)", found: ControlScalar.text(what).shown)
        }
        for key in [ControlKey.vm, .cpuMillicores] where arguments.has(key) { throw .excludes("\(what)", key) }
    }

    fileprivate var values: [ControlKey: ControlScalar] {
        switch self {
        case .overload: [.what: .text("overload")]
        case .underload: [.what: .text("underload")]
        case .demand(let vm, let cpu?):
            [.what: .text("demand"), .vm: .text(vm), .cpuMillicores: .integer(Int64(cpu))]
        case .demand(let vm, nil): [.what: .text("demand"), .vm: .text(vm)]
        }
    }
}

extension ControlSubject {
    fileprivate init(_ arguments: ControlArguments) throws(ControlProblem) {
        switch (try arguments.optionalText(.isp), try arguments.optionalText(.vm)) {
        case (let isp?, nil): self = .isp(isp)
        case (nil, let vm?): self = .vm(vm)
        case (.some, .some): throw .excludes("isp", .vm)
        case (nil, nil): throw .missing(.isp, verb: "\(ControlVerb.explain.rawValue) without vm")
        }
    }
}

extension ControlSeed {
    fileprivate init(_ arguments: ControlArguments) throws(ControlProblem) {
        self.init(
            node: try arguments.node(.node), address: try arguments.text(.address),
            site: try arguments.optionalText(.site), rack: try arguments.optionalText(.rack))
    }

    fileprivate var values: [ControlKey: ControlScalar] {
        var values: [ControlKey: ControlScalar] = [.node: .text(self.node.name), .address: .text(self.address)]
        values[.site] = self.site.map(ControlScalar.text)
        values[.rack] = self.rack.map(ControlScalar.text)
        return values
    }
}

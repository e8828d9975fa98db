import Basis
import Crypto

/// Brings a file of this machine to many hosts, most of which get it from each other, and leaves nothing but the file.
package struct FileSpread: Sendable {
    /// A host that is to have the file.
    package struct Recipient: Sendable {
        package var name: String
        package var site: String
        package var target: SSHTarget

        package init(name: String, site: String, target: SSHTarget) {
            self.name = name
            self.site = site
            self.target = target
        }
    }

    /// What came of it on one host.
    package enum Outcome: Sendable {
        /// - Parameter leftBehind: why keys and chunks could not be taken away afterwards; nil: they were.
        case arrived(FileArrival, leftBehind: HostShellFailure?)
        case failed(HostShellFailure)
    }

    private let file: OfferedFile
    private let recipients: [Recipient]
    private let arity: Int?
    private let knownHostsFile: String
    private let window: Int
    private let limit: Duration
    private let shell: @Sendable (Recipient) -> any HostShell

    /// - Parameters:
    ///   - recipients: in the order in which they are served.
    ///   - arity: as of ``SpreadPlan``.
    ///   - knownHostsFile: of this machine; hosts are given of it what they need of each other.
    ///   - window: how many hosts get the file at once.
    ///   - limit: for each host.
    package init(
        _ file: OfferedFile, to recipients: [Recipient], arity: Int?, knownHostsFile: String, window: Int,
        limit: Duration, shell: @escaping @Sendable (Recipient) -> any HostShell
    ) {
        self.file = file
        self.recipients = recipients
        self.arity = arity
        self.knownHostsFile = knownHostsFile
        self.window = window
        self.limit = limit
        self.shell = shell
    }

    /// Hexadecimal digits in ``traceName``.
    private static let traceDigits = 16

    /// What a push leaves on a host for its time is called by where the file is to be, not by what is in it: so the next
    /// push there goes on with what one that was stopped has left, or takes it away, also when the file was made anew.
    private var traceName: String {
        let path = self.file.destination.split(separator: "/").joined(separator: "/")
        let digest = Hexadecimal.text(SHA256.hash(data: Array(path.utf8)))
        return "dvms-push-\(digest.prefix(Self.traceDigits))"
    }

    /// Beside the destination, so that the file only has to be given its name.
    private var folder: String {
        let parent = self.file.destination.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        return "\(parent)/.\(self.traceName)"
    }

    /// Calls `told` once for each host, one call after the other, those that arrived after all have.
    package func run(told: (String, Outcome) async -> Void) async {
        var exchanges: [FileExchange] = []
        do throws(HostShellFailure) {
            for recipient in self.recipients { exchanges.append(try self.exchange(of: recipient)) }
        } catch {
            for recipient in self.recipients { await told(recipient.name, .failed(error)) }
            return
        }
        let arrivals = await self.spread(exchanges)
        await withTaskGroup(of: (Int, HostShellFailure?).self) { group in
            var waiting = exchanges.indices.makeIterator()
            func addNext() {
                guard let index = waiting.next() else { return }
                let exchange = exchanges[index]
                group.addTask {
                    do throws(HostShellFailure) {
                        try await exchange.end(within: self.limit)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            for _ in 0..<self.window { addNext() }
            while let (index, leftBehind) = await group.next() {
                addNext()
                switch arrivals[index] {
                case .success(let arrival):
                    await told(self.recipients[index].name, .arrived(arrival, leftBehind: leftBehind))
                case .failure(let failure):
                    await told(self.recipients[index].name, .failed(failure))
                }
            }
        }
    }

    private func exchange(of recipient: Recipient) throws(HostShellFailure) -> FileExchange {
        try FileExchange(
            shell: self.shell(recipient),
            place: FileExchange.Place(
                folder: self.folder, mark: "\(self.traceName):",
                entrance: .init(target: recipient.target, knownHostsFile: self.knownHostsFile)))
    }

    private func spread(_ exchanges: [FileExchange]) async -> [Result<FileArrival, HostShellFailure>] {
        var plan = SpreadPlan(arity: self.arity)
        return await withTaskGroup(of: (Int, Result<FileArrival, HostShellFailure>).self) { group in
            var results = [Result<FileArrival, HostShellFailure>](
                repeating: .failure(.cancelled), count: exchanges.count)
            var waiting = exchanges.indices.makeIterator()
            func addNext() {
                guard let index = waiting.next() else { return }
                let places = plan.join(Self.id(index), site: self.recipients[index].site)
                let sources = places.compactMap(Self.index).map { self.source(exchanges[$0], $0) }
                let exchange = exchanges[index]
                group.addTask {
                    do throws(HostShellFailure) {
                        return (
                            index,
                            .success(
                                try await exchange.obtain(
                                    self.file, as: Self.id(index).name, from: sources, within: self.limit))
                        )
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for _ in 0..<self.window { addNext() }
            while let (index, result) = await group.next() {
                results[index] = result
                if case .failure = result { plan.leave(Self.id(index)) }
                addNext()
            }
            return results
        }
    }

    private func source(_ exchange: FileExchange, _ index: Int) -> ExchangeSource {
        ExchangeSource(name: self.recipients[index].name) { reader in
            do throws(HostShellFailure) {
                return .success(try await exchange.admit(reader, to: self.file, within: Self.admissionLimit))
            } catch {
                return .failure(ExchangeRefusal(why: error.description))
            }
        }
    }

    private static let admissionLimit = Duration.seconds(20)

    /// Hosts are numbered for each other: their names may be longer than an id.
    private static func id(_ index: Int) -> NodeID {
        guard let id = NodeID("n\(index)") else { preconditionFailure("a letter and digits are an id") }
        return id
    }

    private static func index(_ id: NodeID) -> Int? { Int(id.name.dropFirst()) }
}

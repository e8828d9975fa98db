import ArgumentParser
import Basis
import Certificates
import Foundation

struct CertificateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Make the certificates with which agents know each other. No daemon is needed.",
        subcommands: [Initialise.self, Issue.self])

    func run() throws {
        throw ValidationError("say what: init or issue")
    }

    struct Initialise: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init", abstract: "Make the certificate authority of a cluster: ca.pem and ca.key.",
            discussion: """
                Whoever has ca.key can name himself any node. It is needed to issue certificates and by nothing else: \
                keep it off the nodes.
                """)

        @Option(name: .customLong("in"), help: ArgumentHelp("The folder for it, made if missing.", valueName: "dir"))
        var directory: String

        @Option(
            help: ArgumentHelp("The name of the cluster, for people who look at the certificate.", valueName: "name"))
        var cluster = "cluster"

        @Option(help: ArgumentHelp("For how many days it is valid.", valueName: "days"))
        var days = 3_650

        func run() throws {
            do throws(CertificateAuthorityError) {
                _ = try CertificateAuthority.create(in: self.directory, cluster: self.cluster, days: self.days)
            } catch {
                throw OperatorFailure(error)
            }
            try Console.write(
                """
                made \(self.directory)/\(CertificateAuthority.certificateFile), for every node
                made \(self.directory)/\(CertificateAuthority.keyFile), secret: for `dvms cert issue` only
                """)
        }
    }

    struct Issue: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the certificates and keys of nodes: NODE.pem and NODE.key.")

        @Argument(help: ArgumentHelp("The ids of the nodes.", valueName: "node"), transform: ArgumentText.node)
        var nodes: [NodeID]

        @Option(name: .customLong("in"), help: ArgumentHelp("The folder with ca.pem and ca.key.", valueName: "dir"))
        var directory: String

        @Option(
            name: .customLong("host"), parsing: .singleValue,
            help: ArgumentHelp(
                "A further host name or IP address of the node, as for libvirt. May be repeated.", valueName: "host"))
        var hosts: [String] = []

        @Option(help: ArgumentHelp("For how many days they are valid.", valueName: "days"))
        var days = 365

        @Flag(help: "Replace certificates that there are, as before they expire.")
        var renew = false

        func validate() throws {
            guard self.hosts.isEmpty || self.nodes.count == 1 else {
                throw ValidationError("--host goes with one node at a time")
            }
        }

        func run() throws {
            do throws(CertificateAuthorityError) {
                let authority = try CertificateAuthority.load(from: self.directory)
                for node in self.nodes {
                    let certificate = try authority.issue(node: node.name, alsoFor: self.hosts, days: self.days)
                    try certificate.write(to: self.directory, overwrite: self.renew)
                }
            } catch {
                throw OperatorFailure(error)
            }
            let made = self.nodes.map { "made \(self.directory)/\($0).pem and \($0).key, for that node alone" }
            try Console.write(made.joined(separator: "\n"))
        }
    }
}

extension OperatorFailure {
    fileprivate init(_ error: CertificateAuthorityError) {
        switch error {
        case .notANodeName, .notAHostName, .validityOutOfRange, .outlivesAuthority: self.init(.badInput, "\(error)")
        case .exists: self.init(.failed, "\(error)")
        case .missing:
            self.init(.failed, "\(error); `dvms cert init` makes an authority")
        case .unreadable, .unwritable, .malformed, .keyMismatch, .notAnAuthority, .notIssued:
            self.init(.failed, "\(error)")
        }
    }
}

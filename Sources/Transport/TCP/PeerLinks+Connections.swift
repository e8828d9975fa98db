import Basis
import Logging
import NIOCore
import NIOPosix
import NIOSSL

// A connection from dial or accept to its end.
extension PeerLinks {
    // MARK: Opening

    /// Builds the handlers of a channel that has been accepted (`meant` nil) or is being dialled.
    func prepare(_ channel: any Channel, meant: NodeID?) throws {
        guard self.connections.count < self.settings.connectionsMax, !self.isClosing else {
            self.log.warning(
                "connection refused: too many are open", metadata: ["limit": "\(self.settings.connectionsMax)"])
            throw TransportError.limitReached(limit: "connectionsMax", value: self.connections.count)
        }
        if let contexts {
            if meant == nil {
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: contexts.server))
            } else {
                // No server name: node names are no host names, and the name is compared after the handshake.
                let handler = try NIOSSLClientHandler(context: contexts.client, serverHostname: nil)
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }
        try channel.pipeline.syncOperations.addHandler(Connection(links: self, meant: meant))
    }

    /// Starts to dial `node`, unless it is known at once that this cannot succeed.
    ///
    /// It may have failed when this returns; `Link.isDialling` says so.
    func dial(_ node: NodeID) throws(TransportError) {
        guard let address = self.addresses.address(of: node) else {
            throw .unreachable(reason: "no address of \(node) is known")
        }
        guard self.connections.count < self.settings.connectionsMax else {
            throw .limitReached(limit: "connectionsMax", value: self.connections.count)
        }
        if let socketAddress = try? SocketAddress(ipAddress: address.host, port: Int(address.port)),
            !self.permits(socketAddress)
        {
            throw .unreachable(
                reason: "\(address) is no loopback address, and without TLS and insecure only those are dialled")
        }
        self.link(to: node).isDialling = true
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(TimeAmount(self.settings.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.prepare(channel, meant: node) }
            }
            .connect(host: address.host, port: Int(address.port))
            .whenFailure { error in
                bound.value.dialFailed(node, "\(address): \(FailureText.of(error))")
            }
    }

    /// Whether bytes may flow to or from `address` in the clear; with TLS always.
    func permits(_ address: SocketAddress?) -> Bool {
        self.isEncrypted || self.settings.insecure || address?.isLoopback ?? false
    }

    func opened(_ connection: Connection) {
        self.connections[ObjectIdentifier(connection)] = connection
    }

    private func dialFailed(_ node: NodeID, _ reason: String) {
        self.statistics.dialsFailed += 1
        guard let link = self.links[node] else { return }
        let isFirst = link.backoff.notBefore == nil
        self.log.log(
            level: isFirst ? .warning : .debug, "dial failed", metadata: ["peer": "\(node)", "reason": "\(reason)"])
        link.isDialling = false
        link.backoff.failed(reason, at: self.time.now, settings: self.settings, using: &self.random)
        let waiting = link.waiting
        link.waiting = []
        for frame in waiting {
            guard let call = self.calls.remove(frame.correlation) else { continue }
            self.end(call, frame.correlation, .failure(.unreachable(reason: reason)))
        }
        self.forgetLinkIfUnknown(node)
    }

    // MARK: Hello

    /// Decides on a peer's hello: which connection to that peer stays, or why this one does not.
    func greeted(by hello: Hello, on connection: Connection) {
        guard !self.isClosing else { return connection.close("this node is shutting down") }
        let names = connection.certificateNames
        if let refusal = self.hello.refusal(of: hello, meant: connection.meant, certificateNames: names) {
            return self.refuse(connection, refusal)
        }
        let peer = hello.identity
        let verdict = self.links[peer.node]?.current.flatMap { old in
            old.peer.map { oldPeer in
                DuplicateVerdict(
                    old: .init(peerBoot: oldPeer.boot, dialledByUs: old.meant != nil),
                    new: .init(peerBoot: peer.boot, dialledByUs: connection.meant != nil),
                    local: self.localNode, peer: peer.node)
            }
        }
        guard verdict != .refuseNew else {
            return self.refuse(connection, .duplicateID(node: peer.node, boot: peer.boot))
        }
        connection.establish(peer)
        self.statistics.connections += 1
        self.log.debug(
            "connected",
            metadata: ["peer": "\(connection.remote)", "boot": "\(peer.boot)", "dialled": "\(connection.meant != nil)"])
        let link = self.link(to: peer.node)
        let old = link.current
        if connection.meant != nil {
            link.isDialling = false
        }
        if verdict != .retireNew {
            link.current = connection
        }
        switch verdict {
        case nil, .refuseNew: break
        case .dropOld: old?.close("\(peer.node) has started anew (boot \(peer.boot))")
        case .retireOld: old.map(self.retire)
        case .retireNew: self.retire(connection)
        }
        self.sendWaiting(to: peer.node)
    }

    private func refuse(_ connection: Connection, _ refusal: HelloRefusal) {
        self.log.error(
            "connection refused",
            metadata: ["peer": "\(connection.remote)", "reason": "\(refusal)"])
        self.statistics.refusalsSent += 1
        connection.refuse(refusal)
    }

    private func sendWaiting(to node: NodeID) {
        guard let link = self.links[node], let connection = link.current else { return }
        let waiting = link.waiting
        link.waiting = []
        for frame in waiting {
            // Nobody waits any more for a call that ran out or was cancelled meanwhile.
            guard frame.correlation != 0 else {
                connection.send(frame)
                continue
            }
            guard self.calls.assign(frame.correlation, to: connection) else { continue }
            connection.callsInFlight += 1
            connection.send(frame)
        }
    }

    // MARK: Ending

    /// The peer has accepted us and talks: what went wrong before is forgotten.
    func proven(_ connection: Connection) {
        guard let node = connection.peerNode else { return }
        self.links[node]?.backoff.succeeded()
    }

    /// Starts nothing new on `connection`.
    func retire(_ connection: Connection) {
        connection.isRetiring = true
        if let node = connection.peerNode, self.links[node]?.current === connection {
            self.links[node]?.current = nil
        }
        self.settle(connection)
    }

    /// Starts nothing new on a connection to `node`, and forgets that it could not be reached.
    func forget(_ node: NodeID) {
        guard let link = self.links[node] else { return }
        if let connection = link.current { self.retire(connection) }
        link.backoff.succeeded()
        if link.isForgettable { self.forgetLink(to: node) }
    }

    /// How long not to dial a node is not kept where nobody says any more how it would be dialled.
    private func forgetLinkIfUnknown(_ node: NodeID) {
        guard let link = self.links[node], link.current == nil, !link.isDialling,
            self.addresses.address(of: node) == nil
        else { return }
        self.forgetLink(to: node)
    }

    /// Takes the next step to the end of a connection that is to end: goodbye when nothing of this side is under way,
    /// close when the peer has said it too and has its answers. Neither side loses a request by it.
    func settle(_ connection: Connection) {
        guard connection.isRetiring || self.isClosing else { return }
        if connection.callsInFlight == 0 {
            connection.sendGoodbye()
        }
        guard connection.serving == 0 else { return }
        if self.isClosing {
            connection.close("this node is shutting down")
        } else if connection.goodbyeSent, connection.goodbyeReceived {
            connection.close("both sides said goodbye")
        }
    }

    /// Fails what was under way on a connection that ends, and makes room for the next.
    func lost(_ connection: Connection) {
        let reason = connection.endReason ?? "unknown"
        self.log.debug("disconnected", metadata: ["peer": "\(connection.remote)", "reason": "\(reason)"])
        let node = connection.peerNode
        let wasCurrent = node.map { self.links[$0]?.current === connection } ?? false
        if let node, wasCurrent {
            self.links[node]?.current = nil
            if !connection.isProven, connection.meant != nil {
                self.links[node]?.backoff.failed(
                    reason, at: self.time.now, settings: self.settings, using: &self.random)
            }
            if self.links[node]?.isForgettable ?? false {
                self.forgetLink(to: node)
            }
            self.forgetLinkIfUnknown(node)
        }
        for (correlation, call) in self.calls.removeAll(where: { $0.connection === connection }) {
            self.end(call, correlation, .failure(connection.isRefused ? .unreachable(reason: reason) : .connectionLost))
        }
        guard node == nil else { return }
        if let meant = connection.meant {
            self.dialFailed(meant, "\(connection.remote): \(reason)")
        } else if !self.isClosing, !connection.isRefused {
            self.log.warning(
                "connection ended before its hello",
                metadata: ["peer": "\(connection.remote)", "reason": "\(reason)"])
        }
    }

    func closed(_ connection: Connection) {
        self.connections[ObjectIdentifier(connection)] = nil
        self.announceIfAllClosed()
    }
}

extension SocketAddress {
    /// Whether it is of 127.0.0.0/8 or ::1: such bytes never leave the machine.
    var isLoopback: Bool {
        guard let address = self.ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }
}

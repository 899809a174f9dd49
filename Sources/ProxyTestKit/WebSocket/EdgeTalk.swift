import NIOCore

/// One connection to a WebSocket edge, from accept to end.
struct EdgeTalk: Sendable {
    let stream: ByteStream
    let connection: EdgeConnection
    let desk: EdgeDesk
    let dataCenter: DataCenterDesk
    let service: @Sendable (HTTPRequest) -> EdgeService

    /// Largest message for a data center: the largest packet and its framing.
    private static let maximumPacketMessage = 17 << 20
    /// Largest message that Cloudflare passes to a Worker (observed: 1 MiB).
    private static let maximumTunnelMessage = 1 << 20

    /// Thrown when a behaviour ended the connection on purpose.
    private struct Done: Error {}

    func run() async {
        var behaviour = desk.admit(connection)
        do {
            try await play(&behaviour)
        } catch is Done {
        } catch {
            connection.update { $0.failure = String(describing: error) }
        }
        connection.update { $0.isOver = true }
    }

    private func play(_ behaviour: inout EdgeBehaviour) async throws {
        try await pass(.tcp, behaviour)
        try await handshake(&behaviour)
        var reader = HTTPReader(stream)
        guard let request = try await reader.nextRequest() else { return }
        connection.update { $0.request = request }
        if let own = desk.behaviour(forHost: request["Host"]) { behaviour = own }
        try await pass(.upgrade, behaviour)
        guard let (key, service) = try await examine(request, behaviour) else { return }
        if reader.buffer.readableBytes > 0 { desk.note("bytes behind the upgrade request, before its answer") }
        try await accept(request, key: key, behaviour: behaviour, early: reader.buffer, service: service)
    }

    // MARK: Stages

    private func pass(_ stage: EdgeStage, _ behaviour: EdgeBehaviour) async throws {
        switch behaviour {
        case .hang(stage):
            try await stream.waitUntilEnded()
            throw Done()
        case .reset(stage):
            await stream.reset()
            throw Done()
        case .close(stage):
            try await stream.halfClose()
            try await stream.waitUntilEnded(within: .seconds(5))
            throw Done()
        case .delay(stage, let time):
            try await Task.sleep(for: time)
        default: break
        }
    }

    private func handshake(_ behaviour: inout EdgeBehaviour) async throws {
        guard let context = desk.context else { return }
        let pending = try await stream.awaitClientHello()
        connection.update { $0.serverName = pending.serverName }
        if let own = desk.behaviour(forHost: pending.serverName) { behaviour = own }
        try await pass(.tls, behaviour)
        try await stream.secure(pending, with: context)
        connection.update { $0.isSecured = true }
    }

    // MARK: The upgrade

    /// The key of a correct upgrade request that is to be accepted; nil when it was answered otherwise.
    private func examine(
        _ request: HTTPRequest,
        _ behaviour: EdgeBehaviour
    ) async throws -> (key: String, service: EdgeService)? {
        switch behaviour {
        case .status(let code, let fields):
            try await refuse(code, fields, "")
            return nil
        case .answer(let bytes):
            try await stream.write(bytes)
            return nil
        default: break
        }
        let service = service(request)
        if case .refusal(let code, let fields, let text) = service {
            try await refuse(code, fields, text)
            return nil
        }
        guard let key = request["Sec-WebSocket-Key"], complaints(about: request).isEmpty else {
            for complaint in complaints(about: request) { desk.note(complaint) }
            try await refuse(400, [], "Bad upgrade")
            return nil
        }
        return (key, service)
    }

    private func refuse(_ code: Int, _ fields: [HTTPField], _ text: String) async throws {
        connection.update { $0.status = code }
        try await stream.writeResponse(code, fields: fields, body: Array(text.utf8))
        try await stream.halfClose()
    }

    private func complaints(about request: HTTPRequest) -> [String] {
        var complaints: [String] = []
        func expect(_ holds: Bool, _ what: String) {
            if !holds { complaints.append("upgrade request: \(what)") }
        }
        let key = request["Sec-WebSocket-Key"] ?? ""
        expect(request.method == "GET" && request.version == "HTTP/1.1", "\(request.method) \(request.version)")
        expect(request["Upgrade"]?.lowercased() == "websocket", "Upgrade is \(request["Upgrade"] ?? "missing")")
        let options = (request["Connection"] ?? "").lowercased().split(separator: ",").map(\.trimmingBlanks)
        expect(options.contains("upgrade"), "Connection is \(request["Connection"] ?? "missing")")
        expect(request["Sec-WebSocket-Version"] == "13", "version \(request["Sec-WebSocket-Version"] ?? "missing")")
        expect(base64Decoded(key)?.count == 16, "key '\(key)' is not 16 bytes in base64")
        expect(request["Host"]?.isEmpty == false, "no Host")
        let names = request.fields.map { $0.name.lowercased() }
        expect(Set(names).count == names.count, "a header twice: \(names)")
        return complaints
    }

    private func accept(
        _ request: HTTPRequest,
        key: String,
        behaviour: EdgeBehaviour,
        early: ByteBuffer,
        service: EdgeService
    ) async throws {
        var fields = [HTTPField("Upgrade", "websocket"), HTTPField("Connection", "Upgrade")]
        switch behaviour {
        case .badAccept: fields.append(HTTPField("Sec-WebSocket-Accept", webSocketAccept(for: key + "x")))
        case .missingAccept: break
        default: fields.append(HTTPField("Sec-WebSocket-Accept", webSocketAccept(for: key)))
        }
        if let asked = request["Sec-WebSocket-Protocol"] { fields.append(HTTPField("Sec-WebSocket-Protocol", asked)) }
        let style = desk.style
        let webSocket = WebSocketServerStream(
            stream: stream,
            early: early,
            connection: connection,
            host: request["Host"] ?? "",
            style: style,
            keepsMessages: service == .dataCenter,
            maximumMessage: service == .dataCenter ? Self.maximumPacketMessage : Self.maximumTunnelMessage,
            note: { [desk] in desk.note($0) }
        )
        connection.set(webSocket)
        if style.pingsWithUpgrade {
            let head = stream.responseHead(101, "Switching Protocols", fields)
            try await webSocket.ping(Array("at once".utf8), behind: head)
        } else {
            try await stream.writeResponse(101, "Switching Protocols", fields: fields)
        }
        connection.update { $0.status = 101 }
        try await pass(.established, behaviour)
        try await serve(webSocket, behaviour, service)
    }

    // MARK: Behind the upgrade

    private func serve(
        _ webSocket: WebSocketServerStream,
        _ behaviour: EdgeBehaviour,
        _ service: EdgeService
    ) async throws {
        switch service {
        case .dataCenter:
            if case .serve(let inner) = behaviour {
                await dataCenter.serve(webSocket, as: inner)
            } else {
                await dataCenter.serve(webSocket)
            }
            try? await webSocket.finishWriting()
            // What the client still sends, its close frame above all, is read so that the end is a FIN.
            while try await webSocket.readChunk() != nil {}
        case .tunnel(let port):
            try await tunnel(webSocket, to: port)
        case .refusal: break
        }
    }

    /// A Worker's tunnel: messages to TCP bytes, each TCP read to one message.
    private func tunnel(_ webSocket: WebSocketServerStream, to port: Int) async throws {
        guard let tcp = try? await ByteStream.connect(port: port) else { return try await webSocket.finish(code: nil) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while let message = try await webSocket.readChunk() { try await tcp.write(message) }
                await tcp.close()
            }
            group.addTask {
                while let bytes = try? await tcp.read(upTo: 1 << 16) { try await webSocket.writeChunk(bytes) }
                try await webSocket.finish(code: nil)
            }
            do {
                try await group.waitForAll()
            } catch {
                tcp.closeSocket()
                throw error
            }
        }
        tcp.closeSocket()
    }
}

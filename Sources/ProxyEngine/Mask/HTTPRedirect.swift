import NIOCore

/// The answer to a plain HTTP request where the operator chose a redirect over the pipe.
enum HTTPRedirect {
    /// 301 to the mask host's site, byte for byte what tg-ws-proxy answers.
    static func answer(toHost host: String) -> ByteBuffer {
        ByteBuffer(
            string: "HTTP/1.1 301 Moved Permanently\r\nLocation: https://\(host)/\r\n"
                + "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }
}

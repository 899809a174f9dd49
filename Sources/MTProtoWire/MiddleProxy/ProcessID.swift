package import NIOCore

/// Who speaks on one end of a link: not checked by anybody, but echoed.
///
/// Shape: address (`UInt32`, the IPv4 number), port (`UInt16`), process id (`UInt16`), start time (`UInt32`, Unix
/// seconds); 12 bytes, all little endian.
package struct ProcessID: Hashable, Sendable {
    package static let length = 12

    /// The IPv4 number, most significant byte first: `0x7F00_0001` is 127.0.0.1; 0 when there is none.
    package var ip: UInt32
    package var port: UInt16
    /// The low 16 bits of the process id.
    package var pid: UInt16
    /// Unix time of the process's start, seconds.
    package var startTime: UInt32

    package init(ip: UInt32, port: UInt16, pid: UInt16, startTime: UInt32) {
        self.ip = ip
        self.port = port
        self.pid = pid
        self.startTime = startTime
    }

    /// How a proxy names the middle proxy that it connects to: by the address, which stays 0 for 127.0.0.1 and IPv6,
    /// and the port.
    package init(remote: Endpoint) {
        let v4 = remote.address.v4 ?? 0
        self.init(ip: v4 == 0x7f00_0001 ? 0 : v4, port: remote.port, pid: 0, startTime: 0)
    }

    /// Reads 12 bytes; nil, and nothing read, when there are fewer.
    package init?(reading buffer: inout ByteBuffer) {
        guard
            let (ip, port, pid, startTime) = buffer.readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt16, UInt16, UInt32).self)
        else { return nil }
        self.init(ip: ip, port: port, pid: pid, startTime: startTime)
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(ip, port, pid, startTime, endianness: .little)
    }

    /// Whether this is an echo of `original`. A field of 0 says nothing, as Telegram's own proxy takes it.
    package func echoes(_ original: ProcessID) -> Bool {
        (ip == 0 || ip == original.ip) && (port == 0 || port == original.port) && (pid == 0 || pid == original.pid)
            && (startTime == 0 || startTime == original.startTime)
    }
}

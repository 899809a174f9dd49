import Foundation
import ProxyTestKit

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One more address on the loopback interface, for as long as a test needs it.
enum LoopbackAddress {
    #if os(Linux)
        /// CAP_NET_ADMIN of linux/capability.h.
        private static let netAdmin = 12
        /// Of linux/netlink.h and linux/rtnetlink.h.
        private static let routeProtocol: CInt = 0
        private static let newAddress: UInt16 = 20
        private static let deleteAddress: UInt16 = 21
        /// NLM_F_REQUEST, NLM_F_ACK; NLM_F_CREATE and NLM_F_REPLACE when an address is added.
        private static let requestFlags: UInt16 = 0x1 | 0x4
        private static let createFlags: UInt16 = 0x400 | 0x100

        /// Whether this process may add and remove addresses.
        static var canChange: Bool {
            guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
                let capabilities = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
            else { return false }
            return capabilities >> UInt64(netAdmin) & 1 == 1
        }

        /// Adds an IPv4 address, runs `body`, and removes it whatever happens.
        static func with(_ address: [UInt8], _ body: () async throws -> Void) async throws {
            try change(newAddress, flags: requestFlags | createFlags, address)
            do {
                try await body()
            } catch {
                try? change(deleteAddress, flags: requestFlags, address)
                throw error
            }
            try change(deleteAddress, flags: requestFlags, address)
        }

        private static func change(_ kind: UInt16, flags: UInt16, _ address: [UInt8]) throws {
            let descriptor = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), routeProtocol)
            guard descriptor >= 0 else { throw KitError.command("no netlink socket: \(errno)") }
            defer { close(descriptor) }
            let request = message(kind, flags: flags, address)
            guard send(descriptor, request, request.count, 0) == request.count else {
                throw KitError.command("netlink request: \(errno)")
            }
            var answer = [UInt8](repeating: 0, count: 1_024)
            // nlmsghdr (16 bytes), then a negative errno or 0.
            guard recv(descriptor, &answer, answer.count, 0) >= 20 else {
                throw KitError.command("netlink answer: \(errno)")
            }
            let code = answer[16..<20].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard code == 0 else { throw KitError.command("address not changed: \(Int32(bitPattern: code))") }
        }

        /// nlmsghdr, ifaddrmsg (AF_INET, /32, host scope), and the attributes IFA_LOCAL and IFA_ADDRESS.
        private static func message(_ kind: UInt16, flags: UInt16, _ address: [UInt8]) -> [UInt8] {
            var body: [UInt8] = [UInt8(AF_INET), 32, 0, 254]
            body += bytes(if_nametoindex("lo"))
            for attribute: UInt16 in [2, 1] { body += bytes(UInt16(8)) + bytes(attribute) + address }
            let head = bytes(UInt32(16 + body.count)) + bytes(kind) + bytes(flags)
            return head + bytes(UInt32(1)) + bytes(UInt32(0)) + body
        }

        /// Memory order: netlink speaks the machine's own.
        private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: value) { Array($0) }
        }
    #else
        static var canChange: Bool { false }

        static func with(_ address: [UInt8], _ body: () async throws -> Void) async throws {
            throw KitError.command("addresses are changed on Linux only")
        }
    #endif
}

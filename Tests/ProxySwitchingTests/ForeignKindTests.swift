import Testing

@testable import ProxySwitching

@Suite struct ForeignKindTests {
    @Test(
        arguments: [
            ("./mtproto-proxy -u nobody -H 443 proxy-multi.conf", .mtproxy),
            ("#!/bin/sh\nexec /opt/bin/mtproto-proxy -H 443 \\\n  x.conf", .mtproxy),
            ("[Service]\nExecStart=/opt/objs/bin/mtproto-proxy -H 443 x.conf", .mtproxy),
            ("-H 443 -S 00 x.conf", .mtproxy),
            ("{\"port\": 1443, \"dc_ip\": []}", .tgWSProxy),
            ("TG_WS_PROXY_PORT=1443\n", .tgWSProxy),
            ("services:\n  p:\n    environment:\n      - TG_WS_PROXY_PORT=1443\n", .tgWSProxy),
            ("tg-ws-proxy --port 1443", .tgWSProxy),
            ("secret = \"ee00\"\nbind-to = \"0.0.0.0:3128\"\n", .mtg),
            ("mtg simple-run 0.0.0.0:3128 7oe1", .mtg),
            ("[general]\nuse_middle_proxy = true\n[access.users]\n", .telemt),
            ("port = 443\n[[secret]]\nkey = \"00\"\n", .teleproxy),
            ("PORT = 443\nUSERS = {}\n", .mtprotoproxy),
            ("# mtg\nport = 1\n", nil),
        ] as [(String, ForeignKind?)])
    func `A text's kind is seen in it`(text: String, kind: ForeignKind?) {
        #expect(ForeignKind.guess(text) == kind)
    }
}

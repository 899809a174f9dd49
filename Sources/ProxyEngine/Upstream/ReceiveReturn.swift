import NIOCore

/// Stands before TLS and gives the loop's receive buffer back once TLS has taken its bytes out, so that the next read
/// finds it again.
final class ReceiveReturn: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let receive: ReceiveBuffer

    init(_ receive: ReceiveBuffer) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        context.fireChannelRead(data)
        receive.giveBack(buffer)
    }
}

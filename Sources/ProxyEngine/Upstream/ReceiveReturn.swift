import NIOCore

/// Stands before TLS. Gives the loop's receive buffer back once TLS has taken its bytes out, so that the next read finds
/// it again; and closes the socket without waiting for the other side's farewell.
final class ReceiveReturn: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let receive: ReceiveBuffer
    private var context: ChannelHandlerContext?

    init(_ receive: ReceiveBuffer) {
        self.receive = receive
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// TLS has said goodbye and would now keep the socket for seconds, until the other side does too.
    func closeSocket() {
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        context.fireChannelRead(data)
        receive.giveBack(buffer)
    }
}

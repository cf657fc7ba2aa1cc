import NIOCore
import VecCore
import VecProtocol

/// Turns bytes from the socket into frames and hands them to the connection. Lives on the event loop alone.
final class FrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var decoder = FrameDecoder(bodyLimit: Limits.frameBodyBytesMax)
  private let connection: Connection

  init(connection: Connection) { self.connection = connection }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).withUnsafeReadableBytes { decoder.push($0) }
    do throws(VecError) {
      while let frame = try decoder.next() { try connection.receive(frame) }
    } catch {
      connection.fail(error)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.fail(TransportError.lost(socketPath: connection.socketPath))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    connection.fail(TransportError.lost(socketPath: connection.socketPath))
  }
}

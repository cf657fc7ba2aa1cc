import Glibc
import Testing
import VecClient
import VecProtocol

@Suite("Connecting")
struct ConnectTests {
  @Test("to a path without a socket is not-reachable, and the message names the path and the way out")
  func nothingThere() async {
    let path = socketPath()
    let error = await failure { _ = try await VecClient.connect(socketPath: path) }
    #expect(error?.code == .notReachable)
    #expect(error?.message.contains(path) == true)
    #expect(error?.message.contains("vecd serve") == true)
  }

  @Test("to the socket file of a dead daemon is not-reachable")
  func staleSocket() async {
    let path = socketPath()
    let daemon = FakeDaemon(path: path) { _, _, _ in }
    daemon.stop()
    #expect(await code { _ = try await VecClient.connect(socketPath: path) } == .notReachable)
    unlink(path)
  }

  @Test("to a path that no socket can have is an invalid argument that names the limit")
  func pathTooLong() async {
    let path = "/tmp/" + String(repeating: "x", count: 103)
    let error = await failure { _ = try await VecClient.connect(socketPath: path) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("107") == true)
    #expect(await code { _ = try await VecClient.connect(socketPath: "") } == .invalidArgument)
    // One byte less is a path like any other.
    #expect(await code { _ = try await VecClient.connect(socketPath: String(path.dropLast())) } == .notReachable)
  }

  @Test("to a daemon of another version is unsupported-version, said by either side")
  func versions() async {
    let refusing = FakeDaemon(
      path: socketPath(), hello: .failure(VecError(.unsupportedVersion, "this daemon speaks 7"))
    ) { _, _, _ in }
    defer { refusing.stop() }
    let error = await failure { _ = try await VecClient.connect(socketPath: refusing.path) }
    #expect(error == VecError(.unsupportedVersion, "this daemon speaks 7"))
    let choosing = FakeDaemon(path: socketPath(), hello: .hello(HandshakeReply(version: 2))) { _, _, _ in }
    defer { choosing.stop() }
    #expect(await code { _ = try await VecClient.connect(socketPath: choosing.path) } == .unsupportedVersion)
  }

  @Test("tells what the daemon said of itself")
  func daemonInfo() async throws {
    let hello = HandshakeReply(daemon: "vecd 9.9.9", inFlightLimit: 3)
    let daemon = FakeDaemon(path: socketPath(), hello: .hello(hello)) { _, _, _ in }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    #expect(client.daemon?.version == "vecd 9.9.9")
    #expect(client.daemon?.inFlightMax == 3)
    #expect(client.daemon?.kMax == 16_384)
  }

  @Test("a closed client ends calls under way and refuses later ones")
  func close() async throws {
    let daemon = FakeDaemon(path: socketPath()) { _, _, _ in }
    defer { daemon.stop() }
    let client = try await VecClient.connect(socketPath: daemon.path)
    async let call = code { try await client.ping() }
    #expect(await eventually { daemon.requestCount(.ping) == 1 })
    client.close()
    #expect(await call == .connectionLost)
    #expect(await code { try await client.ping() } == .connectionLost)
    #expect(daemon.connectionCount == 1)
  }
}

import Glibc
import Testing
import VecCore
import VecProtocol
import VecServer

private typealias Failure = RawClient.Failure

@Suite("Starting and stopping", .serialized)
struct ServerStopTests {
  @Test("stopping answers what was accepted, refuses what is new, rolls back ingests and frees store and socket")
  func gracefulStop() async throws {
    try await withDaemon({
      $0.threads = 1
      // On a machine that is busy with other tests six long searches take their time, and so does the client, whose
      // replies do not all fit the kernel's buffer.
      $0.stopLimitSeconds = 300
      $0.writeTimeoutSeconds = 300
    }) { daemon in
      let (busy, other) = try await blocking { () -> (RawClient, RawClient) in
        let busy = try daemon.client()
        let other = try daemon.client()
        try SampleRows.publish("items", count: 50_000, through: busy)
        _ = try other.must(.ingestBegin(IngestBeginRequest(collection: "items", generation: "half")))
        for _ in 0..<6 { try busy.send(SampleRows.search("items", queries: 500)) }
        while daemon.server.acceptedCount < 6 { usleep(200) }
        return (busy, other)
      }
      async let stopped: Void = daemon.server.stop()
      try await blocking { () throws -> Void in
        while (try? daemon.client()) != nil { usleep(1_000) }  // it has stopped accepting
        #expect(try other.ask(SampleRows.search("items")).code == .shuttingDown)
        #expect(try other.ask(.ping([4])) == .ping([4]))
        #expect(try busy.receive(count: 6).allSatisfy { $0.code == nil })
        #expect(try busy.receive() == nil)
        #expect(try other.receive() == nil)
      }
      await stopped
      #expect(access(daemon.path, F_OK) != 0, "the socket is gone")
      try await reopen(daemon.directory)
    }
  }

  private func reopen(_ directory: String) async throws {
    var options = ServerOptions(storePath: directory + "/store")
    options.socketPath = directory + "/s"
    let again = try Server(options: options, logger: silentLogger)
    try await again.start()
    let path = again.socketPath
    try await blocking {
      let client = try RawClient(path)
      guard case .generations(let all, _) = try client.must(.generations(GenerationsRequest(collection: "items"))) else {
        throw Failure(description: "no generations")
      }
      #expect(all.map(\.label) == ["g1"], "the ingest under way left nothing")
      #expect(try client.ask(SampleRows.search("items")).isGood)
    }
    await again.stop()
  }

  @Test("work that outlasts the limit is given up, and stopping ends")
  func stopLimit() async throws {
    try await withDaemon({
      $0.threads = 1
      $0.stopLimitSeconds = 0
    }) { daemon in
      let client = try await blocking { () -> RawClient in
        let client = try daemon.client()
        try SampleRows.publish("items", count: 100_000, through: client)
        for _ in 0..<50 { try client.send(SampleRows.search("items", queries: 2000)) }
        while daemon.server.acceptedCount < 50 { usleep(200) }
        return client
      }
      let start = MonotonicTime.now()
      await daemon.server.stop()
      #expect(MonotonicTime.now() - start < 4_000_000_000)
      try await blocking { while try client.receive() != nil {} }
    }
  }

  @Test("a second daemon is refused on the same store and on the same socket")
  func secondDaemon() async throws {
    try await withDaemon { daemon in
      var options = ServerOptions(storePath: daemon.directory + "/store")
      options.socketPath = daemon.directory + "/other"
      let sameStore = options
      #expect(throws: VecError.self) { _ = try Server(options: sameStore, logger: silentLogger) }
      options = ServerOptions(storePath: daemon.directory + "/store2")
      options.socketPath = daemon.path
      var refusal: VecErrorCode?
      do throws(VecError) { _ = try Server(options: options, logger: silentLogger) } catch { refusal = error.code }
      #expect(refusal == .storeInUse)
      let echo = try await blocking { try daemon.client().ask(.ping([])) }
      #expect(echo == .ping([]))
      #expect(throws: VecError.self) { _ = try StoreCheck.run(storePath: daemon.directory + "/store", kernelTier: nil) }
    }
  }

  @Test("an offline check reads a sound store, finds a flipped byte, and makes no store where there is none")
  func offlineCheck() async throws {
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    #expect(throws: VecError.self) { _ = try StoreCheck.run(storePath: directory, kernelTier: nil) }
    #expect(access(directory + "/manifest.sqlite", F_OK) != 0)
    var options = ServerOptions(storePath: directory + "/store")
    options.socketPath = directory + "/s"
    let server = try Server(options: options, logger: silentLogger)
    try await server.start()
    let path = server.socketPath
    try await blocking { try SampleRows.publish("items", count: 300, through: try RawClient(path)) }
    await server.stop()
    let sound = try StoreCheck.run(storePath: directory + "/store", kernelTier: nil)
    #expect(sound.isSound)
    #expect(sound.report.fileCount > 0)
    try flipByte(in: directory + "/store/segments")
    #expect(try !StoreCheck.run(storePath: directory + "/store", kernelTier: nil).isSound)
  }

  /// In the middle of the first segment.
  private func flipByte(in segments: String) throws {
    guard let listing = opendir(segments) else { throw Failure(description: "no segments") }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard name.hasSuffix(".vseg") else { continue }
      let descriptor = open(segments + "/" + name, O_RDWR)
      defer { close(descriptor) }
      let middle = lseek(descriptor, 0, Int32(SEEK_END)) / 2
      var byte: UInt8 = 0
      pread(descriptor, &byte, 1, middle)
      byte ^= 0x10
      #expect(pwrite(descriptor, &byte, 1, middle) == 1)
      return
    }
    throw Failure(description: "no segment file")
  }
}

extension Reply {
  var code: VecErrorCode? { if case .failure(let error) = self { error.code } else { nil } }
}

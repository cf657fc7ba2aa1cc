import Glibc
import Synchronization
import Testing
import VecCore
import VecEngine
import VecProtocol
import VecServer

private typealias Failure = RawClient.Failure

/// Stands for the engine: remembers what it was given, and can be held up as a sync would.
private final class Store: Sendable {
  private struct State {
    var groups: [[Write]] = []
    var isOpen = true
    var sequence: UInt64 = 0
  }

  private let state = Mutex(State())

  var groups: [[Write]] { state.withLock { $0.groups } }
  func hold() { state.withLock { $0.isOpen = false } }
  func release() { state.withLock { $0.isOpen = true } }

  func commit(_ writes: [Write]) -> [Result<WriteReceipt, VecError>] {
    state.withLock { $0.groups.append(writes) }
    while !state.withLock({ $0.isOpen }) { usleep(500) }
    return writes.map { write in
      guard write.ids != [404] else { return .failure(VecError(.collectionNotFound, "there is no such collection")) }
      let sequence = state.withLock { state in
        state.sequence += 1
        return state.sequence
      }
      return .success(WriteReceipt(generation: "g", sequence: sequence, existing: UInt64(write.ids.count)))
    }
  }
}

extension Write {
  fileprivate var ids: [UInt64] {
    switch self {
    case .upsert(let upsert): upsert.ids
    case .delete(let delete): delete.ids
    }
  }
}

private func upsert(_ ids: [UInt64], dimension: Int = 2) -> Request {
  .upsert(
    UpsertRequest(
      collection: "c", dimension: dimension, ids: ids, vectors: .init(repeating: 1, count: ids.count * dimension)))
}

private func delete(_ ids: [UInt64]) -> Request { .delete(DeleteRequest(collection: "c", ids: ids)) }

@Suite("Writes that are committed together", .serialized)
struct WriteGroupTests {
  private static func wait(_ isTrue: () -> Bool) throws {
    for _ in 0..<20_000 {
      if isTrue() { return }
      usleep(1_000)
    }
    throw Failure(description: "it never came to be")
  }

  @Test("a lone write waits for nobody; what comes while a commit runs is the next group, in its order")
  func groups() async throws {
    let store = Store()
    try await withDaemon(commit: { store.commit($0) }) { daemon in
      try await blocking {
        let client = try daemon.client()
        #expect(try client.must(upsert([1])) == .upsert(WriteReceipt(generation: "g", sequence: 1, existing: 1)))
        try Self.wait { daemon.server.acceptedCount == 0 }
        store.hold()
        try client.send(upsert([2]))
        try Self.wait { store.groups.count == 2 }
        let other = try daemon.client()
        for id in UInt64(10)..<60 { try client.send(id % 2 == 0 ? upsert([id]) : delete([id, id])) }
        try Self.wait { daemon.server.acceptedCount == 51 }
        for id in UInt64(60)..<100 { try other.send(upsert([id])) }
        try Self.wait { daemon.server.acceptedCount == 91 }
        store.release()
        let answers = try client.receive(count: 51)
        #expect(answers.allSatisfy { $0.code == nil })
        let kinds = answers.map(\.reply).map { if case .delete = $0 { "delete" } else { "upsert" } }
        #expect(kinds == ["upsert"] + (10..<60).map { $0 % 2 == 0 ? "upsert" : "delete" })
        _ = try other.receive(count: 40)
        #expect(store.groups.map(\.count) == [1, 1, 90])
        #expect(store.groups[2].map { $0.ids[0] } == Array(10..<100))
        guard case .stats(let json) = try client.must(.stats) else { throw Failure(description: "no stats") }
        #expect(json.contains(#""writes":{"groups":3,"largest_group":90,"writes":92,"rows":67,"deleted_ids":50,"#), "\(json)")
      }
    }
  }

  @Test("a failure of one write is its own; a body that is malformed, or too late, is not in the group")
  func failures() async throws {
    let store = Store()
    try await withDaemon(commit: { store.commit($0) }) { daemon in
      try await blocking {
        let client = try daemon.client()
        store.hold()
        try client.send(upsert([1]), id: 1)
        try Self.wait { store.groups.count == 1 }
        try client.send(upsert([2]), id: 2)
        try client.send(upsert([404]), id: 3)
        try client.send(upsert([3]), id: 4, deadlineMilliseconds: 1)
        client.send(FrameHeader.frame(kind: 18, id: 5, body: [1, 2, 3]))
        try client.send(delete([]), id: 6)
        try client.send(upsert([4]), id: 7)
        try Self.wait { daemon.server.acceptedCount == 7 }
        usleep(5_000)
        store.release()
        let answers = try client.receive(count: 7)
        let codes = Dictionary(uniqueKeysWithValues: answers.map { ($0.requestId, $0.code) })
        #expect(
          codes == [
            1: nil, 2: nil, 3: .collectionNotFound, 4: .deadlineExceeded, 5: .malformedFrame, 6: .invalidArgument, 7: nil,
          ])
        #expect(store.groups[1].map(\.ids) == [[2], [404], [4]])
      }
    }
  }

  @Test("a failure of the disk that all writes of a group have is logged once")
  func loggedOnce() async throws {
    let store = Store()
    let full = VecError(.storageFull, "no space left")
    try await withDaemon(commit: { writes in
      _ = store.commit(writes)
      return writes.map { _ in .failure(full) }
    }) { daemon in
      try await blocking {
        let client = try daemon.client()
        store.hold()
        try client.send(upsert([1]))
        try Self.wait { store.groups.count == 1 }
        for id in UInt64(2)..<30 { try client.send(upsert([id])) }
        try Self.wait { daemon.server.acceptedCount == 29 }
        store.release()
        #expect(try client.receive(count: 29).allSatisfy { $0.code == .storageFull })
        try Self.wait { daemon.log.count("writes failed") == 2 }
        #expect(daemon.log.count("request failed") == 0)
        #expect(try client.ask(.ping([])) == .ping([]), "a full disk does not end the daemon")
      }
    }
  }

  @Test("writes of a connection that has ended are not carried out")
  func ended() async throws {
    let store = Store()
    try await withDaemon(commit: { store.commit($0) }) { daemon in
      try await blocking {
        let client = try daemon.client()
        store.hold()
        try client.send(upsert([1]))
        try Self.wait { store.groups.count == 1 }
        do {
          let leaver = try daemon.client()
          for _ in 0..<5 { try leaver.send(upsert([13])) }
          try Self.wait { daemon.server.acceptedCount == 6 }
        }
        try client.send(upsert([2]))
        try Self.wait { daemon.log.contains("connection closed") }
        store.release()
        _ = try client.receive(count: 2)
        #expect(store.groups.flatMap { $0 }.flatMap(\.ids) == [1, 2])
        try Self.wait { daemon.server.acceptedCount == 0 }
      }
    }
  }

  @Test("other requests about collections keep their place between writes")
  func order() async throws {
    let store = Store()
    try await withDaemon(commit: { store.commit($0) }) { daemon in
      try await blocking {
        let client = try daemon.client()
        store.hold()
        try client.send(upsert([1]), id: 1)
        try Self.wait { store.groups.count == 1 }
        try client.send(upsert([2]), id: 2)
        try client.send(.create(CreateRequest(collection: "c", dimension: 2, metric: .ip)), id: 3)
        try client.send(upsert([3]), id: 4)
        try client.send(upsert([4]), id: 5)
        try Self.wait { daemon.server.acceptedCount == 5 }
        store.release()
        #expect(try client.receive(count: 5).map(\.requestId) == [1, 2, 3, 4, 5])
        #expect(store.groups.map { $0.flatMap(\.ids) } == [[1], [2], [3, 4]])
      }
    }
  }

  @Test("a full queue refuses writes, and what was taken is carried out")
  func overload() async throws {
    let store = Store()
    try await withDaemon({ $0.queueMax = 8 }, commit: { store.commit($0) }) { daemon in
      try await blocking {
        let client = try daemon.client()
        store.hold()
        try client.send(upsert([1]))
        try Self.wait { store.groups.count == 1 }
        for id in UInt64(2)..<22 { try client.send(upsert([id])) }
        let refused = try client.receive(count: 12)
        #expect(refused.allSatisfy { $0.code == .overloaded })
        store.release()
        #expect(try client.receive(count: 9).allSatisfy { $0.code == nil })
        #expect(store.groups.map(\.count) == [1, 8])
      }
    }
  }

  @Test("a group whose outcome is unknown is answered as a whole, and the daemon ends with io-error within two seconds")
  func outcomeUnknown() async throws {
    let unknown = VecError(.outcomeUnknown, "a sync failed")
    let directory = try temporaryDirectory()
    defer { removeTree(directory) }
    var options = ServerOptions(storePath: directory + "/store")
    options.socketPath = directory + "/s"
    let store = Store()
    store.hold()
    let server = try Server(options: options, logger: silentLogger) { writes in
      _ = store.commit(writes)
      return writes.map { _ in .failure(unknown) }
    }
    let running = Task { try await server.run() }
    let path = server.socketPath
    let start = try await blocking {
      var found: RawClient?
      while found == nil { found = try? RawClient(path) }
      let client = try #require(found)
      // All are taken before the first one fails, or the daemon could be gone while the client still sends.
      for id in UInt64(1)..<20 { try client.send(upsert([id])) }
      try Self.wait { server.acceptedCount == 19 }
      let start = MonotonicTime.now()
      store.release()
      var codes: [VecErrorCode?] = []
      while let answer = try client.receive() { codes.append(answer.code) }
      #expect(codes.count == 19)
      #expect(codes.contains(.outcomeUnknown))
      #expect(codes.allSatisfy { $0 == .outcomeUnknown || $0 == .shuttingDown })
      return start
    }
    var end: VecErrorCode?
    do { try await running.value } catch { end = (error as? VecError)?.code }
    #expect(end == .ioError)
    #expect(end?.exitStatus == 74)
    #expect(MonotonicTime.now() - start < 2_000_000_000)
    #expect(access(path, F_OK) != 0, "the socket is gone")
  }
}

extension FrameHeader {
  /// A frame with any body.
  static func frame(kind: UInt16, id: UInt64, body: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    FrameHeader(bodyByteCount: UInt32(body.count), requestId: id, kind: kind).encode(into: &writer)
    return writer.bytes + body
  }
}

import Foundation
import Testing
import VecCore
import VecProtocol

/// A disk that takes no more bytes is an error with a name, not a death: reads go on, and what did not fit is gone.
@Suite(.serialized) struct FullDiskTests {
  @Test("an ingest that does not fit is refused wholly, searches go on, and smaller writes work again")
  func fullDisk() throws {
    let daemon = try DaemonProcess()
    // Files of at most 1 MiB: the spool of a larger ingest cannot be written, and the kernel says so as on a full disk.
    try daemon.start(fileSizeLimit: 1 << 20)
    let client = try #require(daemon.connect())
    try Step.create.run(on: client)
    for step in [Step.ingest(1), .build(1), .publish(1)] { try step.run(on: client) }
    let before = try state(of: client)

    let begin = IngestBeginRequest(collection: CatalogueModel.collection, generation: "big")
    guard case .ingestBegin(let session) = try client.call(.ingestBegin(begin)) else { return }
    let error = #expect(throws: VecError.self) {
      for chunk in 0..<40 {
        let ids = (0..<2_000).map { UInt64(chunk * 2_000 + $0) }
        try client.call(
          .ingestRows(
            IngestRows(
              ingest: session.ingest, dimension: CatalogueModel.dimension, ids: ids,
              elements: .f32([Float](repeating: 0.1, count: ids.count * CatalogueModel.dimension)))))
      }
      try client.call(.ingestCommit(ingest: session.ingest))
    }
    #expect(error?.code == .storageFull, "\(error?.description ?? "no error")")
    #expect(error?.message.contains("\n") == false)

    let after = try state(of: client)
    #expect(after == before, "the refused ingest left something")
    let query = SearchRequest(
      collection: CatalogueModel.collection, k: 5, dimension: CatalogueModel.dimension,
      vectors: CatalogueRow.vector(1, 0))
    guard case .search(let reply) = try client.call(.search(query)) else { return }
    #expect(reply.ids.count == 5)
    for step in [Step.ingest(2), .build(2), .publish(2)] { try step.run(on: client) }
    guard case .verify(let report) = try client.call(.verify(collection: nil)) else { return }
    #expect(report.findings.isEmpty)
  }

  @Test("a change whose log cannot be folded is answered outcome-unknown, stops all writing, and counts at the next start")
  func unfoldable() throws {
    let daemon = try DaemonProcess()
    try daemon.start()
    let first = try #require(daemon.connect())
    for number in 0..<400 { try create(number, on: first) }
    daemon.kill()
    // The log of one small change fits in so many bytes; the manifest's last pages lie beyond them.
    try daemon.start(fileSizeLimit: 40 << 10)
    let limited = try #require(daemon.connect())
    let unknown = #expect(throws: VecError.self) { try create(400, on: limited) }
    #expect(unknown?.code == .outcomeUnknown && unknown?.message.contains("next start") == true, "\(String(describing: unknown))")
    let stopped = #expect(throws: VecError.self) { try create(401, on: limited) }
    #expect(stopped?.code == .ioError && stopped?.message.contains("restart vecd") == true, "\(String(describing: stopped))")
    guard case .list(let served) = try limited.call(.list) else { return }
    #expect(served.count == 400, "reads go on")
    daemon.kill()
    try daemon.start()
    let client = try #require(daemon.connect())
    guard case .list(let found) = try client.call(.list) else { return }
    #expect(found.map(\.name) == (0...400).map(Self.name))
    try create(401, on: client)
  }

  private func create(_ number: Int, on client: WireClient) throws {
    try client.call(.create(CreateRequest(collection: Self.name(number), dimension: 4, metric: .ip)))
  }

  /// As long as names may be, so that the manifest grows; in order of number.
  private static func name(_ number: Int) -> String { "c\(1000 + number)" + String(repeating: "x", count: 59) }

  private func state(of client: WireClient) throws -> [GenerationInfo] {
    let reply = try client.call(.generations(GenerationsRequest(collection: CatalogueModel.collection)))
    guard case .generations(let found, _) = reply else { return [] }
    return found
  }
}

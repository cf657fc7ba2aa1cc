import ArgumentParser
import VecClient
import VecCore
import VecFiles

/// Upserts from the first row of their input to the last, batch after batch; what is written stays, whatever comes then.
struct UpsertRun: Sendable {
  enum Input: Sendable {
    case file(String, ids: String?)
    case row(id: String, vector: [Float])
  }

  let input: Input
  let attributesPath: String?
  let socketPath: String
  let collection: String
  let generation: String?
  let model: String?
  let batchRows: Int

  func execute() async throws -> WriteTally {
    let task = Task { try await transfer() }
    let interrupt = Interrupt(
      cancelling: task, lastWords: "what was written before stays; of the last batch it is not known")
    defer { interrupt.lift() }
    return try await task.value
  }

  private func transfer() async throws -> WriteTally {
    // The input is judged before the daemon is asked, so a wrong file costs nothing.
    let source: (any VectorSource)?
    do throws(VecError) { source = try open() } catch { throw told(error, source: nil, WriteTally()) }
    let client = try await VecClient.connect(socketPath: socketPath)
    let bar = ProgressBar(title: "upsert", unit: "rows")
    var tally = WriteTally()
    defer {
      bar.clear()
      client.close()
    }
    do {
      switch input {
      case .row(let id, let vector):
        var items = try ItemSource(path: attributesPath)
        let kind = try await client.idKind(of: collection)
        let number = try IDList.id(id, of: "--id: ", kind)
        var block = VectorBlock(ids: [number], elements: .f32(vector))
        if kind == .string { block.stringIDs = [id] }
        let records = try await items.records(of: block) { try await attributes(client) }
        try items.finish()
        try await write([number], vector, records, dimension: vector.count, client, &tally)
      case .file:
        guard let source, source.rowCount != 0, let dimension = source.dimension else {
          throw VecError(.malformedFile, "\(source?.name ?? "the input"): holds no rows; an upsert needs at least one")
        }
        try await write(source, dimension: dimension, client, bar, &tally)
      }
    } catch {
      bar.clear()
      throw told(error, source: source?.name, tally)
    }
    tally.seconds = bar.seconds
    return tally
  }

  private func open() throws(VecError) -> (any VectorSource)? {
    guard case .file(let path, let ids) = input else { return nil }
    return try openVectors(path: path, idsPath: ids)
  }

  private func write(
    _ source: any VectorSource, dimension: Int, _ client: VecClient, _ bar: ProgressBar, _ tally: inout WriteTally
  ) async throws {
    let step = max(1, min(batchRows, Limits.upsertBytesMax / (8 + 4 * dimension)))
    var items = try ItemSource(path: attributesPath)
    while let block = try source.nextBlock() {
      let records = try await items.records(of: block) { try await attributes(client) }
      var start = 0
      while start < block.ids.count {
        try Task.checkCancellation()
        let range = Self.batch(from: start, step, block.ids.count, records)
        start = range.upperBound
        let vectors = block.floats((range.lowerBound * dimension)..<(range.upperBound * dimension))
        let own = records.isEmpty ? [] : Array(records[range])
        try await write(Array(block.ids[range]), vectors, own, dimension: dimension, client, &tally)
        bar.show(done: Int(tally.asked), total: source.rowCount)
      }
    }
    try items.finish()
    try Task.checkCancellation()
  }

  private func attributes(_ client: VecClient) async throws -> [AttributeDefinition] {
    try await client.describe(collection: collection).attributes
  }

  /// As many rows as one upsert holds.
  private static func batch(from start: Int, _ step: Int, _ count: Int, _ records: [AttributeRecord]) -> Range<Int> {
    let most = start..<min(start + step, count)
    guard !records.isEmpty else { return most }
    var byteCount = 0
    for row in most {
      byteCount += records[row].byteCount
      if byteCount > Limits.upsertRecordBytesMax, row > start { return start..<row }
    }
    return most
  }

  private func write(
    _ ids: [UInt64], _ vectors: [Float], _ records: [AttributeRecord], dimension: Int, _ client: VecClient,
    _ tally: inout WriteTally
  ) async throws {
    // Later batches go where the first one went, even if another generation is published meanwhile.
    let request = UpsertRequest(
      collection: collection, generation: tally.generation ?? generation, dimension: dimension, ids: ids,
      vectors: vectors, records: records, model: model)
    tally.add(try await client.patiently { client in try await client.upsert(request) }, ids)
  }

  /// What became of the input, at the end of the line that says why.
  private func told(_ error: any Error, source: String?, _ tally: WriteTally) -> any Error {
    let before =
      tally.asked == 0
      ? "nothing was written before" : "the \(Readable.count(tally.asked, "row", "rows")) before were written"
    // Reading that is cancelled ends with deadline-exceeded.
    guard let error = error as? VecError, !(Task.isCancelled && error.code == .deadlineExceeded) else {
      Output.talk("vecctl: interrupted; \(before)")
      return ExitCode(Interrupt.exitStatus)
    }
    guard let source else { return error }
    // The daemon counts the rows of a write; a person those of the file.
    let place =
      tally.asked > 0 && [.valueNotFinite, .normOutOfRange].contains(error.code)
      ? " (counted from row \(tally.asked) of the input)" : ""
    let origin = error.message.hasPrefix(source) ? "" : "\(source): "
    return VecError(error.code, "\(origin)\(error.message)\(place); \(before)")
  }
}

extension VectorBlock {
  /// Some of the values, counted over all rows.
  fileprivate func floats(_ range: Range<Int>) -> [Float] {
    switch elements {
    case .f32(let values): range == values.indices ? values : Array(values[range])
    case .f16(let bits): bits[range].map { Float(Float16(bitPattern: $0)) }
    }
  }
}

import ArgumentParser
import VecClient
import VecCore
import VecFiles

/// One ingest from the first byte of its file to its commit, undone on any error and on Ctrl-C.
struct IngestRun: Sendable {
  let path: String
  let idsPath: String?
  let attributesPath: String?
  let socketPath: String
  let collection: String
  let generation: String?
  let model: String?

  struct Outcome: Sendable {
    var generation: String
    var receipt: IngestReceipt
    var seconds: Double
  }

  func execute() async throws -> Outcome {
    let task = Task { try await transfer() }
    let interrupt = Interrupt(
      cancelling: task, lastWords: "the connection is cut, and vecd rolls back an ingest that was not committed")
    defer { interrupt.lift() }
    return try await task.value
  }

  private func transfer() async throws -> Outcome {
    // The input is judged before the daemon is asked, so a wrong file costs nothing.
    let source = try open()
    let items = try ItemSource(path: attributesPath)
    guard source.rowCount != 0, let dimension = source.dimension else {
      throw VecError(.malformedFile, "\(source.name): holds no rows; an ingest needs at least one")
    }
    let client = try await VecClient.connect(socketPath: socketPath)
    let session = try await client.ingest(collection: collection, generation: generation, model: model)
    let bar = ProgressBar(title: "ingest", unit: "rows")
    defer { bar.clear() }
    do {
      guard dimension == session.dimension else {
        throw VecError(
          .dimensionMismatch,
          "\(source.name): its vectors have \(dimension) dimensions, collection \(collection) has \(session.dimension)")
      }
      try await send(source, items, to: session, client, bar: bar)
      // Not a child of a task that Ctrl-C cancels: once it is sent, only its answer tells what became of the rows.
      let receipt = try await Task { try await session.commit() }.value
      bar.clear()
      client.close()
      return Outcome(generation: session.generation, receipt: receipt, seconds: bar.seconds)
    } catch {
      bar.clear()
      // Not a child of the cancelled task: the abort has to go out, and be answered, before anything is claimed.
      await Task { try? await session.abort() }.value
      client.close()
      throw told(error, source: source.name)
    }
  }

  private func open() throws -> any VectorSource {
    do {
      return try openVectors(path: path, idsPath: idsPath)
    } catch {
      // Standard input that Ctrl-C ended before its first row.
      throw Task.isCancelled ? told(error, source: path == "-" ? "standard input" : path) : error
    }
  }

  private func send(
    _ source: any VectorSource, _ items: ItemSource, to session: IngestSession, _ client: VecClient, bar: ProgressBar
  ) async throws {
    var items = items
    var done = 0
    while let block = try source.nextBlock() {
      try Task.checkCancellation()
      let records = try await items.records(of: block) {
        try await client.describe(collection: collection).attributes
      }
      switch block.elements {
      case .f32(let values): try await session.append(ids: block.ids, vectors: values, records: records)
      case .f16(let bits): try await session.append(ids: block.ids, float16Bits: bits, records: records)
      }
      done += block.ids.count
      bar.show(done: done, total: source.rowCount)
    }
    try items.finish()
    try Task.checkCancellation()
  }

  /// What became of the ingest, at the end of the line that says why.
  private func told(_ error: any Error, source: String) -> any Error {
    // A call that is cancelled ends with deadline-exceeded.
    guard let error = error as? VecError, !(Task.isCancelled && error.code == .deadlineExceeded) else {
      Output.talk("vecctl: interrupted; the ingest of \(source) was rolled back, nothing of it was kept")
      return ExitCode(Interrupt.exitStatus)
    }
    // A lost connection is rolled back by the daemon unless the commit had been reached; only it knows.
    guard error.code != .connectionLost else { return error }
    let origin = error.message.hasPrefix(source) ? "" : "\(source): "
    return VecError(error.code, "\(origin)\(error.message); the ingest was rolled back, nothing of it was kept")
  }
}

public import VecCore
import VecProtocol

extension VecClient {
  /// Begins to write rows into a generation.
  ///
  /// - Parameters:
  ///   - generation: made if it does not exist; nil takes the only building one, or makes a new one.
  ///   - model: version of the model that made the vectors, which the generation must carry; nil says nothing.
  ///   - deadline: the time for each frame and for the commit; nil is none.
  /// - Throws: `generation-state` for a generation that is live or retired, `model-mismatch`, `busy`.
  public func ingest(
    collection: String, generation: String? = nil, model: String? = nil, deadline: Duration? = nil
  ) async throws(VecError) -> IngestSession {
    let request = Request.ingestBegin(
      IngestBeginRequest(collection: collection, generation: generation, model: model))
    try request.check()
    let callDeadline = self.deadline(for: .ingestBegin, deadline)
    let connection = try await link.connection(deadline: callDeadline, attempts: link.options.reconnectAttempts)
    let reply = try await connection.call(request, deadline: callDeadline)
    guard case .ingestBegin(let begun) = reply else { throw Connection.unexpected(reply) }
    return IngestSession(client: self, connection: connection, begun: begun, deadline: deadline)
  }
}

/// Rows on their way into one generation. All of them become durable with `commit`, or none does.
///
/// Frames are sent ahead of their replies, a bounded number of them, so an error may be thrown by a later call than the
/// one that caused it. Any error ends the ingest, and nothing of it remains; so does letting go of the session without
/// a commit, and losing the connection.
public actor IngestSession {
  /// The label of the generation written to.
  public nonisolated let generation: String
  public nonisolated let dimension: Int
  public nonisolated let metric: Metric
  /// Rows that the daemon has checked and written to its unpublished file.
  public private(set) var receivedRowCount: UInt64 = 0

  private let client: VecClient
  private let connection: Connection
  private let ingest: UInt64
  private let deadline: Duration?
  private var window: [PendingReply] = []
  /// Why nothing can be sent any more.
  private var end: VecError?

  init(client: VecClient, connection: Connection, begun: IngestBeginReply, deadline: Duration?) {
    self.client = client
    self.connection = connection
    self.deadline = deadline
    ingest = begun.ingest
    generation = begun.generation
    dimension = begun.dimension
    metric = begun.metric
  }

  deinit {
    if end == nil { _ = try? connection.send(.ingestAbort(ingest: ingest), deadline: nil) }
  }

  /// Sends rows of float32 values: `ids.count * dimension` of them, row after row.
  ///
  /// - Parameter records: attributes and payload of each row, or none at all.
  /// - Throws: `dimension-mismatch` if they are not so many, which sends nothing; else what the daemon found wrong with
  ///   these or earlier rows, e.g. `duplicate-id`, `value-not-finite`.
  public func append(
    ids: [UInt64], vectors: [Float], records: [AttributeRecord] = []
  ) async throws(VecError) {
    try await append(
      IngestRows(ingest: ingest, dimension: dimension, ids: ids, elements: .f32(vectors), records: records))
  }

  /// Sends rows of IEEE binary16 values, given by their bits.
  public func append(
    ids: [UInt64], float16Bits: [UInt16], records: [AttributeRecord] = []
  ) async throws(VecError) {
    try await append(
      IngestRows(ingest: ingest, dimension: dimension, ids: ids, elements: .f16(float16Bits), records: records))
  }

  /// Sends rows of bfloat16 values (the upper halves of binary32), given by their bits.
  public func append(
    ids: [UInt64], bfloat16Bits: [UInt16], records: [AttributeRecord] = []
  ) async throws(VecError) {
    try await append(
      IngestRows(ingest: ingest, dimension: dimension, ids: ids, elements: .bf16(bfloat16Bits), records: records))
  }

  /// Makes all rows durable and ends the ingest.
  ///
  /// - Throws: what the daemon found wrong; `connection-lost` when nobody knows whether it happened (`generations`
  ///   tells: the rows are all there or none is).
  public func commit() async throws(VecError) -> IngestReceipt {
    try await leaveRoom(in: 1)
    if let end { throw end }
    end = VecError(.ingestNotFound, "this ingest has been committed; begin another one")
    let callDeadline = client.deadline(for: .ingestCommit, deadline)
    let reply = try await connection.call(.ingestCommit(ingest: ingest), deadline: callDeadline)
    guard case .ingestCommit(let receipt) = reply else { throw Connection.unexpected(reply) }
    return receipt
  }

  /// Ends the ingest; nothing of it remains. Does nothing when it has ended already.
  public func abort() async throws(VecError) {
    guard end == nil else { return }
    end = VecError(.ingestNotFound, "this ingest has been aborted; begin another one")
    window = []
    let callDeadline = client.deadline(for: .ingestAbort, deadline)
    do throws(VecError) {
      _ = try await connection.call(.ingestAbort(ingest: ingest), deadline: callDeadline)
    } catch {
      // An ingest that failed, or whose connection is gone, has been rolled back: that is what was asked for.
      guard error.code == .ingestNotFound || error.code == .connectionLost else { throw error }
    }
  }

  private func append(_ rows: IngestRows) async throws(VecError) {
    guard rows.elements.count == rows.ids.count * dimension else {
      throw VecError(
        .dimensionMismatch,
        "\(rows.ids.count) ids of dimension \(dimension) need \(rows.ids.count * dimension) values, "
          + "\(rows.elements.count) are given")
    }
    guard rows.records.isEmpty || rows.records.count == rows.ids.count else {
      throw VecError(
        .invalidArgument, "\(rows.ids.count) ids with \(rows.records.count) records: give one for each id, or none")
    }
    for range in frames(of: rows) {
      try await leaveRoom(in: max(1, client.link.options.ingestWindow))
      if let end { throw end }
      let records = ByteWriter.records(rows.records.isEmpty ? [] : rows.records[range])
      let callDeadline = client.deadline(for: .ingestRows, deadline)
      do throws(VecError) {
        let pending = try rows.withView { (view) throws(VecError) in
          try records.withUnsafeBufferPointer { (records) throws(VecError) in
            var part = view.rows(range)
            part.records = UnsafeRawBufferPointer(records)
            return try connection.send(.ingestRows, deadline: callDeadline) { [part] in
              part.encodeFrame(requestId: $0, deadlineMilliseconds: $1)
            }
          }
        }
        window.append(pending)
      } catch { throw fail(error) }
    }
  }

  /// Which rows go together: as many as a frame holds.
  private func frames(of rows: IngestRows) -> [Range<Int>] {
    let rowBytes = 8 + dimension * rows.elements.type.byteCount
    let most = min(client.link.options.ingestFrameBytes, (client.daemon?.frameBodyBytesMax ?? .max) - 64)
    var frames: [Range<Int>] = []
    var start = 0
    var byteCount = 0
    for row in rows.ids.indices {
      let own = rowBytes + (rows.records.isEmpty ? 0 : rows.records[row].byteCount)
      if row > start, byteCount + own > most || row - start == Limits.ingestRowsMax {
        frames.append(start..<row)
        (start, byteCount) = (row, 0)
      }
      byteCount += own
    }
    if start < rows.ids.count { frames.append(start..<rows.ids.count) }
    return frames
  }

  /// Waits until fewer than `size` frames are unanswered.
  private func leaveRoom(in size: Int) async throws(VecError) {
    if let end { throw end }
    while window.count >= size {
      let oldest = window.removeFirst()
      do throws(VecError) {
        let reply = try await oldest.value()
        guard case .ingestRows(let received) = reply else { throw Connection.unexpected(reply) }
        receivedRowCount = max(receivedRowCount, received)
      } catch { throw fail(error) }
    }
  }

  /// Ends the ingest on both sides. The daemon has rolled back what it refused itself; what we gave up, it has not.
  private func fail(_ error: VecError) -> VecError {
    if end == nil {
      end = VecError(.ingestNotFound, "this ingest has ended with \(error)")
      _ = try? connection.send(.ingestAbort(ingest: ingest), deadline: nil)
    }
    window = []
    return error
  }
}

extension ByteWriter {
  /// The bytes of records, one after the other.
  fileprivate static func records(_ records: some Sequence<AttributeRecord>) -> [UInt8] {
    var writer = ByteWriter()
    for record in records { record.write(to: &writer) }
    return writer.bytes
  }
}

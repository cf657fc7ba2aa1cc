package import VecCore

extension Reply {
  /// The code for the header: 0 for good replies.
  package var status: UInt16 {
    if case .failure(let error) = self { error.code.rawValue } else { 0 }
  }

  /// The whole frame that answers a request.
  ///
  /// - Parameter requestKind: the kind of the request as it came, known or not.
  package func encodeFrame(requestId: UInt64, requestKind: UInt16) -> [UInt8] {
    var writer = ByteWriter(reserving: FrameHeader.byteCount + bodyByteCountEstimate)
    let header = FrameHeader(
      bodyByteCount: 0, requestId: requestId, kind: requestKind | WireProtocol.replyBit, status: status)
    writer.writeFrame(header) { encode(into: &$0) }
    return writer.bytes
  }

  package func encodeFrame(requestId: UInt64, kind: MessageKind) -> [UInt8] {
    encodeFrame(requestId: requestId, requestKind: kind.rawValue)
  }

  /// Appends the message body.
  package func encode(into writer: inout ByteWriter) {
    switch self {
    case .hello(let hello): hello.encode(into: &writer)
    case .ping(let bytes): writer.write(array: bytes)
    case .create, .drop, .ingestAbort, .configure: break
    case .list(let collections):
      writer.write(UInt32(clamping: collections.count))
      for collection in collections { collection.encode(into: &writer) }
    case .ingestBegin(let begun):
      writer.write(begun.ingest)
      writer.write(string: begun.generation)
      writer.write(UInt32(clamping: begun.dimension))
      writer.write(begun.metric.rawValue)
    case .ingestRows(let received): writer.write(received)
    case .ingestCommit(let receipt):
      writer.write(receipt.rowCount)
      writer.write(receipt.byteCount)
      writer.write(receipt.elementType.rawValue)
      writer.write(receipt.sequence)
    case .buildIndex(let receipt):
      writer.write(string: receipt.generation)
      writer.write(text: receipt.report ?? "")
    case .publish(let outcome): outcome.encode(into: &writer)
    case .publishTogether(let outcomes): PublishOutcome.encode(outcomes, into: &writer)
    case .rollback(let receipt):
      writer.write(receipt.sequence)
      writer.write(string: receipt.live)
      writer.write(string: receipt.replaced ?? "")
    case .verify(let report): report.encode(into: &writer)
    case .generations(let generations, let withModels):
      writer.write(UInt32(clamping: generations.count))
      for generation in generations { generation.encode(into: &writer) }
      if withModels { for generation in generations { writer.write(string: generation.model ?? "") } }
    case .search(let search): search.encode(into: &writer)
    case .get(let get): get.encode(into: &writer)
    case .stats(let json), .seal(let json), .compact(let json), .snapshot(let json): writer.write(text: json)
    case .upsert(let receipt), .delete(let receipt): receipt.encode(into: &writer)
    case .cancelBuild(let flag), .forgetExclusions(let flag), .forgetBiases(let flag): writer.write(flag)
    case .describe(let description): description.encode(into: &writer)
    case .addAttribute(let position): writer.write(UInt8(clamping: position))
    case .exclude(let count), .bias(let count): writer.write(count)
    case .biases(let biases): biases.encode(into: &writer)
    case .exclusions(let exclusions): exclusions.encode(into: &writer)
    case .capturedQueries(let queries): queries.encodeCaptured(into: &writer)
    case .failure(let error): writer.write(text: error.message)
    }
  }

  private var bodyByteCountEstimate: Int {
    switch self {
    case .ping(let bytes): bytes.count
    case .search(let search):
      128 + 4 * search.resultCounts.count + 13 * search.ids.count + search.records.reduce(0) { $0 + $1.byteCount }
    case .get(let get):
      128 + get.found.count + 4 * get.vectors.count + get.records.reduce(0) { $0 + $1.byteCount }
    case .exclusions(let exclusions): 8 + 16 * exclusions.ids.count
    case .biases(let biases): 8 + 12 * biases.ids.count
    case .stats(let json): 4 + json.utf8.count
    case .capturedQueries(let queries): 8 + 4 * queries.vectors.count
    default: 256
    }
  }
}

extension HandshakeReply {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.write(version)
    writer.write(string: daemon)
    writer.write(frameBodyLimit)
    writer.write(inFlightLimit)
    writer.write(kMax)
    writer.write(dimensionMax)
  }
}

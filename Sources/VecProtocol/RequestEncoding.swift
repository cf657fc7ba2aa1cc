package import VecCore

extension Request {
  /// The whole frame of this request.
  ///
  /// Call `check` first: values out of range are written as they are, and refused by the daemon.
  package func encodeFrame(requestId: UInt64, deadlineMilliseconds: UInt32 = 0) -> [UInt8] {
    var writer = ByteWriter(reserving: FrameHeader.byteCount + bodyByteCountEstimate)
    let header = FrameHeader(
      bodyByteCount: 0, requestId: requestId, kind: kind.rawValue, deadlineMilliseconds: deadlineMilliseconds)
    writer.writeFrame(header) { encode(into: &$0) }
    return writer.bytes
  }

  /// Appends the message body.
  package func encode(into writer: inout ByteWriter) {
    switch self {
    case .hello(let hello):
      writer.write(hello.leastVersion)
      writer.write(hello.greatestVersion)
      writer.write(string: hello.clientName)
    case .ping(let bytes): writer.write(array: bytes)
    case .list, .stats: break
    case .create(let create): create.encode(into: &writer)
    case .drop(let drop): writer.write(collection: drop.collection, generation: drop.generation)
    case .ingestBegin(let begin): begin.encode(into: &writer)
    case .ingestRows(let rows): rows.encode(into: &writer)
    case .ingestCommit(let ingest), .ingestAbort(let ingest): writer.write(ingest)
    case .buildIndex(let build): build.encode(into: &writer)
    case .publish(let publish): publish.encode(into: &writer)
    case .rollback(let collection), .describe(let collection): writer.write(string: collection)
    case .generations(let generations): generations.encode(into: &writer)
    case .verify(let collection): writer.write(string: collection ?? "")
    case .search(let search): search.encode(into: &writer)
    case .get(let get): get.encode(into: &writer)
    case .upsert(let upsert): upsert.encode(into: &writer)
    case .delete(let delete): delete.encode(into: &writer)
    case .seal(let of), .compact(let of), .cancelBuild(let of), .capturedQueries(let of):
      writer.write(collection: of.collection, generation: of.generation)
    case .snapshot(let name): writer.write(string: name)
    case .addAttribute(let add):
      writer.write(string: add.collection)
      writer.write(add.attribute)
    case .exclude(let exclude): exclude.encode(into: &writer)
    case .bias(let bias): bias.encode(into: &writer)
    case .forgetExclusions(let of), .exclusions(let of), .forgetBiases(let of), .biases(let of): of.encode(into: &writer)
    case .configure(let configure): configure.encode(into: &writer)
    case .publishTogether(let publishes): PublishRequest.encode(publishes, into: &writer)
    }
  }

  /// Bytes to reserve, so that large bodies are written without growing.
  private var bodyByteCountEstimate: Int {
    switch self {
    case .ping(let bytes): bytes.count
    case .ingestRows(let rows): rows.bodyByteCount
    case .search(let search): 256 + 4 * search.vectors.count
    case .get(let get): 256 + 8 * get.ids.count
    case .upsert(let upsert):
      256 + 8 * upsert.ids.count + 4 * upsert.vectors.count + upsert.records.reduce(0) { $0 + $1.byteCount }
    case .delete(let delete): 256 + 8 * delete.ids.count
    case .exclude(let exclude): 256 + 8 * exclude.ids.count
    case .bias(let bias): 256 + 12 * bias.ids.count
    default: 256
    }
  }
}

extension ByteWriter {
  /// Two `str`: the pair that most requests begin with.
  mutating func write(collection: String, generation: String?) {
    write(string: collection)
    write(string: generation ?? "")
  }
}

package import VecCore

extension Request {
  /// Reads a request and checks every value that can be checked without a store.
  ///
  /// Vectors are not looked at: whether they are finite and of a legal norm is found where the metric is known.
  /// `ingest rows` is copied out; a daemon reads that body in place with `IngestRowsView.decode` instead.
  /// - Throws: `malformed-frame` when the body is not of the form of its kind, `invalid-argument` or `limit-exceeded`
  ///   when a value is out of its range, `not-available` for an option that this version does not know. The connection
  ///   stays usable after each.
  package static func decode(kind: MessageKind, body: UnsafeRawBufferPointer) throws(VecError) -> Request {
    var reader = ByteReader(body, code: .malformedFrame, context: "\(kind.name) request")
    let request = try parse(kind, &reader)
    try reader.finish()
    try request.check()
    return request
  }

  package static func decode(kind: MessageKind, body: [UInt8]) throws(VecError) -> Request {
    try body.withUnsafeBufferPointer { (bytes) throws(VecError) in
      try decode(kind: kind, body: UnsafeRawBufferPointer(bytes))
    }
  }

  private static func parse(_ kind: MessageKind, _ reader: inout ByteReader) throws(VecError) -> Request {
    switch kind {
    case .hello:
      .hello(
        HelloRequest(
          leastVersion: try reader.read(), greatestVersion: try reader.read(), clientName: try reader.readString()))
    case .ping:
      .ping(try reader.readArray(UInt8.self, count: try RequestLimits.ping(reader.remaining)))
    case .create:
      .create(try CreateRequest.parse(&reader))
    case .list: .list
    case .stats: .stats
    case .drop:
      .drop(DropRequest(collection: try reader.readString(), generation: try reader.readOptionalString()))
    case .ingestBegin:
      .ingestBegin(try IngestBeginRequest.parse(&reader))
    case .ingestRows: .ingestRows(try IngestRows(try IngestRowsView.parse(&reader)))
    case .ingestCommit: .ingestCommit(ingest: try reader.read())
    case .ingestAbort: .ingestAbort(ingest: try reader.read())
    case .buildIndex: .buildIndex(try BuildIndexRequest.parse(&reader))
    case .publish: .publish(try PublishRequest.parse(&reader))
    case .rollback: .rollback(collection: try reader.readString())
    case .verify: .verify(collection: try reader.readOptionalString())
    case .generations: .generations(try GenerationsRequest.parse(&reader))
    case .search: .search(try SearchRequest.parse(&reader))
    case .get: .get(try GetRequest.parse(&reader))
    case .upsert: .upsert(try UpsertRequest.parse(&reader))
    case .delete: .delete(try DeleteRequest.parse(&reader))
    case .seal: .seal(try GenerationRequest.parse(&reader))
    case .compact: .compact(try GenerationRequest.parse(&reader))
    case .snapshot: .snapshot(name: try reader.readString())
    case .cancelBuild: .cancelBuild(try GenerationRequest.parse(&reader))
    case .describe: .describe(collection: try reader.readString())
    case .addAttribute:
      .addAttribute(
        AddAttributeRequest(collection: try reader.readString(), attribute: try reader.readAttribute()))
    case .exclude: .exclude(try ExcludeRequest.parse(&reader))
    case .forgetExclusions: .forgetExclusions(try NamedSetRequest.parse(&reader))
    case .exclusions: .exclusions(try NamedSetRequest.parse(&reader))
    case .configure: .configure(try ConfigureRequest.parse(&reader))
    case .capturedQueries: .capturedQueries(try GenerationRequest.parse(&reader))
    case .publishTogether: .publishTogether(try PublishRequest.parseAll(&reader))
    case .bias: .bias(try BiasRequest.parse(&reader))
    case .forgetBiases: .forgetBiases(try NamedSetRequest.parse(&reader))
    case .biases: .biases(try NamedSetRequest.parse(&reader))
    }
  }
}

extension CreateRequest {
  private static let attributesTag: UInt16 = 1
  private static let idsTag: UInt16 = 2

  fileprivate static func parse(_ reader: inout ByteReader) throws(VecError) -> CreateRequest {
    var request = CreateRequest(
      collection: try reader.readString(), dimension: Int(try reader.read(UInt32.self)), metric: try reader.readMetric())
    try WireOptions.parse(&reader, of: "create") { (tag, _, reader) throws(VecError) in
      switch tag {
      case attributesTag:
        let count = try reader.read(UInt8.self)
        guard count > 0 else { throw reader.failure("option \(tag) has no attributes") }
        for _ in 0..<count { request.attributes.append(try reader.readAttribute()) }
      case idsTag: request.ids = try reader.readIDKind()
      default: return false
      }
      return true
    }
    return request
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(string: collection)
    writer.write(UInt32(clamping: dimension))
    writer.write(metric.rawValue)
    if !attributes.isEmpty {
      WireOptions.write(Self.attributesTag, to: &writer) { writer in
        writer.write(UInt8(clamping: attributes.count))
        for attribute in attributes { writer.write(attribute) }
      }
    }
    if ids != .number { WireOptions.write(Self.idsTag, to: &writer) { $0.write(ids.rawValue) } }
  }
}

extension GenerationRequest {
  fileprivate static func parse(_ reader: inout ByteReader) throws(VecError) -> GenerationRequest {
    GenerationRequest(collection: try reader.readString(), generation: try reader.readOptionalString())
  }
}

extension GetRequest {
  fileprivate static func parse(_ reader: inout ByteReader) throws(VecError) -> GetRequest {
    let collection = try reader.readString()
    let generation = try reader.readOptionalString()
    let count = try RequestLimits.getIds(Int(try reader.read(UInt32.self)))
    var request = GetRequest(
      collection: collection, generation: generation, ids: try reader.readArray(UInt64.self, count: count))
    try WireOptions.parse(&reader, of: "get") { (tag, _, reader) throws(VecError) in
      guard tag == fieldsTag else { return false }
      request.fields = try reader.readFields()
      return true
    }
    return request
  }

  private static let fieldsTag: UInt16 = 1

  func encode(into writer: inout ByteWriter) {
    writer.write(collection: collection, generation: generation)
    writer.write(UInt32(clamping: ids.count))
    writer.write(array: ids)
    guard !fields.isEmpty else { return }
    WireOptions.write(Self.fieldsTag, to: &writer) { $0.write(fields.rawValue) }
  }
}

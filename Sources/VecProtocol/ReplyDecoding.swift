package import VecCore

extension Reply {
  /// Reads a reply to a request of `kind`.
  ///
  /// - Throws: `malformed-frame` when the body is not of the form of its kind. An error reply is no error here: it is
  ///   returned as `failure`.
  package static func decode(
    kind: MessageKind, status: UInt16, body: UnsafeRawBufferPointer
  ) throws(VecError) -> Reply {
    var reader = ByteReader(body, code: .malformedFrame, context: "\(kind.name) reply")
    let reply: Reply
    if status == 0 {
      reply = try parse(kind, &reader)
    } else {
      reply = .failure(VecError(status: status, message: try reader.readText()))
    }
    try reader.finish()
    return reply
  }

  package static func decode(kind: MessageKind, status: UInt16, body: [UInt8]) throws(VecError) -> Reply {
    try body.withUnsafeBufferPointer { (bytes) throws(VecError) in
      try decode(kind: kind, status: status, body: UnsafeRawBufferPointer(bytes))
    }
  }

  private static func parse(_ kind: MessageKind, _ reader: inout ByteReader) throws(VecError) -> Reply {
    switch kind {
    case .hello:
      .hello(
        HandshakeReply(
          version: try reader.read(), daemon: try reader.readString(), frameBodyLimit: try reader.read(),
          inFlightLimit: try reader.read(), kMax: try reader.read(), dimensionMax: try reader.read()))
    case .ping: .ping(try reader.readArray(UInt8.self, count: reader.remaining))
    case .create: .create
    case .list: .list(try CollectionInfo.parseAll(&reader))
    case .drop: .drop
    case .ingestBegin:
      .ingestBegin(
        IngestBeginReply(
          ingest: try reader.read(), generation: try reader.readString(),
          dimension: Int(try reader.read(UInt32.self)), metric: try reader.readMetric()))
    case .ingestRows: .ingestRows(received: try reader.read())
    case .ingestCommit:
      .ingestCommit(
        IngestReceipt(
          rowCount: try reader.read(), byteCount: try reader.read(), elementType: try reader.readElement(),
          sequence: try reader.read()))
    case .ingestAbort: .ingestAbort
    case .buildIndex:
      .buildIndex(BuildReceipt(generation: try reader.readString(), report: try reader.readOptionalText()))
    case .publish: .publish(try PublishOutcome.parse(&reader))
    case .rollback:
      .rollback(
        PublishReceipt(
          sequence: try reader.read(), live: try reader.readString(), replaced: try reader.readOptionalString()))
    case .verify: .verify(try VerifyReport.parse(&reader))
    case .generations:
      try GenerationInfo.parseReply(&reader)
    case .search: .search(try SearchReply.parse(&reader))
    case .get: .get(try GetReply.parse(&reader))
    case .stats: .stats(try reader.readText())
    case .upsert: .upsert(try WriteReceipt.parse(&reader))
    case .delete: .delete(try WriteReceipt.parse(&reader))
    case .seal: .seal(try reader.readText())
    case .compact: .compact(try reader.readText())
    case .snapshot: .snapshot(try reader.readText())
    case .cancelBuild: .cancelBuild(wasRunning: try reader.readBool())
    case .describe: .describe(try CollectionDescription.parse(&reader))
    case .addAttribute: .addAttribute(position: Int(try reader.read(UInt8.self)))
    case .exclude: .exclude(count: try reader.read())
    case .forgetExclusions: .forgetExclusions(wasThere: try reader.readBool())
    case .exclusions: .exclusions(try Exclusions.parse(&reader))
    case .bias: .bias(count: try reader.read())
    case .forgetBiases: .forgetBiases(wasThere: try reader.readBool())
    case .biases: .biases(try Biases.parse(&reader))
    case .configure: .configure
    case .capturedQueries: .capturedQueries(try QuerySample.parseCaptured(&reader))
    case .publishTogether: .publishTogether(try PublishOutcome.parseAll(&reader))
    }
  }
}

extension VecError {
  /// The error of an error reply. A code of a newer daemon becomes the general code of its class (`status / 1000`), so
  /// that exit status and retrying stay right; its number is kept in the message.
  package init(status: UInt16, message: String) {
    if let code = VecErrorCode(rawValue: status) {
      self.init(code, message)
      return
    }
    let general: VecErrorCode =
      switch status / 1000 {
      case 1: .invalidArgument
      case 2: .generationState
      case 3: .overloaded
      case 4: .unsupportedFormat
      case 5: .ioError
      default: .internalDefect
      }
    self.init(general, "code \(status), unknown to this client: \(message)")
  }
}

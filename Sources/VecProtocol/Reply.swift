package import VecCore

/// Every reply. `failure` answers a request of any kind.
package enum Reply: Sendable, Equatable {
  case hello(HandshakeReply)
  case ping([UInt8])
  case create
  case list([CollectionInfo])
  case drop
  case ingestBegin(IngestBeginReply)
  /// Rows received by this ingest so far.
  case ingestRows(received: UInt64)
  case ingestCommit(IngestReceipt)
  case ingestAbort
  /// The label of the generation built.
  case buildIndex(BuildReceipt)
  case publish(PublishOutcome)
  case rollback(PublishReceipt)
  case verify(VerifyReport)
  /// With the model version of each when the request asked for it.
  case generations([GenerationInfo], withModels: Bool)
  case search(SearchReply)
  case get(GetReply)
  /// A JSON object.
  case stats(String)
  case upsert(WriteReceipt)
  case delete(WriteReceipt)
  /// A JSON object.
  case seal(String)
  /// A JSON object.
  case compact(String)
  /// A JSON object.
  case snapshot(String)
  case cancelBuild(wasRunning: Bool)
  case describe(CollectionDescription)
  case addAttribute(position: Int)
  /// Ids in the set now.
  case exclude(count: UInt64)
  case forgetExclusions(wasThere: Bool)
  case exclusions(Exclusions)
  case configure
  case capturedQueries(QuerySample)
  /// In the order of the request.
  case publishTogether([PublishOutcome])
  /// Ids in the set now.
  case bias(count: UInt64)
  case forgetBiases(wasThere: Bool)
  case biases(Biases)
  case failure(VecError)
}

/// What the daemon is and allows.
package struct HandshakeReply: Sendable, Equatable {
  package var version: UInt16
  /// E.g. `vecd 0.1.0`.
  package var daemon: String
  package var frameBodyLimit: UInt32
  package var inFlightLimit: UInt32
  package var kMax: UInt32
  package var dimensionMax: UInt32

  package init(
    version: UInt16 = WireProtocol.version, daemon: String = VecVersion.writer,
    frameBodyLimit: UInt32 = UInt32(Limits.frameBodyBytesMax), inFlightLimit: UInt32 = UInt32(Limits.inFlightMax),
    kMax: UInt32 = UInt32(Limits.kMax), dimensionMax: UInt32 = UInt32(Limits.dimensionMax)
  ) {
    self.version = version
    self.daemon = daemon
    self.frameBodyLimit = frameBodyLimit
    self.inFlightLimit = inFlightLimit
    self.kMax = kMax
    self.dimensionMax = dimensionMax
  }
}

/// What became of one of several publishes.
package struct PublishOutcome: Sendable, Equatable {
  package var sequence: UInt64
  /// The label that was live; nil when nothing was.
  package var replaced: String?
  /// A JSON object; nil when nothing was checked.
  package var report: String?

  package init(sequence: UInt64, replaced: String?, report: String?) {
    self.sequence = sequence
    self.replaced = replaced
    self.report = report
  }
}

/// The ingest that was begun.
package struct IngestBeginReply: Sendable, Equatable {
  /// Of this connection only.
  package var ingest: UInt64
  package var generation: String
  package var dimension: Int
  package var metric: Metric

  package init(ingest: UInt64, generation: String, dimension: Int, metric: Metric) {
    self.ingest = ingest
    self.generation = generation
    self.dimension = dimension
    self.metric = metric
  }
}

import VecCore
import VecProtocol

/// The fields of a message as the golden JSON names them: those of `Formats/protocol.md`, in its order, as on the wire.
extension Request {
  var goldenFields: [(String, GoldenText)] {
    switch self {
    case .hello(let hello):
      [
        ("least_version", .int(hello.leastVersion)), ("greatest_version", .int(hello.greatestVersion)),
        ("client_name", .string(hello.clientName)),
      ]
    case .ping(let bytes): [("bytes", .ints(bytes))]
    case .list, .stats: []
    case .create(let create):
      [
        ("name", .string(create.collection)), ("dimension", .int(create.dimension)),
        ("metric", .int(create.metric.rawValue)),
      ] + (create.attributes.isEmpty ? [] : [("attributes", .attributes(create.attributes))])
        + GoldenText.ids(create.ids)
    case .drop(let drop): names(drop.collection, drop.generation)
    case .ingestBegin(let begin):
      names(begin.collection, begin.generation) + GoldenText.model(begin.model)
    case .ingestRows(let rows):
      [
        ("ingest", .int(rows.ingest)), ("element", .int(rows.elements.type.rawValue)),
        ("dimension", .int(rows.dimension)), ("count", .int(rows.ids.count)), ("ids", .ints(rows.ids)),
        ("elements", rows.elements.golden),
      ] + GoldenText.records(rows.records)
    case .ingestCommit(let ingest), .ingestAbort(let ingest): [("ingest", .int(ingest))]
    case .buildIndex(let build):
      names(build.collection, build.generation) + [
        ("index", .int(build.index?.rawValue ?? 0)), ("wait", .flag(build.wait)),
        ("target_recall", .float(build.targetRecall ?? 0)),
        ("sample_count", .int((build.sample?.vectors.count ?? 0) / (build.sample?.dimension ?? 1))),
        ("dimension", .int(build.sample?.dimension ?? 0)), ("sample", .floats(build.sample?.vectors ?? [])),
      ]
    case .publish(let publish): publish.goldenFields
    case .publishTogether(let publishes):
      [
        ("count", .int(publishes.count)),
        (
          "publishes",
          .list(
            publishes.map { publish in
              var body = ByteWriter()
              Request.publish(publish).encode(into: &body)
              return .object([("length", .int(body.bytes.count))] + publish.goldenFields)
            })
        ),
      ]
    case .rollback(let collection), .describe(let collection): [("collection", .string(collection))]
    case .generations(let generations):
      [("collection", .string(generations.collection))] + (generations.withModels ? [("models", .yes)] : [])
    case .configure(let configure):
      [("collection", .string(configure.collection))] + configure.change.goldenFields
    case .verify(let collection): [("collection", .string(collection ?? ""))]
    case .search(let search): search.goldenFields
    case .get(let get):
      names(get.collection, get.generation) + [("count", .int(get.ids.count)), ("ids", .ints(get.ids))]
        + GoldenText.fields(get.fields)
    case .upsert(let upsert):
      names(upsert.collection, upsert.generation) + [
        ("token", .token(upsert.token)), ("dimension", .int(upsert.dimension)), ("count", .int(upsert.ids.count)),
        ("ids", .ints(upsert.ids)), ("vectors", .floats(upsert.vectors)),
      ] + GoldenText.records(upsert.records) + GoldenText.model(upsert.model)
    case .delete(let delete):
      names(delete.collection, delete.generation) + [
        ("token", .token(delete.token)), ("count", .int(delete.ids.count)), ("ids", .ints(delete.ids)),
      ]
    case .seal(let of), .compact(let of), .cancelBuild(let of), .capturedQueries(let of): names(of.collection, of.generation)
    case .snapshot(let name): [("name", .string(name))]
    case .addAttribute(let add):
      [
        ("collection", .string(add.collection)), ("name", .string(add.attribute.name)),
        ("type", .int(add.attribute.type.rawValue)),
      ]
    case .exclude(let exclude):
      [
        ("collection", .string(exclude.collection)), ("set", .string(exclude.set)),
        ("seconds", .int(exclude.lifetimeSeconds ?? 0)), ("count", .int(exclude.ids.count)), ("ids", .ints(exclude.ids)),
      ]
    case .bias(let bias):
      [
        ("collection", .string(bias.collection)), ("set", .string(bias.set)), ("count", .int(bias.ids.count)),
        ("ids", .ints(bias.ids)), ("values", .floats(bias.values)),
      ]
    case .forgetExclusions(let of), .exclusions(let of), .forgetBiases(let of), .biases(let of):
      [("collection", .string(of.collection)), ("set", .string(of.set))]
    }
  }

}

private func names(_ collection: String, _ generation: String?) -> [(String, GoldenText)] {
  [("collection", .string(collection)), ("generation", .string(generation ?? ""))]
}

extension IngestRows.Elements {
  fileprivate var golden: GoldenText {
    switch self {
    case .f32(let values): .floats(values)
    case .f16(let bits), .bf16(let bits): .ints(bits)
    }
  }
}

extension ExpectedLive {
  fileprivate var golden: [(String, GoldenText)] {
    switch self {
    case .any: [("has_expected", .flag(false)), ("expected", .string(""))]
    case .nothing: [("has_expected", .flag(true)), ("expected", .string(""))]
    case .label(let label): [("has_expected", .flag(true)), ("expected", .string(label))]
    }
  }
}

extension SearchRequest {
  fileprivate var goldenFields: [(String, GoldenText)] {
    let (kind, value): (UInt8, UInt32) =
      switch effort {
      case .standard: (0, 0)
      case .recall(let share): (1, share.bitPattern)
      case .ef(let value): (2, value)
      case .nprobe(let value): (3, value)
      case .exact: (4, 0)
      }
    return [
      ("collection", .string(collection)), ("generation", .string(generation ?? "")), ("k", .int(k)),
      ("effort", .int(kind)), ("effort_value", .int(value)), ("index", .int(index?.rawValue ?? 0)),
      ("interests", .int(interests)), ("query_count", .int(queryCount)), ("dimension", .int(dimension)),
      ("vectors", .floats(vectors)),
    ] + (leastSequence.map { [("least_sequence", .int($0))] } ?? [])
      + (excluded.isEmpty ? [] : [("excluded", .list(excluded.map { .ints($0.ids) }))])
      + (scoreLimit.map { [("score_limit", .float($0))] } ?? [])
      + (filter.isEmpty ? [] : [("filter", .ints(filter))]) + GoldenText.fields(fields)
      + (excludeSets.isEmpty ? [] : [("exclude_sets", .list(excludeSets.map { .string($0) }))])
      + GoldenText.model(model) + selectionFields
  }
}

extension SearchRequest {
  private var selectionFields: [(String, GoldenText)] {
    var fields: [(String, GoldenText)] = []
    if let group = selection.group {
      fields.append(("group", .object([("attribute", .string(group.attribute)), ("most", .int(group.most))])))
    }
    if !selection.quotas.isEmpty { fields.append(("quotas", .ints(selection.quotas.flatMap { [$0.least, $0.most] }))) }
    if let diversity = selection.diversity {
      fields.append(
        ("diversity", .object([("relevance", .float(diversity.lambda)), ("pool", .int(diversity.pool ?? 0))])))
    }
    if !weights.isEmpty { fields.append(("weights", .floats(weights))) }
    if let logSumExp { fields.append(("log_sum_exp", .float(logSumExp))) }
    if let bias { fields.append(("bias", .string(bias))) }
    return fields
  }
}

extension PublishRequest {
  fileprivate var goldenFields: [(String, GoldenText)] {
    names(collection, generation) + expected.golden + checks.goldenFields
  }
}

extension PublishChecks {
  fileprivate var goldenFields: [(String, GoldenText)] {
    let shares: [(String, Float?)] = [
      ("least_share", leastShare), ("least_recall", leastRecall), ("least_overlap", leastOverlap),
      ("greatest_drift", greatestDrift), ("greatest_unseen", greatestUnseen),
    ]
    return (leastRows.map { [("least_rows", .int($0))] } ?? [])
      + shares.compactMap { name, value in value.map { (name, .float($0)) } } + GoldenText.model(model)
      + (k.map { [("k", .int($0))] } ?? []) + (queries.map { [("queries", $0.golden)] } ?? [])
      + (liveQueries.map { [("live_queries", $0.golden)] } ?? []) + (isDryRun ? [("dry_run", .yes)] : [])
  }
}

extension QuerySample {
  fileprivate var golden: GoldenText {
    .object([("count", .int(count)), ("dimension", .int(dimension)), ("vectors", .floats(vectors))])
  }
}

extension PublishOutcome {
  fileprivate var goldenFields: [(String, GoldenText)] {
    [("sequence", .int(sequence)), ("replaced", .string(replaced ?? ""))] + (report.map { [("report", .string($0))] } ?? [])
  }
}

extension SettingsChange {
  fileprivate var goldenFields: [(String, GoldenText)] {
    (modelPolicy.map { [("model_policy", .int($0.rawValue))] } ?? [])
      + (capturedQueries.map { [("captured_queries", .int($0))] } ?? [])
      + (gaugeShare.map { [("gauge_share", .float($0))] } ?? [])
  }
}

extension GoldenText {
  /// An option without bytes.
  fileprivate static let yes = GoldenText.number("true")

  /// Nothing for none.
  fileprivate static func model(_ model: String?) -> [(String, GoldenText)] { model.map { [("model", .string($0))] } ?? [] }

  fileprivate static func attributes(_ attributes: [AttributeDefinition]) -> GoldenText {
    .list(attributes.map { .object([("name", .string($0.name)), ("type", .int($0.type.rawValue))]) })
  }

  /// Nothing for none; else the bytes of all of them.
  fileprivate static func ids(_ kind: IDKind) -> [(String, GoldenText)] {
    kind == .number ? [] : [("ids", .int(kind.rawValue))]
  }

  fileprivate static func records(_ records: [AttributeRecord]) -> [(String, GoldenText)] {
    var writer = ByteWriter()
    AttributeRecord.write(records, to: &writer)
    return records.isEmpty ? [] : [("records", .ints(writer.bytes))]
  }

  fileprivate static func fields(_ fields: ItemFields) -> [(String, GoldenText)] {
    fields.isEmpty ? [] : [("fields", .int(fields.rawValue))]
  }

  /// The 16 bytes; zeros for none.
  fileprivate static func token(_ token: WriteToken?) -> GoldenText {
    var writer = ByteWriter()
    writer.write(token?.high ?? 0)
    writer.write(token?.low ?? 0)
    return .ints(writer.bytes)
  }
}

extension Reply {
  var goldenFields: [(String, GoldenText)] {
    switch self {
    case .hello(let hello):
      [
        ("version", .int(hello.version)), ("daemon_version", .string(hello.daemon)),
        ("frame_limit", .int(hello.frameBodyLimit)), ("in_flight_limit", .int(hello.inFlightLimit)),
        ("greatest_k", .int(hello.kMax)), ("greatest_dimension", .int(hello.dimensionMax)),
      ]
    case .ping(let bytes): [("bytes", .ints(bytes))]
    case .create, .drop, .ingestAbort: []
    case .list(let collections):
      [("count", .int(collections.count)), ("collections", .list(collections.map { .object($0.goldenFields) }))]
    case .ingestBegin(let begun):
      [
        ("ingest", .int(begun.ingest)), ("generation", .string(begun.generation)),
        ("dimension", .int(begun.dimension)), ("metric", .int(begun.metric.rawValue)),
      ]
    case .ingestRows(let received): [("received", .int(received))]
    case .ingestCommit(let receipt):
      [
        ("rows", .int(receipt.rowCount)), ("bytes", .int(receipt.byteCount)),
        ("element", .int(receipt.elementType.rawValue)), ("sequence", .int(receipt.sequence)),
      ]
    case .buildIndex(let receipt):
      [("generation", .string(receipt.generation)), ("report", .string(receipt.report ?? ""))]
    case .publish(let outcome): outcome.goldenFields
    case .publishTogether(let outcomes):
      [
        ("count", .int(outcomes.count)),
        (
          "publishes",
          .list(
            outcomes.map { outcome in
              var body = ByteWriter()
              Reply.publish(outcome).encode(into: &body)
              return .object([("length", .int(body.bytes.count))] + outcome.goldenFields)
            })
        ),
      ]
    case .configure: []
    case .capturedQueries(let queries):
      [
        ("dimension", .int(queries.dimension)), ("count", .int(queries.count)), ("vectors", .floats(queries.vectors)),
      ]
    case .rollback(let receipt):
      [
        ("sequence", .int(receipt.sequence)), ("live", .string(receipt.live)),
        ("replaced", .string(receipt.replaced ?? "")),
      ]
    case .verify(let report):
      [
        ("files", .int(report.fileCount)), ("bytes", .int(report.byteCount)),
        ("count", .int(report.findings.count)),
        ("findings", .list(report.findings.map { .object($0.goldenFields) })),
      ]
    case .generations(let generations, let withModels):
      [("count", .int(generations.count)), ("generations", .list(generations.map { .object($0.goldenFields) }))]
        + (withModels ? [("models", .list(generations.map { .string($0.model ?? "") }))] : [])
    case .search(let search): search.goldenFields
    case .get(let get):
      [
        ("generation", .string(get.generation)), ("dimension", .int(get.dimension)), ("count", .int(get.found.count)),
        ("found", .ints(get.found.map { $0 ? 1 : 0 })), ("vectors", .floats(get.vectors)),
      ] + GoldenText.records(get.records)
    case .stats(let json), .seal(let json), .compact(let json), .snapshot(let json): [("json", .string(json))]
    case .upsert(let receipt), .delete(let receipt):
      [
        ("generation", .string(receipt.generation)), ("sequence", .int(receipt.sequence)),
        ("existing", .int(receipt.existing)), ("repeated", .flag(receipt.isRepeated)),
      ]
    case .cancelBuild(let wasRunning): [("was_running", .flag(wasRunning))]
    case .describe(let description):
      [
        ("dimension", .int(description.dimension)), ("metric", .int(description.metric.rawValue)),
        ("attributes", .attributes(description.attributes)),
      ] + description.settings.asChange.goldenFields + GoldenText.ids(description.ids)
    case .addAttribute(let position): [("position", .int(position))]
    case .exclude(let count), .bias(let count): [("ids", .int(count))]
    case .biases(let found):
      [("count", .int(found.ids.count)), ("ids", .ints(found.ids)), ("values", .floats(found.values))]
    case .forgetExclusions(let wasThere), .forgetBiases(let wasThere): [("was_there", .flag(wasThere))]
    case .exclusions(let found):
      [("count", .int(found.ids.count)), ("ids", .ints(found.ids)), ("ends", .ints(found.ends.map { $0 ?? -1 }))]
    case .failure(let error): [("message", .string(error.message))]
    }
  }
}

extension CollectionInfo {
  fileprivate var goldenFields: [(String, GoldenText)] {
    [
      ("name", .string(name)), ("dimension", .int(dimension)), ("metric", .int(metric.rawValue)),
      ("sequence", .int(sequence)), ("live_generation", .string(liveGeneration ?? "")),
      ("live_rows", .int(liveRowCount)), ("generation_count", .int(generationCount)), ("fence", .string(fence ?? "")),
    ]
  }
}

extension GenerationInfo {
  fileprivate var goldenFields: [(String, GoldenText)] {
    [
      ("label", .string(label)), ("number", .int(number)), ("state", .int(state.rawValue)),
      ("index", .int(index?.rawValue ?? 0)), ("rows", .int(rowCount)), ("bytes", .int(byteCount)),
      ("segments", .int(segmentCount)), ("created", .int(createdAt)), ("built", .int(builtAt ?? -1)),
      ("published", .int(publishedAt ?? -1)), ("build_progress", .float(buildProgress ?? -1)),
      ("build_error", .string(buildError ?? "")),
    ]
  }
}

extension VerifyReport.Finding {
  fileprivate var goldenFields: [(String, GoldenText)] {
    [("collection", .string(collection)), ("file", .string(file)), ("message", .string(message))]
  }
}

extension SearchReply {
  fileprivate var goldenFields: [(String, GoldenText)] {
    [
      ("generation", .string(generation)), ("generation_number", .int(generationNumber)),
      ("sequence", .int(sequence)), ("index", .int(index.rawValue)), ("parameter", .int(parameter)),
      ("expected_recall", .float(expectedRecall)),
      ("query_count", .int(resultCounts.count)), ("result_counts", .ints(resultCounts)), ("ids", .ints(ids)),
      ("scores", .floats(scores)), ("interests", .ints(interests)),
    ] + GoldenText.records(records)
  }
}

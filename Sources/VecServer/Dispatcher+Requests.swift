import Logging
import VecCore
import VecEngine
import VecProtocol

extension Dispatcher {
  /// Does what a request asks. Nil when the reply will come from another lane.
  func answer(_ ticket: inout Ticket) throws(VecError) -> Reply? {
    if ticket.kind == .ingestRows {
      let (body, connection) = (ticket.body, ticket.connection)
      return try body.withUnsafeBytes { bytes in
        Result { () throws(VecError) in try append(bytes, of: connection) }
      }.get()
    }
    let request = try Request.decode(kind: ticket.kind, body: ticket.body)
    if case .search(let search) = request, try parks(ticket, search) { return nil }
    try charge(&ticket, for: request)
    let engine = daemon.engine
    switch request {
    case .hello, .ping, .ingestRows, .upsert, .delete, .exclude, .forgetExclusions, .bias, .forgetBiases:
      throw VecError(.internalDefect, "\(ticket.kind.name) came to the workers")
    case .create(let create):
      try engine.create(
        create.collection, dimension: create.dimension, metric: create.metric, attributes: create.attributes,
        ids: create.ids)
      return .create
    case .list: return .list(try engine.list())
    case .drop(let drop):
      try engine.drop(drop.collection, generation: drop.generation)
      return .drop
    case .ingestBegin(let begin): return try beginIngest(begin, of: ticket.connection)
    case .ingestCommit(let number): return .ingestCommit(try ticket.connection.ingests.remove(number).commit())
    case .ingestAbort(let number):
      try ticket.connection.ingests.remove(number).abort()
      return .ingestAbort
    case .buildIndex(let build): return try beginBuild(build, for: ticket)
    case .publish(let publish):
      return try self.publish([publish], for: ticket) { outcomes in
        outcomes.first.map { one in
          var outcome = one
          if publish.checks.isEmpty { outcome.report = nil }
          return .publish(outcome)
        }
      }
    case .publishTogether(let publishes): return try publish(publishes, for: ticket) { .publishTogether($0) }
    case .configure(let configure):
      try engine.configure(configure.collection, configure.change)
      return .configure
    case .capturedQueries(let of):
      return .capturedQueries(try engine.capturedQueries(of.collection, generation: of.generation))
    case .rollback(let collection): return .rollback(try engine.rollback(collection))
    case .verify(let collection): return .verify(try engine.verify(collection))
    case .generations(let of): return .generations(try engine.generations(of.collection), withModels: of.withModels)
    case .search(let search):
      let waiting = ticket
      let reply = try engine.search(search) {
        waiting.isPastDeadline() || waiting.connection.isClosed || daemon.isAborting
      }
      daemon.gauge.offer(search, reply, daemon)
      return .search(reply)
    case .get(let get):
      return .get(try engine.get(get.collection, generation: get.generation, ids: get.ids, fields: get.fields))
    case .stats: return .stats(daemon.report().text)
    case .seal(let what): return try seal(what)
    case .compact(let what): return try compact(what, for: ticket)
    case .snapshot(let name): return try snapshot(name)
    case .describe(let collection): return .describe(try engine.describe(collection))
    case .addAttribute(let add): return .addAttribute(position: try engine.addAttribute(add.attribute, to: add.collection))
    case .cancelBuild(let what):
      return .cancelBuild(
        wasRunning: try daemon.engine.cancelBuild(what.collection, generation: what.generation))
    case .exclusions(let of): return .exclusions(try engine.exclusions(of.collection, set: of.set))
    case .biases(let of): return .biases(try engine.biases(of.collection, set: of.set))
    }
  }

  /// Rows go from the frame to the engine where they lie.
  private func append(_ body: UnsafeRawBufferPointer, of connection: Connection) throws(VecError) -> Reply {
    let rows = try IngestRowsView.decode(body)
    let ingest = try connection.ingests.ingest(rows.ingest)
    guard rows.dimension == ingest.dimension else {
      throw VecError(
        .dimensionMismatch,
        "rows of dimension \(rows.dimension) were sent to an ingest of dimension \(ingest.dimension)")
    }
    var received: UInt64 = 0
    try rows.forEachPart { (part, records) throws(VecError) in
      received = try ingest.append(
        elementType: part.element, count: part.count, ids: part.ids, elements: part.elements, records: records)
    }
    return .ingestRows(received: received)
  }

  private func beginIngest(_ begin: IngestBeginRequest, of connection: Connection) throws(VecError) -> Reply {
    try connection.ingests.checkRoom()
    let ingest = try daemon.engine.beginIngest(
      begin.collection, generation: begin.generation, model: begin.model)
    let number = connection.ingests.add(ingest)
    return .ingestBegin(
      IngestBeginReply(
        ingest: number, generation: ingest.label, dimension: ingest.dimension, metric: ingest.metric))
  }

  /// Reserves the generation here, in order with other writes; the long part runs on the maintenance lane.
  private func beginBuild(_ request: BuildIndexRequest, for ticket: Ticket) throws(VecError) -> Reply? {
    let lane = daemon.pool.maintenance
    guard let place = lane.takePlace() else { throw overloaded(lane) }
    let build = try daemon.engine.beginBuild(
      request.collection, generation: request.generation, type: request.index, targetRecall: request.targetRecall,
      sample: request.sample)
    let isQueued = lane.submit(in: place) {
      // Whoever waits for a build and goes away has called it off.
      let reply = run(build, of: request.collection) { request.wait && ticket.connection.isClosed }
      if request.wait { finish(ticket, reply) }
      daemon.changed()
    }
    guard isQueued else { throw overloaded(lane) }
    return request.wait ? nil : .buildIndex(BuildReceipt(generation: build.label))
  }

  private func run(_ build: IndexBuild, of collection: String, isCalledOff: () -> Bool) -> Reply {
    let start = MonotonicTime.now()
    var metadata: Logger.Metadata = ["collection.name": "\(collection)", "generation.label": "\(build.label)"]
    do throws(VecError) {
      let outcome = try build.run { daemon.isStopping || isCalledOff() }
      metadata["duration.ms"] = "\((MonotonicTime.now() - start) / 1_000_000)"
      daemon.logger.notice("index built", metadata: metadata)
      return .buildIndex(BuildReceipt(generation: build.label, report: outcome.json.text))
    } catch {
      metadata["error"] = "\(error)"
      daemon.logger.error("index build failed", metadata: metadata)
      return .failure(error)
    }
  }

  /// Takes bytes for the reply before it exists. Refusing here is what keeps the memory of replies within the budget.
  private func charge(_ ticket: inout Ticket, for request: Request) throws(VecError) {
    let byteCount: Int
    switch request {
    case .search(let search): byteCount = search.queryCount * (4 + search.k * 13)
    case .get(let get): byteCount = try replyByteCount(get)
    case .exclusions: byteCount = 16 * Limits.excludeSetIdsMax
    case .biases: byteCount = 12 * Limits.biasSetIdsMax
    case .capturedQueries: byteCount = Limits.capturedBytesMax
    default: return
    }
    guard daemon.budget.take(byteCount) else {
      throw VecError(
        .overloaded,
        "requests under way hold the budget of \(daemon.budget.limit) bytes; nothing was done, try again later")
    }
    ticket.chargedByteCount += byteCount
  }

  private func replyByteCount(_ get: GetRequest) throws(VecError) -> Int {
    let info = try daemon.engine.list().first { $0.name == get.collection }
    let byteCount = get.ids.count * (1 + 4 * (info?.dimension ?? 0))
    guard byteCount <= Limits.frameBodyBytesMax - 1024 else {
      throw VecError(
        .limitExceeded,
        "\(get.ids.count) vectors of dimension \(info?.dimension ?? 0) make \(byteCount) bytes, a reply holds at most "
          + "\(Limits.frameBodyBytesMax); ask for fewer ids at once")
    }
    return byteCount
  }
}

public import VecCore

// Collections whose items are known by texts. Searches tell them where `SearchRequest.fields` has `.stringID`; wherever ids are
// taken, `StringID.id(of:)` makes the id of a text. What cannot be a string id is `invalid-argument`, and nothing is sent.
extension UpsertRequest {
  /// - Parameters:
  ///   - stringIDs: one per row; of equal ones the last counts.
  ///   - records: one per row, or empty: then no row has attributes or a payload.
  public init(
    collection: String, generation: String? = nil, token: WriteToken? = nil, dimension: Int, stringIDs: [String],
    vectors: [Float], records: [AttributeRecord] = [], model: String? = nil
  ) throws(VecError) {
    self.init(
      collection: collection, generation: generation, token: token, dimension: dimension,
      ids: try StringID.ids(of: stringIDs), vectors: vectors, records: try records.naming(stringIDs), model: model)
  }
}

extension DeleteRequest {
  public init(
    collection: String, generation: String? = nil, token: WriteToken? = nil, stringIDs: [String]
  ) throws(VecError) {
    self.init(collection: collection, generation: generation, token: token, ids: try StringID.ids(of: stringIDs))
  }
}

extension IngestSession {
  /// As `append(ids:vectors:records:)`, of rows that are known by texts.
  public func append(
    stringIDs: [String], vectors: [Float], records: [AttributeRecord] = []
  ) async throws(VecError) {
    try await append(
      ids: try StringID.ids(of: stringIDs), vectors: vectors, records: try records.naming(stringIDs))
  }
}

extension VecClient {
  /// The stored vectors of items by their texts. One that only has the hash of a text asked for counts as not there.
  public func get(
    collection: String, stringIDs: [String], generation: String? = nil, fields: ItemFields = [], deadline: Duration? = nil
  ) async throws(VecError) -> GetReply {
    var reply = try await get(
      collection: collection, ids: try StringID.ids(of: stringIDs), generation: generation,
      fields: fields.union(.stringID), deadline: deadline)
    let (vectors, records) = (reply.vectors, reply.records)
    (reply.vectors, reply.records) = ([], [])
    var row = 0
    for (place, text) in stringIDs.enumerated() where reply.found[place] {
      reply.found[place] = records[row].stringID == Keyword(text)
      if reply.found[place] {
        reply.vectors += vectors[(row * reply.dimension)..<((row + 1) * reply.dimension)]
        if !fields.isEmpty { reply.records.append(records[row].only(fields)) }
      }
      row += 1
    }
    return reply
  }
}

extension [AttributeRecord] {
  /// The same of items that are known by texts.
  ///
  /// - Throws: `invalid-argument` unless there is one for each text, or none at all.
  package func naming(_ stringIDs: [String]) throws(VecError) -> [AttributeRecord] {
    guard isEmpty || count == stringIDs.count else {
      throw VecError(.invalidArgument, "\(stringIDs.count) string ids with \(count) records: give one for each, or none")
    }
    return stringIDs.enumerated().map { place, text in
      var record = isEmpty ? AttributeRecord() : self[place]
      record.stringID = Keyword(text)
      return record
    }
  }
}

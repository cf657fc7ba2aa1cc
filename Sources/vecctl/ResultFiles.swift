import VecCore
import VecFiles

/// The two files of `search --out`, which appear together when the last query is answered.
final class ResultFiles {
  let idsPath: String
  let scoresPath: String
  private let ids: NpyWriter
  private let scores: NpyWriter
  private let k: Int
  private var queryCount = 0

  init(prefix: String, queryCount: Int, k: Int) throws(VecError) {
    idsPath = prefix + ".ids.npy"
    scoresPath = prefix + ".scores.npy"
    self.k = k
    ids = try NpyWriter(path: idsPath, type: .i8, shape: [queryCount, k])
    scores = try NpyWriter(path: scoresPath, type: .f4, shape: [queryCount, k])
  }

  /// One row per query; places without a result are -1 and NaN.
  func append(_ reply: SearchReply) throws(VecError) {
    var position = 0
    for count in reply.resultCounts.map(Int.init) {
      var idRow: [Int64] = []
      idRow.reserveCapacity(k)
      for id in reply.ids[position..<(position + count)] {
        guard let signed = Int64(exactly: id) else {
          throw VecError(
            .limitExceeded,
            "query \(queryCount) found id \(id), which does not fit the int64 of \(idsPath); use --json instead of --out")
        }
        idRow.append(signed)
      }
      let none = k - count
      try ids.append(idRow + [Int64](repeating: -1, count: none))
      try scores.append(Array(reply.scores[position..<(position + count)]) + [Float](repeating: .nan, count: none))
      position += count
      queryCount += 1
    }
  }

  func finish() throws(VecError) {
    try ids.finish()
    try scores.finish()
  }
}

import Foundation
import VecCore
import VecTestSupport

/// Files as numpy and others write them, made here from the formats' own pages.
enum SampleFiles {
  /// - Parameter type: numpy's name, like `<f4`.
  static func npy(_ type: String, shape: [Int], fortran: Bool = false, _ content: Data) -> Data {
    let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var header = "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(sizes)), }"
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    var out = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
    out += bytes([UInt16(header.utf8.count)]) + Data(header.utf8) + content
    return out
  }

  static func bytes<T: BitwiseCopyable>(_ values: [T]) -> Data { values.withUnsafeBytes { Data($0) } }

  static func vectors(_ rows: [[Float]]) -> Data {
    npy("<f4", shape: [rows.count, rows.first?.count ?? 0], bytes(rows.flatMap { $0 }))
  }

  static func interests(_ users: [[[Float]]]) -> Data {
    npy("<f4", shape: [users.count, users[0].count, users[0][0].count], bytes(users.flatMap { $0.flatMap { $0 } }))
  }

  static func ids(_ ids: [UInt64]) -> Data { npy("<u8", shape: [ids.count], bytes(ids)) }

  static func fvecs(_ rows: [[Float]]) -> Data {
    rows.reduce(into: Data()) { $0 += bytes([Int32($1.count)]) + bytes($1) }
  }

  static func jsonl(_ ids: [UInt64], _ rows: [[Float]]) -> Data {
    Data(zip(ids, rows).map { "{\"id\": \($0), \"vector\": \($1)}\n" }.joined().utf8)
  }

  /// The content of an npy file of a little-endian type, behind its header.
  static func content<T: BitwiseCopyable>(_ type: T.Type, of npy: Data) -> [T] {
    let headerLength = 10 + Int(npy[8]) + Int(npy[9]) << 8
    let body = npy[headerLength...]
    return Array(unsafeUninitializedCapacity: body.count / MemoryLayout<T>.size) { buffer, count in
      count = body.copyBytes(to: buffer) / MemoryLayout<T>.size
    }
  }

  static func header(of npy: Data) -> String {
    String(decoding: npy[10..<(10 + Int(npy[8]) + Int(npy[9]) << 8)], as: UTF8.self)
  }
}

/// Rows of a seed, and the right answers over them.
struct SampleRows {
  var metric: Metric
  var ids: [UInt64]
  var rows: [[Float]]

  init(seed: UInt64, count: Int, dimension: Int, metric: Metric = .ip) {
    var generator = SplitMix64(seed: seed)
    self.metric = metric
    ids = (0..<count).map { UInt64($0) * 7 + 3 }.shuffled(using: &generator)
    rows = (0..<count).map { _ in (0..<dimension).map { _ in Float(generator.uniform() * 2 - 1) } }
  }

  /// The best k items for a user of some interests: ids and scores, best first.
  func answer(_ interests: [[Float]], k: Int) -> (ids: [UInt64], scores: [Float]) {
    let scored = zip(ids, rows).map { id, row in
      let scores = interests.map { Oracle.score(metric, $0[...], row[...]) }
      return (id: id, score: (metric == .l2 ? scores.min() : scores.max()) ?? 0)
    }
    let sorted = scored.sorted { left, right in
      left.score == right.score
        ? left.id < right.id : (metric == .l2 ? left.score < right.score : left.score > right.score)
    }
    return (sorted.prefix(k).map(\.id), sorted.prefix(k).map(\.score))
  }
}

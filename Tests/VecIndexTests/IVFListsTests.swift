import Testing
import VecCore
import VecIndex
import VecKernels
import VecTestSupport

@Suite("IVF lists: building, bytes, damage")
struct IVFListsTests {
  @Test("every row is in one list, and centroids and spreads are those of their rows", arguments: Metric.allCases)
  func partition(metric: Metric) throws {
    for shape in VectorShape.allCases {
      let given = IndexContract.random(
        shape, metric: metric, type: .f32, dimension: 9, count: 1_000, k: 1, seed: Seed(321))
      let listed = try ListedPlanes(given, lists: 50)
      #expect(listed.order.sorted() == (0..<1_000).map { UInt32($0) })
      let lists = listed.lists
      #expect(lists.starts.first == 0 && lists.rowCount == 1_000 && lists.count <= 50)
      for list in 0..<lists.count {
        let rows = lists.rows(list).map { unit(Array(listed.given.row($0)), metric) }
        #expect(!rows.isEmpty)
        let mean = (0..<9).map { at in rows.reduce(0) { $0 + $1[at] } / Double(rows.count) }
        let found = lists.centroids[(list * 9)..<(list * 9 + 9)].map { Double($0) }
        let scale = rows.map(norm).max() ?? 0
        for (a, b) in zip(mean, found) { #expect(abs(a - b) <= 1e-6 * scale + 1e-44) }
        let square = rows.reduce(0) { $0 + norm2(zip($1, found).map { $0 - $1 }) } / Double(rows.count)
        #expect(abs(square.squareRoot() - Double(lists.spreads[list])) <= 1e-6 * scale + 1e-44)
        // Rows of a list keep their order.
        #expect(zip(listed.order[lists.rows(list)], listed.order[lists.rows(list)].dropFirst()).allSatisfy { $0 < $1 })
      }
    }
  }

  private func norm2(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 } }
  private func norm(_ values: [Double]) -> Double { norm2(values).squareRoot() }
  private func unit(_ row: [Float], _ metric: Metric) -> [Double] {
    let values = row.map { Double($0) }
    guard metric == .cosine else { return values }
    return values.map { $0 / norm(values) }
  }

  @Test("the same bytes and order for 1, 2, 4 workers and in every tier, others for another seed", arguments: Metric.allCases)
  func deterministic(metric: Metric) throws {
    let given = IndexContract.random(
      .mixedNorms, metric: metric, type: .f32, dimension: 21, count: 3_000, k: 1, seed: Seed(322))
    let one = try ListedPlanes(given)
    for tier in KernelTier.available {
      for width in [1, 2, 4] {
        let many = try ListedPlanes(given, kernels: kernels(tier), team: ListedPlanes.team(width))
        #expect(many.order == one.order && many.lists.encode() == one.lists.encode())
      }
    }
    let stored = StoredPlanes(given)
    defer { withExtendedLifetime(stored) {} }
    let other = try IVFBuilder(kernels: Kernels(), metric: metric).build(
      stored.planes[0], ListedPlanes.parameters(lists: nil, seed: 2), team: .single, progress: { _ in },
      shouldStop: { false })
    #expect(other.lists.encode() != one.lists.encode())
  }

  @Test("few different rows make few lists, and no list is empty", arguments: Metric.allCases)
  func duplicates(metric: Metric) throws {
    let given = IndexContract.random(
      .duplicates, metric: metric, type: .f32, dimension: 6, count: 500, k: 1, seed: Seed(323))
    #expect(try ListedPlanes(given, lists: 100).lists.count == 3)
    if metric != .cosine {
      var zeros = given
      zeros.rows = [Float](repeating: 0, count: 3_000)
      let listed = try ListedPlanes(zeros, lists: 100)
      #expect(listed.lists.count == 1)
      #expect(IndexContract.differences(listed.given, try listed.search(nprobe: 1).hits) == [])
    }
  }

  @Test("progress rises to 1, and a build stops where it is told to")
  func progress() throws {
    let given = IndexContract.random(
      .gaussian, metric: .l2, type: .f32, dimension: 8, count: 2_000, k: 1, seed: Seed(324))
    let stored = StoredPlanes(given)
    defer { withExtendedLifetime(stored) {} }
    let builder = IVFBuilder(kernels: Kernels(), metric: .l2)
    var told: [Float] = []
    var asked = 0
    _ = try builder.build(
      stored.planes[0], IVFParameters(), team: .single, progress: { told.append($0) },
      shouldStop: {
        asked += 1
        return false
      })
    #expect(told == told.sorted() && told.last == 1 && told.count > 5 && asked > 5)
    for stop in 1...asked {
      var left = stop
      let error = #expect(throws: VecError.self) {
        _ = try builder.build(
          stored.planes[0], IVFParameters(), team: .single, progress: { _ in },
          shouldStop: {
            left -= 1
            return left == 0
          })
      }
      #expect(error?.code == .deadlineExceeded)
    }
    for (lists, iterations) in [(0, 8), (65_537, 8), (5, -1)] {
      var wrong = IVFParameters()
      wrong.lists = lists
      wrong.iterations = iterations
      let error = #expect(throws: VecError.self) {
        _ = try builder.build(
          stored.planes[0], wrong, team: .single, progress: { _ in }, shouldStop: { false })
      }
      #expect(error?.code == .invalidArgument)
    }
  }

  @Test("bytes read back are the same lists; every cut and every flipped bit of the header is refused")
  func bytes() throws {
    let given = IndexContract.random(
      .gaussian, metric: .ip, type: .f32, dimension: 4, count: 60, k: 5, seed: Seed(325))
    let listed = try ListedPlanes(given, lists: 7)
    let bytes = listed.lists.encode()
    #expect(bytes.count == listed.lists.byteCount)
    let again = try decode(bytes)
    #expect(again.encode() == bytes)
    #expect(again.starts == listed.lists.starts && again.centroids == listed.lists.centroids)
    for count in 0..<bytes.count { expectRefused(Array(bytes[..<count]), "\(count) bytes") }
    expectRefused(bytes + [0], "a byte more")
    // Header and starts: every bit matters.
    for bit in 0..<(8 * (64 + 4 * 8)) {
      var wrong = bytes
      wrong[bit / 8] ^= 1 << UInt8(bit % 8)
      let isStart = bit >= 8 * 68 && bit < 8 * (64 + 4 * 7)
      // A start moved between its neighbours is another valid cut: checksums vouch for that.
      if isStart { _ = try? decode(wrong) } else { expectRefused(wrong, "bit \(bit)") }
    }
    for (metric, rows, d) in [(Metric.l2, 60, 4), (.ip, 59, 4), (.ip, 60, 5), (.ip, 0, 4)] {
      expectRefused(bytes, "\(metric) \(rows) \(d)", rows: rows, dimension: d, metric: metric)
    }
  }

  @Test("values that no lists have are refused")
  func values() throws {
    let given = IndexContract.random(
      .gaussian, metric: .ip, type: .f32, dimension: 4, count: 60, k: 5, seed: Seed(326))
    let listed = try ListedPlanes(given, lists: 7)
    let bytes = listed.lists.encode()
    let starts = 64
    let spreads = starts + 4 * (listed.lists.count + 1)
    let centroids = spreads + 4 * listed.lists.count
    for bad in [Float.nan, .infinity, -.infinity, 3e18, -3e18] {
      expectRefused(replacing(bytes, spreads + 8, bad.bitPattern), "spread \(bad)")
      expectRefused(replacing(bytes, centroids + 20, bad.bitPattern), "centroid \(bad)")
      expectRefused(replacing(bytes, bytes.count - 4, bad.bitPattern), "last centroid \(bad)")
    }
    expectRefused(replacing(bytes, spreads, (-1 as Float).bitPattern), "a negative spread")
    for (place, value) in [(0, 1), (1, 0), (1, 61), (2, UInt32.max), (7, 59), (7, 61)] as [(Int, UInt32)] {
      expectRefused(replacing(bytes, starts + 4 * place, value), "start \(place) = \(value)")
    }
    // Random bytes after a sound header: decoded or refused, never a trap.
    var generator = Seed(327).generator
    for _ in 0..<2_000 {
      var noise = bytes
      for _ in 0..<(1 + Int(generator.next() % 8)) {
        noise[20 + Int(generator.next() % UInt64(bytes.count - 20))] = UInt8(truncatingIfNeeded: generator.next())
      }
      if let lists = try? decode(noise) { #expect(lists.rowCount == 60 && lists.encode() == noise) }
    }
  }

  private func replacing(_ bytes: [UInt8], _ offset: Int, _ value: UInt32) -> [UInt8] {
    var bytes = bytes
    for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
    return bytes
  }

  private func decode(
    _ bytes: [UInt8], rows: Int = 60, dimension: Int = 4, metric: Metric = .ip
  ) throws -> IVFLists {
    let guarded = bytes.withUnsafeBytes { GuardedBuffer(copying: $0) }
    defer { withExtendedLifetime(guarded) {} }
    return try IVFLists(
      decoding: UnsafeRawBufferPointer(start: guarded.bytes, count: guarded.count), rowCount: rows,
      dimension: dimension, metric: metric)
  }

  private func expectRefused(
    _ bytes: [UInt8], _ what: String, rows: Int = 60, dimension: Int = 4, metric: Metric = .ip
  ) {
    let error = #expect(throws: VecError.self, "\(what)") {
      try decode(bytes, rows: rows, dimension: dimension, metric: metric)
    }
    #expect(error?.code == .segmentDamaged, "\(what)")
  }
}

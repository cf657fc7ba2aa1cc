import Glibc
import Testing
import VecCore
import VecManifest
import VecTestSupport

/// A manifest of two collections, bit by bit: what it says after a flip is what it said, or it says that it is damaged.
///
/// Ordinary runs flip one bit of every byte, another one in each byte; VECD_EVERY_BIT=1 flips all of them.
@Suite("Every bit of the manifest") struct ManifestBitsTests {
  static let bitsPerByte = getenv("VECD_EVERY_BIT") == nil ? 1 : 8

  /// The database after each of three transactions, and what it says then.
  struct History: Sendable {
    var images: [[UInt8]] = []
    var states: [[CollectionRecord]] = []

    init() throws {
      let fixture = try ManifestFixture()
      let manifest = try fixture.open()
      defer { manifest.close() }
      for step in 0..<3 {
        try manifest.transaction { (transaction) throws(VecError) in
          switch step {
          case 0:
            try transaction.insert(sampleCollection)
            try transaction.insert(sampleGeneration)
            try transaction.insert(sampleSegment, of: 1)
          case 1:
            try transaction.insert(
              CollectionRow(number: 3, name: "users", dimension: 32, metric: .l2, createdAt: 1002, ids: .string))
          default:
            try transaction.insert(GenerationRow(number: 4, collection: 3, label: "tuesday", createdAt: 1003))
          }
          try transaction.setNextNumber(UInt64(step) + 3)
        }
        images.append(try #require(ManifestBits.read(fixture.path)))
        states.append(try manifest.load().collections)
      }
    }
  }

  static let history = Result { try History() }

  @Test("a flipped bit of the database is refused, fences its collection, or changes nothing", arguments: 0..<4)
  func database(part: Int) throws {
    let history = try Self.history.get()
    let bits = try ManifestBits()
    let image = history.images[2]
    let truth = history.states[2]
    for bit in Self.bits(of: image.count, part: part) {
      bits.put(image, flipping: bit, log: [])
      bits.judge(bit) { catalogue in
        let sound = Dictionary(uniqueKeysWithValues: truth.map { ($0.row.number, $0) })
        // Whatever is not reported as damaged is there, and as it was.
        return catalogue.collections.allSatisfy { sound[$0.row.number] == $0 }
          && catalogue.collections.count + catalogue.damaged.count >= truth.count && catalogue.nextNumber == 5
      }
    }
    #expect(bits.violations.isEmpty, "bits of \(image.count) bytes")
    #expect(bits.outcomes["refused", default: 0] > 0 && bits.outcomes["harmless", default: 0] > 0, "\(bits.outcomes)")
  }

  @Test("a flipped bit of the log is refused, or loses the last change at most and never silently more", arguments: 0..<4)
  func log(part: Int) throws {
    let history = try Self.history.get()
    let bits = try ManifestBits()
    let log = LogForge.log(from: history.images)
    bits.put(history.images[0], flipping: nil, log: log)
    bits.judge(-1) { $0.collections == history.states[2] }
    for bit in Self.bits(of: log.count, part: part) {
      var bad = log
      bad[bit / 8] ^= 1 << UInt8(bit % 8)
      bits.put(history.images[0], flipping: nil, log: bad)
      bits.judge(bit) { catalogue in
        guard catalogue.damaged.isEmpty else { return false }
        // The last change is the one that nobody was told of; the one before may be missing only where that is said.
        return catalogue.collections == history.states[2] || catalogue.collections == history.states[1]
          || (catalogue.collections == history.states[0] && bits.hasDoubt)
      }
    }
    #expect(bits.violations.isEmpty, "bits of \(log.count) bytes")
    #expect(bits.outcomes["refused", default: 0] > 0, "\(bits.outcomes)")
  }

  @Test("a manifest that says something else is caught at every bit that is let through")
  func control() throws {
    let history = try Self.history.get()
    let bits = try ManifestBits()
    let image = history.images[2]
    for bit in stride(from: 0, to: image.count * 8, by: 1_001) {
      bits.put(image, flipping: bit, log: [])
      bits.judge(bit) { $0.collections == history.states[1] }
    }
    #expect(bits.violations.count > 10 && bits.outcomes["harmless"] == nil)
  }

  /// The bits of a fourth of the bytes.
  private static func bits(of byteCount: Int, part: Int) -> [Int] {
    stride(from: part, to: byteCount, by: 4).flatMap { byte in
      (0..<bitsPerByte).map { byte * 8 + (bitsPerByte == 1 ? (byte &* 5 &+ byte / 8) % 8 : $0) }
    }
  }
}

/// A manifest that is written, opened and judged again and again.
final class ManifestBits {
  private let directory: String
  private var path: String { directory + "/manifest.db" }
  private(set) var outcomes: [String: Int] = [:]
  private(set) var violations: [Int] = []
  /// Whether the manifest that was just judged said that its log is doubtful.
  private(set) var hasDoubt = false

  init() throws {
    let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(base)/vecd-bits-XXXXXX".utf8CString)
    directory = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    clean()
    rmdir(directory)
  }

  private func clean() { for name in ["", "-wal", "-shm", "-wal.doubtful"] { unlink(path + name) } }

  func put(_ image: [UInt8], flipping bit: Int?, log: [UInt8]) {
    clean()
    var image = image
    if let bit { image[bit / 8] ^= 1 << UInt8(bit % 8) }
    Self.write(image, path)
    if !log.isEmpty { Self.write(log, path + "-wal") }
  }

  /// Opens and reads the manifest; notes a violation where it is believed and not right.
  func judge(_ bit: Int, _ isRight: (Catalogue) -> Bool) {
    let catalogue: Catalogue
    do throws(VecError) {
      let manifest = try Manifest(path: path, newStoreUUID: nil)
      defer { manifest.close() }
      hasDoubt = manifest.doubt != nil
      catalogue = try manifest.load()
    } catch {
      let isClear = [.manifestDamaged, .unsupportedFormat, .ioError, .cannotCreate].contains(error.code)
      outcomes["refused", default: 0] += 1
      if !isClear { violations.append(bit) }
      return
    }
    guard isRight(catalogue) else { return violations.append(bit) }
    outcomes[catalogue.damaged.isEmpty ? "harmless" : "fenced", default: 0] += 1
  }

  static func read(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
  }

  private static func write(_ bytes: [UInt8], _ path: String) {
    guard let file = fopen(path, "w") else { return }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }
}

import ArgumentParser
import VecCore
import VecStorage

struct Restore: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Make a new store out of a snapshot, without a daemon.",
    discussion: """
      Every byte of the snapshot is verified first, and every byte of the copy after; DIR gets its name last. It must be
      new or empty. The snapshot stays as it is.

      Example:
        vecctl restore /backup/before-tuesday ./store
        vecd serve --store ./store
      """)

  @OptionGroup var global: GlobalOptions
  @Argument(help: "Directory of the snapshot.") var snapshot: String
  @Argument(help: "Directory of the store to make.") var store: String

  func execute() async throws {
    let reading = Progress("verifying")
    let restore = try SnapshotRestore(verifying: snapshot) { reading.add($0, of: nil) }
    reading.end()
    // Written once and read once.
    let total = 2 * Int(clamping: restore.byteCount)
    let copying = Progress("copying")
    var random = SystemRandomNumberGenerator()
    try restore.restore(to: store, uuid: UUID(high: random.next(), low: random.next())) { copying.add($0, of: total) }
    copying.end()
    answer(
      json: .object([
        ("store", .string(store)), ("files", .count(restore.fileCount)), ("bytes", .unsigned(restore.byteCount)),
      ]),
      text: "\(store): restored \(Readable.count(restore.fileCount, "file", "files")), "
        + "\(Readable.bytes(restore.byteCount)); start vecd serve --store \(store)")
  }
}

/// Bytes done, as a bar.
private final class Progress {
  private let bar: ProgressBar
  private var done = 0

  init(_ title: String) { bar = ProgressBar(title: title, unit: "bytes") }

  func add(_ byteCount: Int, of total: Int?) {
    done += byteCount
    bar.show(done: done, total: total)
  }

  func end() { bar.clear() }
}

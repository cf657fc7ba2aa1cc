import Glibc
import VecCore

/// The golden files of the repository, from which corpora begin. To be used in the root of a checkout.
struct Golden: Sendable {
  let folder = "Formats/golden"

  /// The files of a folder whose names end so, in the order of their names.
  func files(_ path: String, endingIn ending: String) throws -> [[UInt8]] {
    guard let stream = opendir("\(folder)/\(path)") else {
      throw VecError(.fileNotFound, "\(folder)/\(path) is not there: seeds are made in the root of a checkout")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasSuffix(ending) { names.append(name) }
    }
    return try names.sorted().map { try read("\(path)/\($0)") }
  }

  func read(_ path: String) throws -> [UInt8] { try Golden.file("\(folder)/\(path)") }

  static func file(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw VecError(.fileNotFound, "\(path): cannot be read") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }
}

/// A file in memory that has a path, for readers that take paths: fast, and nothing is left behind.
final class MemoryFile: @unchecked Sendable {
  // One thread fuzzes.
  private let descriptor: Int32
  let path: String

  init() {
    var name = Array("/dev/shm/vecfuzz-XXXXXX".utf8CString)
    descriptor = mkstemp(&name)
    demand(descriptor >= 0, "no file can be made in /dev/shm")
    unlink(&name)
    path = "/proc/self/fd/\(descriptor)"
  }

  func put(_ bytes: UnsafeRawBufferPointer) {
    let isPut = ftruncate(descriptor, off_t(bytes.count)) == 0
      && pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count
    demand(isPut || bytes.isEmpty, "the file in memory cannot be written")
  }
}

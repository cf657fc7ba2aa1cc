import Glibc
import VecCore

/// A directory of its own for one test, removed with everything in it.
final class ScratchDirectory {
  let path: String

  /// - Parameter inMemory: where the system has such a place, for tests that write a file many thousand times.
  init(inMemory: Bool = false) {
    let disk = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let base = inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : disk
    var template = Array("\(base)/vecd-storage-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress, let made = mkdtemp(start) else {
        fatalError("mkdtemp in \(base) failed with \(errno)")
      }
      return String(cString: made)
    }
  }

  deinit { Self.remove(path) }

  static func remove(_ path: String) {
    if let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { remove("\(path)/\(name)") }
      }
      closedir(stream)
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}

/// Whole files, for tests that damage them.
enum Files {
  static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count > 0 else { return count == 0 ? out : nil }
      out += buffer[..<count]
    }
  }

  static func write(_ bytes: [UInt8], _ path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    defer { close(descriptor) }
    guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      fatalError("cannot write \(path): errno \(errno)")
    }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func mode(_ path: String) -> UInt32 {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }
}

/// A file under damage: it changes in place, without being written anew each time.
final class DamagedFile {
  let path: String
  let original: [UInt8]
  private let descriptor: Int32

  init(_ bytes: [UInt8], _ path: String) {
    self.path = path
    original = bytes
    Files.write(bytes, path)
    descriptor = open(path, O_RDWR)
  }

  deinit { close(descriptor) }

  func put(_ bytes: [UInt8], at offset: Int) { _ = pwrite(descriptor, bytes, bytes.count, off_t(offset)) }

  func truncate(to count: Int) { _ = ftruncate(descriptor, off_t(count)) }

  func restore() {
    truncate(to: original.count)
    put(original, at: 0)
  }
}

extension Array where Element: BitwiseCopyable {
  /// Hands the bytes to a closure that throws typed errors.
  func passed<R>(to body: (UnsafeRawBufferPointer) throws(VecError) -> R) throws(VecError) -> R {
    let result: Result<R, VecError> = withUnsafeBytes { raw in
      do throws(VecError) { return .success(try body(raw)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

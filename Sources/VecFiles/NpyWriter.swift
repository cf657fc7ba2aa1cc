import Glibc
package import VecCore

/// Writes an npy file (version 1.0, C order) of known shape; the name appears only when every value is written.
package final class NpyWriter {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var missing: Int
  private var isFinished = false

  /// - Parameter shape: extents whose product is the number of values that will be appended.
  package init(path: String, type: NpyType, shape: [Int]) throws(VecError) {
    self.path = path
    temporary = "\(path).tmp-\(getpid())"
    missing = shape.reduce(type.byteCount, *)
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      isFinished = true
      throw VecError(.cannotCreate, "\(path): cannot be created: \(String(cString: strerror(errno)))")
    }
    try write(Self.header(type: type, shape: shape))
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isFinished { unlink(temporary) }
  }

  package func append<T: BitwiseCopyable>(_ values: [T]) throws(VecError) {
    let byteCount = values.count * MemoryLayout<T>.stride
    guard byteCount <= missing else {
      throw VecError(.internalDefect, "\(path): \(byteCount - missing) bytes more than its shape")
    }
    missing -= byteCount
    try write(values)
  }

  /// Gives the file its name, in place of an older one.
  package func finish() throws(VecError) {
    guard missing == 0 else { throw VecError(.internalDefect, "\(path): \(missing) bytes less than its shape") }
    guard rename(temporary, path) == 0 else {
      throw VecError(.cannotCreate, "\(path): cannot be created: \(String(cString: strerror(errno)))")
    }
    isFinished = true
  }

  /// Magic, version and dictionary, padded so that the data starts at a multiple of 64.
  static func header(type: NpyType, shape: [Int]) -> [UInt8] {
    let header = NpyHeader(description: .simple(type.rawValue), isFortranOrder: false, shape: shape)
    let text = "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': \(header.shapeText), }"
    let padding = (64 - (10 + text.utf8.count + 1) % 64) % 64
    let length = text.utf8.count + padding + 1
    return NpyHeader.magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
      + [UInt8](repeating: 0x20, count: padding) + [0x0A]
  }

  private func write<T: BitwiseCopyable>(_ values: [T]) throws(VecError) {
    let failure = values.withUnsafeBytes { bytes -> Int32 in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count < 0, errno != EINTR { return errno }
        done += max(0, count)
      }
      return 0
    }
    guard failure == 0 else {
      throw VecError(
        failure == ENOSPC ? .storageFull : .ioError, "\(path): write failed: \(String(cString: strerror(failure)))")
    }
  }
}

internal import Glibc
internal import VecCore

/// An open file: its descriptor, closed with the object, and the path that its errors name.
///
/// Reads and writes name their place in the file, so one object can be read from several threads.
final class OpenFile: Sendable {
  /// A fifo of a segment's name blocks nobody.
  static let readOnly = O_RDONLY | O_NONBLOCK

  let path: String
  private let descriptor: Int32

  init(_ path: String, _ flags: Int32, mode: UInt32 = 0o600) throws(VecError) {
    self.path = path
    descriptor = try SystemCall.retrying("open", path) { open(path, flags | O_CLOEXEC, mode) }
  }

  deinit { Glibc.close(descriptor) }

  func status() throws(VecError) -> SystemCall.Status {
    var raw = stat()
    _ = try SystemCall.retrying("fstat", path) { fstat(descriptor, &raw) }
    return SystemCall.Status(raw)
  }

  /// Fills `buffer` from `offset` on; returns fewer bytes than that only at the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(VecError) -> Int {
    var done = 0
    while done < buffer.count {
      let count = try SystemCall.retrying("read", path) {
        pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// `count` bytes at `offset`. The caller has compared `count` with the file's length; a shorter file is damage.
  func bytes(_ count: Int, at offset: Int) throws(VecError) -> [UInt8] {
    let buffer = Memory(count)
    guard try read(into: buffer.bytes, at: offset) == count else {
      throw VecError(.segmentDamaged, "\(path): ends within the \(count) bytes at offset \(offset)")
    }
    return Array(buffer.bytes)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(VecError) {
    var done = 0
    while done < bytes.count {
      let count = try SystemCall.retrying("write", path) {
        pwrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
      }
      // No file system answers 0 for a non-empty write; if one did, this would loop for ever.
      guard count > 0 else { throw VecError(.ioError, "write \(path): nothing was written at offset \(offset + done)") }
      done += count
    }
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(VecError) {
    try bytes.withBytes { (raw) throws(VecError) in try write(raw, at: offset) }
  }

  /// One attempt, whatever its outcome.
  func sync() throws(VecError) {
    guard fsync(descriptor) == 0 else {
      let code = errno
      throw VecError(.ioError, "fsync \(path): \(String(cString: strerror(code))) (errno \(code)); not repeated")
    }
  }

  func setMode(_ mode: UInt32) throws(VecError) {
    _ = try SystemCall.retrying("fchmod", path) { fchmod(descriptor, mode) }
  }

  func truncate(to byteCount: Int) throws(VecError) {
    _ = try SystemCall.retrying("ftruncate", path) { ftruncate(descriptor, off_t(byteCount)) }
  }

  /// Gives up the lock at once. Closing alone would leave it to a child process that another thread is just starting,
  /// for as long as that has copies of our descriptors.
  func unlock() { flock(descriptor, LOCK_UN) }

  /// Takes the exclusive lock if it is free. It lasts until `unlock`, or until the descriptor is closed.
  func tryLock() throws(VecError) -> Bool {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EWOULDBLOCK { return false }
      if code != EINTR { throw .system("flock", path, code) }
    }
    return true
  }

  /// Maps the first `byteCount` bytes read-only. The mapping outlives the descriptor.
  func map(_ byteCount: Int) throws(VecError) -> UnsafeRawBufferPointer {
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
      throw .system("mmap", path, errno)
    }
    return UnsafeRawBufferPointer(start: address, count: byteCount)
  }
}

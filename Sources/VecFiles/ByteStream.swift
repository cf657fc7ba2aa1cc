import Glibc
package import VecCore

/// Bytes of a file or of standard input, read once from front to back through one bounded buffer.
///
/// Neither seeking nor mapping: a pipe is read the same way as a file. Not thread-safe.
package final class ByteStream {
  /// The path, or `standard input`; every error starts with it.
  package let name: String
  /// Bytes of a regular file; nil where only the end tells (pipes, terminals).
  package let byteCount: UInt64?
  /// Bytes handed out so far.
  package private(set) var position: UInt64 = 0

  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private let buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0

  /// The most that `peek` can look ahead.
  package static let bufferBytes = 1 << 18
  private static let cancellationCheckMilliseconds: Int32 = 50

  /// Opens `path`; `-` is standard input. `file-not-found` when it cannot be read.
  package convenience init(path: String) throws(VecError) {
    if path == "-" {
      try self.init(descriptor: STDIN_FILENO, name: "standard input", ownsDescriptor: false)
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw VecError(.fileNotFound, "\(path): cannot be opened: \(String(cString: strerror(errno)))")
    }
    try self.init(descriptor: descriptor, name: path, ownsDescriptor: true)
  }

  private init(descriptor: Int32, name: String, ownsDescriptor: Bool) throws(VecError) {
    var status = stat()
    let isReadable = fstat(descriptor, &status) == 0
    let kind = status.st_mode & S_IFMT
    self.name = name
    self.descriptor = descriptor
    self.ownsDescriptor = ownsDescriptor
    byteCount = isReadable && kind == S_IFREG ? UInt64(max(0, status.st_size)) : nil
    buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
    if !isReadable || kind == S_IFDIR {
      let folder = kind == S_IFDIR ? ", but a directory" : ""
      throw VecError(.fileNotFound, "\(name): is not a file that can be read\(folder)")
    }
  }

  deinit {
    buffer.deallocate()
    if ownsDescriptor { close(descriptor) }
  }

  /// A `malformed-file` error of this input.
  package func malformed(_ what: String) -> VecError { VecError(.malformedFile, "\(name): \(what)") }

  /// The next bytes without taking them: `count` of them, or fewer at the end.
  package func peek(_ count: Int) throws(VecError) -> [UInt8] {
    while end - start < count, try refill() {}
    return Array(buffer[start..<min(end, start + count)])
  }

  /// Fills `target`; returns how many bytes there were, fewer than asked only at the end of the input.
  package func read(into target: UnsafeMutableRawBufferPointer) throws(VecError) -> Int {
    var done = 0
    while done < target.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
      if end > start {
        let count = min(rest.count, end - start)
        rest.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<(start + count)]))
        start += count
        done += count
      } else if rest.count >= buffer.count {
        let count = try fill(rest)
        guard count > 0 else { break }
        done += count
      } else if try !refill() {
        break
      }
    }
    position += UInt64(done)
    return done
  }

  /// The next `count` bytes, or fewer at the end. For headers; `count` is the caller's to bound.
  package func read(_ count: Int) throws(VecError) -> [UInt8] {
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count), alignment: 1)
    defer { scratch.deallocate() }
    let found = try read(into: UnsafeMutableRawBufferPointer(rebasing: scratch[..<count]))
    return Array(scratch[..<found])
  }

  /// The next line without its newline; nil at the end. More than `limit` bytes is `malformed-file`.
  package func readLine(limit: Int, number: Int) throws(VecError) -> [UInt8]? {
    var line: [UInt8] = []
    var isAtEnd = true
    while true {
      if start == end, try !refill() { return isAtEnd ? nil : line }
      isAtEnd = false
      let unread = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
      let newline = unread.firstIndex(of: UInt8(ascii: "\n"))
      let piece = unread[..<(newline ?? unread.count)]
      guard line.count + piece.count <= limit else {
        throw malformed("line \(number) is longer than \(limit) bytes, the limit of a line")
      }
      line.append(contentsOf: piece)
      let taken = piece.count + (newline == nil ? 0 : 1)
      start += taken
      position += UInt64(taken)
      if newline != nil { return line }
    }
  }

  /// Demands that the input ends here.
  package func finish() throws(VecError) {
    guard try !peek(1).isEmpty else { return }
    let surplus = byteCount.map { $0 > position ? "\($0 - position) bytes are" : "more is" } ?? "more is"
    throw malformed("\(surplus) left over after byte \(position), where the data should end")
  }

  /// Reads more behind what is buffered; false at the end of the input.
  private func refill() throws(VecError) -> Bool {
    if start > 0 {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
      end -= start
      start = 0
    }
    let count = try fill(UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
    end += count
    return count > 0
  }

  private func fill(_ target: UnsafeMutableRawBufferPointer) throws(VecError) -> Int {
    guard target.count > 0 else { return 0 }
    while true {
      try awaitInput()
      let count = Glibc.read(descriptor, target.baseAddress, target.count)
      if count >= 0 { return count }
      guard errno == EINTR else {
        throw VecError(.ioError, "\(name): read after byte \(position) failed: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Waits for bytes of a pipe or terminal, whose writer may take any time, but not beyond the end of the task: Ctrl-C
  /// has to be answered at once. `deadline-exceeded` when the task was cancelled.
  private func awaitInput() throws(VecError) {
    guard byteCount == nil else { return }
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&wanted, 1, Self.cancellationCheckMilliseconds) == 0 {
      guard !Task.isCancelled else { throw VecError(.deadlineExceeded, "\(name): reading was given up") }
    }
  }
}

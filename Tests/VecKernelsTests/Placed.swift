import VecTestSupport

/// Values somewhere in memory that a kernel is handed: `slack` bytes before a page that nobody may touch, so the slacks
/// from 0 to 63 are all alignments, and with 0 a byte read too far ends the test.
struct Placed<T: BitwiseCopyable> {
  let count: Int
  private let buffer: GuardedBuffer

  init(_ values: [T], slack: Int) {
    count = values.count
    buffer = GuardedBuffer(values.count * MemoryLayout<T>.stride + slack)
    buffer.bytes.copyMemory(from: values, byteCount: values.count * MemoryLayout<T>.stride)
  }

  /// Room for values that a kernel writes.
  init(room count: Int, slack: Int) {
    self.count = count
    buffer = GuardedBuffer(count * MemoryLayout<T>.stride + slack)
  }

  var raw: UnsafeMutableRawPointer { buffer.bytes }
  var pointer: UnsafeMutablePointer<T> { buffer.bytes.assumingMemoryBound(to: T.self) }
  var view: UnsafeBufferPointer<T> { UnsafeBufferPointer(start: pointer, count: count) }
  var values: [T] {
    (0..<count).map { raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: T.self) }
  }
}

import Glibc

/// Bytes that end right before a page nobody may touch: reading past them ends the test process.
package final class GuardedBuffer {
  package let bytes: UnsafeMutableRawPointer
  package let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappingLength: Int

  package init(_ count: Int) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let usable = (count + page - 1) / page * page
    mappingLength = usable + page
    guard let mapping = mmap(nil, mappingLength, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      mapping != MAP_FAILED, mprotect(mapping + usable, page, PROT_NONE) == 0
    else { fatalError("no memory for a guarded buffer of \(count) bytes") }
    self.mapping = mapping
    self.count = count
    bytes = mapping + usable - count
  }

  /// A copy of the values at the very end of the buffer, which may leave them unaligned when `count` demands it.
  package convenience init(copying values: UnsafeRawBufferPointer) {
    self.init(values.count)
    if let base = values.baseAddress { bytes.copyMemory(from: base, byteCount: values.count) }
  }

  deinit { munmap(mapping, mappingLength) }
}

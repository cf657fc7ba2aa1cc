internal import VecCore

/// Owned bytes of a fixed count, for buffers that live as long as their owner.
final class Memory {
  let bytes: UnsafeMutableRawBufferPointer

  init(_ count: Int) {
    bytes = .allocate(byteCount: count, alignment: 64)
  }

  deinit { bytes.deallocate() }
}

extension Array where Element: BitwiseCopyable {
  /// `withUnsafeBytes` for bodies that throw typed errors, which the standard library's does not pass on.
  func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws(VecError) -> R) throws(VecError) -> R {
    let result: Result<R, VecError> = withUnsafeBytes { raw in
      do throws(VecError) { return .success(try body(raw)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

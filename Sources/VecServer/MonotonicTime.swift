import Glibc

/// Nanoseconds of a clock that never goes back: for deadlines and durations. The server is the lowest layer that may
/// read a clock; what is below gets `shouldStop`.
package enum MonotonicTime {
  package static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// Milliseconds since 1970, for what is written down.
package func wallClockMilliseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

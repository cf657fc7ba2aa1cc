import CVecShims
import Glibc

/// A named POSIX thread that runs one closure. Requests run on these and never on Swift's cooperative pool, whose few
/// threads must not block.
enum WorkerThread {
  private final class Start {
    let name: String
    let isBackground: Bool
    let body: @Sendable () -> Void

    init(_ name: String, _ isBackground: Bool, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.isBackground = isBackground
      self.body = body
    }
  }

  /// False when the system has no thread to give; `name` is cut at 15 bytes.
  ///
  /// - Parameter isBackground: gives way to the others on a busy machine.
  static func start(name: String, isBackground: Bool = false, _ body: @escaping @Sendable () -> Void) -> Bool {
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    pthread_attr_init(attributes)
    defer {
      pthread_attr_destroy(attributes)
      attributes.deallocate()
    }
    pthread_attr_setstacksize(attributes, 2 << 20)
    pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
    let start = Unmanaged.passRetained(Start(name, isBackground, body))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, attributes,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        vs_name_thread(start.name)
        if start.isBackground { vs_yield_to_others() }
        start.body()
        return nil
      }, start.toOpaque())
    if result != 0 { start.release() }
    return result == 0
  }
}

import Glibc
package import Logging
import VecCore

/// How log lines look.
package enum LogFormat: String, CaseIterable, Sendable {
  case text
  case json
}

/// Writes each event as one line to a descriptor, standard error by default, with one `write`: lines of several
/// threads do not mix. A line that cannot be written is lost; logging never stops the daemon.
package struct LineLogHandler: LogHandler {
  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let format: LogFormat
  private let descriptor: Int32

  package init(format: LogFormat, level: Logger.Level, descriptor: Int32 = 2) {
    self.format = format
    self.descriptor = descriptor
    logLevel = level
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var merged = metadata
    if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
    if let more = event.metadata { merged.merge(more) { $1 } }
    let pairs = merged.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
    let line = Self.line(
      format, milliseconds: wallClockMilliseconds(), level: event.level, message: event.message.description, pairs)
    Array(line.utf8).withUnsafeBytes { bytes in _ = write(descriptor, bytes.baseAddress, bytes.count) }
  }

  /// One line with its line feed: `TIME level message key=value ...`, or a JSON object.
  package static func line(
    _ format: LogFormat, milliseconds: Int64, level: Logger.Level, message: String, _ pairs: [(String, String)]
  ) -> String {
    let time = timestamp(milliseconds)
    switch format {
    case .json:
      let head: [(String, JSON)] = [
        ("time", .string(time)), ("level", .string(level.rawValue)), ("message", .string(message)),
      ]
      return JSON.object(head + pairs.map { ($0.0, .string($0.1)) }).text + "\n"
    case .text:
      let tail = pairs.map { " \($0.0)=\(isPlain($0.1) ? $0.1 : JSON.string($0.1).text)" }.joined()
      return "\(time) \(level.rawValue) \(message)\(tail)\n"
    }
  }

  private static func isPlain(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != 0x5C }
  }

  /// UTC, to the millisecond: `2026-11-24T04:14:00.123Z`.
  private static func timestamp(_ milliseconds: Int64) -> String {
    var seconds = time_t(milliseconds / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ value: some BinaryInteger, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))T"
      + "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
      + ".\(padded(milliseconds % 1000, 3))Z"
  }
}

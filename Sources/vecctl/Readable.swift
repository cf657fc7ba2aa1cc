import Glibc
import VecCore

/// Numbers, sizes and times as people read them.
enum Readable {
  /// `1,234,567`.
  static func count(_ value: some BinaryInteger) -> String {
    var out = ""
    for (position, digit) in String(value).reversed().enumerated() {
      if position > 0, position % 3 == 0, digit != "-" { out.append(",") }
      out.append(digit)
    }
    return String(out.reversed())
  }

  /// `1 query`, `2,000 queries`.
  static func count(_ value: some BinaryInteger, _ one: String, _ many: String) -> String {
    "\(count(value)) \(value == 1 ? one : many)"
  }

  /// `1.4 GiB`.
  static func bytes(_ value: UInt64) -> String {
    var amount = Double(value)
    var units = ["B", "KiB", "MiB", "GiB", "TiB"][...]
    while amount >= 1024, units.count > 1 {
      amount /= 1024
      units = units.dropFirst()
    }
    return "\(units.startIndex == 0 ? String(value) : fixed(amount, 1)) \(units.first ?? "B")"
  }

  /// `0:07`, `12:03`, `1:02:03`.
  static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "-" }
    let whole = Int(max(0, seconds).rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    let tail = "\(hours > 0 ? two(minutes) : String(minutes)):\(two(rest))"
    return hours > 0 ? "\(hours):\(tail)" : tail
  }

  /// Milliseconds since 1970 as `2026-11-24 04:13:22` UTC.
  static func time(_ milliseconds: Int64?) -> String {
    guard let milliseconds, milliseconds >= 0 else { return "-" }
    var seconds = time_t(milliseconds / 1000)
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "-" }
    return "\(Int(parts.tm_year) + 1900)-\(two(Int(parts.tm_mon) + 1))-\(two(Int(parts.tm_mday))) "
      + "\(two(Int(parts.tm_hour))):\(two(Int(parts.tm_min))):\(two(Int(parts.tm_sec)))"
  }

  /// With `digits` decimals; a dot whatever the locale.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return value.description }
    let scale = pow(10, Double(digits))
    let scaled = Int64((abs(value) * scale).rounded())
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard digits > 0 else { return sign + String(scaled) }
    let fraction = String(scaled % Int64(scale))
    return "\(sign)\(scaled / Int64(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
  }

  /// Nanoseconds as `812 us` or `1.25 ms`.
  static func latency(nanoseconds: UInt64) -> String {
    nanoseconds < 1_000_000
      ? "\(fixed(Double(nanoseconds) / 1e3, 0)) us" : "\(fixed(Double(nanoseconds) / 1e6, 2)) ms"
  }

  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }
}

/// Columns under headings, aligned: text to the left, numbers to the right.
struct Table {
  enum Side { case left, right }

  private let columns: [(heading: String, side: Side)]
  private var rows: [[String]] = []

  init(_ columns: [(String, Side)]) { self.columns = columns.map { (heading: $0.0, side: $0.1) } }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  var text: String {
    let all = [columns.map(\.heading)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { cells in
      let padded = columns.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - cells[column].count)
        if columns[column].side == .right { return space + cells[column] }
        return column == columns.count - 1 ? cells[column] : cells[column] + space
      }
      let line = padded.joined(separator: "  ")
      return String(line[...(line.lastIndex { $0 != " " } ?? line.startIndex)])
    }.joined(separator: "\n")
  }
}

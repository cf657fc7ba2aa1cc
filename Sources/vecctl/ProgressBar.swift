import Glibc

/// A line on stderr that tells how far long work has come; silent unless a person sees it and it lasts.
final class ProgressBar {
  private let title: String
  private let unit: String
  private let isShown = Output.talksToTerminal
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var drawn: ContinuousClock.Instant?

  private static let width = 24

  init(title: String, unit: String) {
    self.title = title
    self.unit = unit
    start = clock.now
  }

  /// - Parameter total: nil when only the end tells.
  func show(done: Int, total: Int?) {
    let now = clock.now
    // Work that is over within a moment needs no bar, and ten pictures a second are enough.
    guard isShown, now - (drawn ?? start) > .milliseconds(drawn == nil ? 300 : 100) else { return }
    drawn = now
    let seconds = (now - start) / .seconds(1)
    let rate = Double(done) / max(seconds, 1e-9)
    var line = title
    if let total, total > 0 {
      let share = min(1, Double(done) / Double(total))
      let filled = Int(share * Double(Self.width))
      let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: Self.width - filled)
      line += " [\(bar)] \(Int(share * 100)) %"
    }
    line += "  \(Readable.count(done)) \(unit)  \(Readable.count(Int(min(rate, 1e15)))) \(unit)/s"
    if let total, total > done, rate > 0 {
      line += "  ETA \(Readable.duration(seconds: Double(total - done) / rate))"
    }
    Output.raw("\r\u{1B}[K\(line)", to: STDERR_FILENO)
  }

  /// A share of 0 to 1 where there is nothing to count.
  func show(share: Double) {
    let now = clock.now
    guard isShown, now - (drawn ?? start) > .milliseconds(drawn == nil ? 300 : 100) else { return }
    drawn = now
    let filled = Int(min(1, max(0, share)) * Double(Self.width))
    let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: Self.width - filled)
    let elapsed = Readable.duration(seconds: (now - start) / .seconds(1))
    Output.raw("\r\u{1B}[K\(title) [\(bar)] \(Int(share * 100)) %  \(elapsed)", to: STDERR_FILENO)
  }

  /// Takes the line away.
  func clear() {
    if drawn != nil { Output.raw("\r\u{1B}[K", to: STDERR_FILENO) }
    drawn = nil
  }

  var seconds: Double { (clock.now - start) / .seconds(1) }
}

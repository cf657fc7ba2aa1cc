package import VecCore

/// The different keywords of a column, ascending by their bytes; the code of one is its place.
package struct KeywordDictionary: Sendable, Equatable {
  /// Where each keyword begins in `bytes`, and the end of the last.
  let starts: [Int]
  let bytes: [UInt8]

  /// - Parameter keywords: ascending, none twice.
  init(ascending keywords: [Keyword]) {
    var starts = [0]
    var bytes: [UInt8] = []
    starts.reserveCapacity(keywords.count + 1)
    for keyword in keywords {
      bytes.append(contentsOf: keyword.text.utf8)
      starts.append(bytes.count)
    }
    self.starts = starts
    self.bytes = bytes
  }

  init(starts: [Int], bytes: [UInt8]) {
    self.starts = starts
    self.bytes = bytes
  }

  package var count: Int { starts.count - 1 }

  package subscript(code: Int) -> Keyword {
    Keyword(String(decoding: bytes[starts[code]..<starts[code + 1]], as: UTF8.self))
  }

  /// The code of a keyword; nil when no row has it.
  package func code(of keyword: Keyword) -> Int? {
    let code = lowerBound(of: keyword)
    return code < count && bytes[starts[code]..<starts[code + 1]].elementsEqual(keyword.text.utf8) ? code : nil
  }

  /// How many keywords stand before this one.
  func lowerBound(of keyword: Keyword) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if bytes[starts[middle]..<starts[middle + 1]].lexicographicallyPrecedes(keyword.text.utf8) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  /// The codes of a range of keywords.
  func codes(of range: CompiledFilter.KeywordRange) -> Range<Int> {
    let from = range.from.map { lowerBound(of: $0.keyword) + ($0.isIncluded || code(of: $0.keyword) == nil ? 0 : 1) } ?? 0
    let to = range.to.map { lowerBound(of: $0.keyword) + ($0.isIncluded && code(of: $0.keyword) != nil ? 1 : 0) } ?? count
    return from..<max(from, to)
  }
}

/// Gives keywords provisional codes as they come, and their final ones at the end.
struct KeywordCollector {
  private var codes: [Keyword: UInt32] = [:]

  mutating func code(of keyword: Keyword) -> UInt32 {
    if let code = codes[keyword] { return code }
    let code = UInt32(codes.count)
    codes[keyword] = code
    return code
  }

  /// The dictionary, and by provisional code the final one.
  func finish() -> (dictionary: KeywordDictionary, codes: [UInt32]) {
    let ascending = codes.sorted { $0.key < $1.key }
    var final = [UInt32](repeating: 0, count: codes.count)
    for (place, entry) in ascending.enumerated() { final[Int(entry.value)] = UInt32(place) }
    return (KeywordDictionary(ascending: ascending.map(\.key)), final)
  }
}

/// Sorts what has a 32-bit key in linear time where keys are spread about evenly: into cells of equal width between the
/// least and the greatest key, more than there are elements, and then by insertion, which finds little left to do.
///
/// Scores of results and of lists are such: hundreds of floats, ordered by their bits. Where many share a cell, which only
/// strange data do, it is the sort of the standard library.
package enum CellSort {
  /// Elements of a cell.
  private static let crowd = 32
  private static let cellBitsMax = 12

  /// Sorts `count` elements in place.
  /// - Parameters:
  ///   - spare: room for as many.
  ///   - key: ascending, but for ties.
  ///   - isBefore: the order, total; what has a lesser key is before.
  @inline(__always)
  package static func sort<Element: BitwiseCopyable>(
    _ base: UnsafeMutablePointer<Element>, _ count: Int, spare: UnsafeMutablePointer<Element>,
    key: (Element) -> UInt32, isBefore: (Element, Element) -> Bool
  ) {
    guard count > 1 else { return }
    if count > crowd {
      guard scatter(base, count, spare, key) else {
        var all = UnsafeMutableBufferPointer(start: base, count: count)
        return all.sort(by: isBefore)
      }
    }
    for index in 1..<count {
      let element = base[index]
      var place = index
      while place > 0, isBefore(element, base[place - 1]) {
        base[place] = base[place - 1]
        place -= 1
      }
      base[place] = element
    }
  }

  /// Puts elements into the order of their cells; false, and nothing done, where one is crowded.
  @inline(__always)
  private static func scatter<Element: BitwiseCopyable>(
    _ base: UnsafeMutablePointer<Element>, _ count: Int, _ spare: UnsafeMutablePointer<Element>,
    _ key: (Element) -> UInt32
  ) -> Bool {
    var (least, greatest) = (UInt32.max, UInt32.min)
    for index in 0..<count {
      least = min(least, key(base[index]))
      greatest = max(greatest, key(base[index]))
    }
    let bits = 32 - (greatest - least).leadingZeroBitCount
    let cellBits = min(cellBitsMax, 1 + count.bitWidth - count.leadingZeroBitCount)
    let shift = UInt32(max(0, bits - cellBits))
    let cells = Int((greatest - least) >> shift) + 1
    return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: cells) { places in
      places.initialize(repeating: 0)
      for index in 0..<count { places[Int((key(base[index]) - least) >> shift)] &+= 1 }
      var (sum, most) = (UInt32.min, UInt32.min)
      for cell in 0..<cells {
        let here = places[cell]
        most = max(most, here)
        places[cell] = sum
        sum &+= here
      }
      guard most <= crowd else { return false }
      for index in 0..<count {
        let cell = Int((key(base[index]) - least) >> shift)
        spare[Int(places[cell])] = base[index]
        places[cell] &+= 1
      }
      base.update(from: spare, count: count)
      return true
    }
  }
}

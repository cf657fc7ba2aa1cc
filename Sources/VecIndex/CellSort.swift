/// Sorts by score, best first, in linear time where scores are spread about evenly: into cells of equal width between the
/// least and the greatest, more than there are elements, and then by insertion, which finds little left to do.
///
/// Hundreds of results or lists are such. Where many share a cell, which only strange data do, it is the sort of the
/// standard library.
package enum CellSort {
  /// Elements of a cell.
  private static let crowd = 32
  private static let cellsMax = 4_096

  /// Sorts `count` elements in place.
  /// - Parameters:
  ///   - spare: room for as many.
  ///   - score: not NaN.
  ///   - isBefore: the order, total; a greater score is before.
  @inline(__always)
  package static func sort<Element: BitwiseCopyable>(
    _ base: UnsafeMutablePointer<Element>, _ count: Int, spare: UnsafeMutablePointer<Element>,
    score: (Element) -> Float, isBefore: (Element, Element) -> Bool
  ) {
    guard count > 1 else { return }
    if count > crowd {
      guard scatter(base, count, spare, score) else {
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
    _ score: (Element) -> Float
  ) -> Bool {
    var (least, greatest) = (Float.infinity, -Float.infinity)
    for index in 0..<count {
      least = min(least, score(base[index]))
      greatest = max(greatest, score(base[index]))
    }
    let cells = min(cellsMax, 2 * count)
    // Rounded differences and products keep the order; the last cell is that of the least score.
    let factor = Float(cells - 1) / (greatest - least)
    guard factor.isFinite, factor > 0 else { return false }
    return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: cells) { places in
      places.initialize(repeating: 0)
      for index in 0..<count { places[Int((greatest - score(base[index])) * factor)] &+= 1 }
      var (sum, most) = (UInt32.min, UInt32.min)
      for cell in 0..<cells {
        let here = places[cell]
        most = max(most, here)
        places[cell] = sum
        sum &+= here
      }
      guard most <= crowd else { return false }
      for index in 0..<count {
        let cell = Int((greatest - score(base[index])) * factor)
        spare[Int(places[cell])] = base[index]
        places[cell] &+= 1
      }
      base.update(from: spare, count: count)
      return true
    }
  }
}

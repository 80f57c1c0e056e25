/// Pictures as sixels: six rows of pixels a band, one pass of a band for each colour in it.
///
/// The format is that of the VT340 (DEC EK-VT38T, chapter 14); colours are in per cent, at most 256 of them.
public enum Sixel {
  /// Colours that terminals have at least.
  static let colorsMax = 256

  /// The escape sequence that draws a picture where the cursor is.
  public static func encode(_ picture: Pixmap) -> [UInt8] {
    let (palette, indexes) = ColorTable.reduced(picture, to: colorsMax)
    // P2 = 1: pixels without a colour stay as they are.
    var out = Array("\u{1B}P0;1;0q\"1;1;\(picture.width);\(picture.height)".utf8)
    for (i, color) in palette.enumerated() {
      func percent(_ value: UInt8) -> Int { (Int(value) * 100 + 127) / 255 }
      out += Array("#\(i);2;\(percent(color.red));\(percent(color.green));\(percent(color.blue))".utf8)
    }
    let width = picture.width
    for top in stride(from: 0, to: picture.height, by: 6) {
      if top > 0 { out.append(UInt8(ascii: "-")) }
      // The rows of each colour of the band, as bits of a column; colours in the order of their first pixel.
      var slots = [Int](repeating: -1, count: palette.count)
      var (order, columns) = ([Int](), [UInt8]())
      for row in 0..<min(6, picture.height - top) {
        let start = (top + row) * width
        for x in 0..<width {
          let color = Int(indexes[start + x])
          if slots[color] < 0 {
            slots[color] = order.count
            order.append(color)
            columns += [UInt8](repeating: 0, count: width)
          }
          columns[slots[color] * width + x] |= 1 << UInt8(row)
        }
      }
      for (i, color) in order.enumerated() {
        if i > 0 { out.append(UInt8(ascii: "$")) }
        out += Array("#\(color)".utf8)
        append(columns[i * width..<(i + 1) * width], to: &out)
      }
    }
    return out + Array("\u{1B}\\".utf8)
  }

  /// The columns of one colour; a run of more than three is written as its length.
  private static func append(_ columns: ArraySlice<UInt8>, to out: inout [UInt8]) {
    var end = columns.endIndex
    while end > columns.startIndex, columns[end - 1] == 0 { end -= 1 }
    var x = columns.startIndex
    while x < end {
      var next = x + 1
      while next < end, columns[next] == columns[x] { next += 1 }
      let sign = columns[x] + 63
      if next - x > 3 {
        out += Array("!\(next - x)".utf8)
        out.append(sign)
      } else {
        out += [UInt8](repeating: sign, count: next - x)
      }
      x = next
    }
  }
}

/// The colours of a picture, reduced by median cut (Heckbert 1982, "Color image quantization for frame buffer display").
enum ColorTable {
  /// Colours that differ by less than 4 in each part are one: sixels have no more than 101 levels.
  private static let bits = 6

  private struct Bin {
    var count = 0
    var red = 0
    var green = 0
    var blue = 0

    subscript(axis: Int) -> Int { (axis == 0 ? red : axis == 1 ? green : blue) / max(count, 1) }
  }

  /// At most `limit` colours, and the number of its colour for each pixel.
  static func reduced(_ picture: Pixmap, to limit: Int) -> (palette: [RGB], indexes: [UInt8]) {
    var bins = [Bin](repeating: Bin(), count: 1 << (3 * bits))
    var places = [Int32](repeating: 0, count: picture.count)
    var used: [Int] = []
    for i in 0..<picture.count {
      let (r, g, b) = (
        Int(picture.bytes[3 * i]), Int(picture.bytes[3 * i + 1]), Int(picture.bytes[3 * i + 2])
      )
      let place = (r >> (8 - bits)) << (2 * bits) | (g >> (8 - bits)) << bits | b >> (8 - bits)
      if bins[place].count == 0 { used.append(place) }
      bins[place].count += 1
      bins[place].red += r
      bins[place].green += g
      bins[place].blue += b
      places[i] = Int32(place)
    }
    var boxes = used.isEmpty ? [] : [Box(used, bins)]
    while boxes.count < limit, let widest = boxes.indices.max(by: { boxes[$0].weight < boxes[$1].weight }),
      boxes[widest].places.count > 1
    {
      let (low, high) = boxes[widest].halves(bins)
      boxes[widest] = Box(low, bins)
      boxes.append(Box(high, bins))
    }
    var (palette, number) = ([RGB](), [UInt8](repeating: 0, count: bins.count))
    for (i, box) in boxes.enumerated() {
      var sum = Bin()
      for place in box.places {
        number[place] = UInt8(i)
        sum.count += bins[place].count
        sum.red += bins[place].red
        sum.green += bins[place].green
        sum.blue += bins[place].blue
      }
      palette.append(RGB(UInt8(sum[0]), UInt8(sum[1]), UInt8(sum[2])))
    }
    return (palette, places.map { number[Int($0)] })
  }

  /// Colours that become one, with the axis along which they are farthest apart.
  private struct Box {
    let places: [Int]
    let axis: Int
    /// How far apart they are, weighted by their pixels; below 0 for one colour.
    let weight: Double

    init(_ places: [Int], _ bins: [Bin]) {
      var (axis, widest) = (0, -1)
      for one in 0..<3 where places.count > 1 {
        var (low, high) = (255, 0)
        for place in places {
          low = min(low, bins[place][one])
          high = max(high, bins[place][one])
        }
        if high - low > widest { (axis, widest) = (one, high - low) }
      }
      let pixels = places.reduce(0) { $0 + bins[$1].count }
      (self.places, self.axis) = (places, axis)
      weight = Double(widest) * Double(pixels).squareRoot()
    }

    /// Two parts with about as many pixels each, neither empty.
    func halves(_ bins: [Bin]) -> ([Int], [Int]) {
      let sorted = places.sorted { bins[$0][axis] < bins[$1][axis] }
      let pixels = sorted.reduce(0) { $0 + bins[$1].count }
      var (seen, cut) = (0, 0)
      while cut < sorted.count - 1, seen + bins[sorted[cut]].count <= pixels / 2 {
        seen += bins[sorted[cut]].count
        cut += 1
      }
      cut = max(cut, 1)
      return (Array(sorted[..<cut]), Array(sorted[cut...]))
    }
  }
}

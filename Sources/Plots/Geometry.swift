/// Points in shares of the axes, and lines cut to the frame.

/// A point; in a scene in data coordinates, after mapping in shares of the two axes.
struct Point: Equatable {
  var x: Double
  var y: Double
}

/// The part of the segment from `a` to `b` inside the unit square, nil when none is (Liang and Barsky, 1984).
func clipped(_ a: Point, _ b: Point) -> (Point, Point)? {
  var (enter, leave) = (0.0, 1.0)
  let (dx, dy) = (b.x - a.x, b.y - a.y)
  for (p, q) in [(-dx, a.x), (dx, 1 - a.x), (-dy, a.y), (dy, 1 - a.y)] {
    if p == 0 {
      if q < 0 { return nil }
    } else if p < 0 {
      enter = max(enter, q / p)
    } else {
      leave = min(leave, q / p)
    }
  }
  guard enter <= leave else { return nil }
  func at(_ t: Double) -> Point { Point(x: a.x + t * dx, y: a.y + t * dy) }
  return (enter == 0 ? a : at(enter), leave == 1 ? b : at(leave))
}

/// The pieces of a line inside the unit square; a line of one point is a piece of one point.
func clipped(_ line: [Point]) -> [[Point]] {
  if line.count == 1 { return clipped(line[0], line[0]) == nil ? [] : [line] }
  var pieces: [[Point]] = []
  var open = false
  for (a, b) in zip(line, line.dropFirst()) {
    guard let (from, to) = clipped(a, b) else {
      open = false
      continue
    }
    if open { pieces[pieces.count - 1].append(to) } else { pieces.append([from, to]) }
    open = to == b
  }
  return pieces
}

/// A line of many points as at most four in each of `columns` columns: first, lowest, highest, last.
///
/// Drawn, the two look alike; x must not go back. Shorter lines and lines that go back are returned unchanged.
func thinned(_ line: [Point], columns: Int) -> [Point] {
  guard line.count > 4 * columns, zip(line, line.dropFirst()).allSatisfy({ $0.x <= $1.x }) else {
    return line
  }
  var kept: [Point] = []
  var start = 0
  while start < line.count {
    let column = (line[start].x * Double(columns)).rounded(.down)
    var (end, low, high) = (start, start, start)
    while end < line.count, (line[end].x * Double(columns)).rounded(.down) == column {
      if line[end].y < line[low].y { low = end }
      if line[end].y > line[high].y { high = end }
      end += 1
    }
    for i in Set([start, low, high, end - 1]).sorted() { kept.append(line[i]) }
    start = end
  }
  return kept
}

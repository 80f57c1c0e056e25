/// The argument that counts threads.
import Base
import LuaEngine

extension Call {
  /// A count of threads within `ThreadCount.range`.
  func threads(_ i: Int) throws -> Int {
    let (count, range) = (try integer(i), ThreadCount.range)
    guard range.contains(count) else {
      throw bad(i, "\(range.lowerBound) to \(range.upperBound) threads expected, got \(count)")
    }
    return count
  }
}

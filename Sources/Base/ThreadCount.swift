/// How many threads the kernels of this process use, the caller's included.
///
/// The count of a forked child is in memory that it shares with its parent: see `ChildProcess.useThreads`.
import CSystem

public enum ThreadCount {
  /// The counts that may be asked for.
  public static let range = 1...256

  /// The number of processors that the process may use, until it is set; within `range`.
  public static var current: Int {
    @inline(__always) get {
      let count = Int(shim_threads())
      return count > 0 ? count : standard
    }
    set { shim_set_threads(shim_threads_word, word(newValue)) }
  }

  private static let standard = Int(word(Processors.usable))

  static func word(_ count: Int) -> Int32 { Int32(max(range.lowerBound, min(count, range.upperBound))) }
}

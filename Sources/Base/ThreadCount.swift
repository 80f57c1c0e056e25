/// How many threads the kernels of this process use, the caller's included.
///
/// The count of a forked child is in memory that it shares with its parent: see `ChildProcess.useThreads`.
import CSystem

public enum ThreadCount {
  /// The number of processors that the process may use, until it is set; from 1 to 256.
  public static var current: Int {
    @inline(__always) get {
      let count = Int(shim_threads())
      return count > 0 ? count : standard
    }
    set { shim_set_threads(shim_threads_word, word(newValue)) }
  }

  private static let standard = Int(word(Processors.usable))

  static func word(_ count: Int) -> Int32 { Int32(max(1, min(count, 256))) }
}

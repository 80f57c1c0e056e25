/// The processes of one job, which a launcher of MPI started: `mpirun -n 4 perilune script.lua`.
///
///     let processes = try Processes.current()
///     let texts = try processes.allGather(Array("rank \(processes.rank)".utf8))
///
/// A process without a launcher is a job of one, and loads nothing. Every process calls the same functions in the same
/// order; one that leaves with another status than 0 ends the job.
import Base
import CMPIShims

public final class Processes: @unchecked Sendable {
  /// The number of this process, from 0.
  public let rank: Int
  /// The number of processes.
  public let size: Int
  /// "Open MPI", "MPICH", or "" without a launcher.
  public let library: String

  private static let started: Result<Processes, Failure> = {
    var problem = [CChar](repeating: 0, count: 512)
    let size = shim_mpi_start(&problem, Int32(problem.count))
    guard size >= 1 else {
      let text = String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return .failure(Failure(.state, "MPI cannot be used: \(text)"))
    }
    return .success(
      Processes(rank: Int(shim_mpi_rank()), size: Int(size), library: String(cString: shim_mpi_library())))
  }()

  /// The job of this process. Throws if a launcher started it and its MPI library cannot be loaded.
  public static func current() throws -> Processes { try started.get() }

  private init(rank: Int, size: Int, library: String) {
    self.rank = rank
    self.size = size
    self.library = library
  }

  /// Ends the job if a call waits for the other processes longer than `seconds`; 0 waits for ever. `step` is what
  /// the message calls the work at hand.
  public func watch(seconds: Double, step: String) {
    if size > 1 { shim_mpi_watch(seconds, step) }
  }

  /// The seconds that this process spent in exchanges, which are mostly waits for the others.
  public var waited: Double { shim_mpi_waited() }

  public func barrier() throws {
    if size > 1 { try check(shim_mpi_barrier(), "barrier") }
  }

  /// The bytes of every process, in the order of ranks.
  public func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    if size == 1 { return [bytes] }
    var counts = [Int](repeating: 0, count: size)
    try withUnsafePointer(to: bytes.count) {
      try gather($0, into: &counts, counts: [Int](repeating: 1, count: size))
    }
    var all = [UInt8](repeating: 0, count: counts.reduce(0, +))
    try gather(bytes, into: &all, counts: counts)
    var at = 0
    return counts.map { count in
      defer { at += count }
      return Array(all[at..<at + count])
    }
  }

  /// Puts the elements of every process one after another, `counts[p]` of process p.
  func gather<T: BitwiseCopyable>(
    _ own: UnsafePointer<T>, into all: UnsafeMutablePointer<T>, counts: [Int]
  ) throws {
    let (bytes, starts) = try placed(counts, MemoryLayout<T>.stride)
    try check(shim_mpi_all_gather(own, bytes[rank], all, bytes, starts), "allgather")
  }

  /// Sends `sent[p]` elements to process p, and receives those that all send here, `received[p]` of process p.
  func exchange<T: BitwiseCopyable>(
    _ elements: UnsafePointer<T>, counts sent: [Int], into result: UnsafeMutablePointer<T>,
    counts received: [Int]
  ) throws {
    let (sendBytes, sendStarts) = try placed(sent, MemoryLayout<T>.stride)
    let (receiveBytes, receiveStarts) = try placed(received, MemoryLayout<T>.stride)
    try check(
      shim_mpi_all_to_all(elements, sendBytes, sendStarts, result, receiveBytes, receiveStarts), "alltoall")
  }

  /// Counts and starts in bytes; MPI counts with 32 bits.
  private func placed(_ counts: [Int], _ width: Int) throws -> ([Int32], [Int32]) {
    let total = try Checked.times(counts.reduce(0, +), width, "bytes")
    guard total <= Int(Int32.max) else {
      throw Failure(.value, "\(total) bytes in one exchange of \(size) processes; MPI counts to \(Int32.max)")
    }
    var starts: [Int32] = []
    var at = 0
    for count in counts {
      starts.append(Int32(at * width))
      at += count
    }
    return (counts.map { Int32($0 * width) }, starts)
  }

  private func check(_ status: Int32, _ what: String) throws {
    if status != 0 { throw Failure(.io, "\(library): \(what) failed with error \(status)") }
  }
}

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

  public func barrier() throws {
    if size > 1 { try check(shim_mpi_barrier(), "barrier") }
  }

  /// The bytes of every process, in the order of ranks.
  public func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    if size == 1 { return [bytes] }
    let counts = try gather([bytes.count], counts: [Int](repeating: 1, count: size), zero: 0)
    let all = try gather(bytes, counts: counts, zero: 0)
    var at = 0
    return counts.map { count in
      defer { at += count }
      return Array(all[at..<at + count])
    }
  }

  /// The elements of every process, `counts[p]` of process p, in the order of ranks.
  func gather<T>(_ own: [T], counts: [Int], zero: T) throws -> [T] {
    let (bytes, starts) = try placed(counts, MemoryLayout<T>.stride)
    let count = counts.reduce(0, +)
    var all = [T](repeating: zero, count: max(1, count))
    let status = withAddresses(own.isEmpty ? [zero] : own, &all) { from, to in
      shim_mpi_all_gather(from, bytes[rank], to, bytes, starts)
    }
    try check(status, "allgather")
    return Array(all.prefix(count))
  }

  /// Sends `sent[p]` elements to process p, and returns those that all send here, `received[p]` of process p.
  func exchange<T>(_ elements: [T], sent: [Int], received: [Int], zero: T) throws -> [T] {
    let (sendBytes, sendStarts) = try placed(sent, MemoryLayout<T>.stride)
    let (receiveBytes, receiveStarts) = try placed(received, MemoryLayout<T>.stride)
    let count = received.reduce(0, +)
    var result = [T](repeating: zero, count: max(1, count))
    let status = withAddresses(elements.isEmpty ? [zero] : elements, &result) { from, to in
      shim_mpi_all_to_all(from, sendBytes, sendStarts, to, receiveBytes, receiveStarts)
    }
    try check(status, "alltoall")
    return Array(result.prefix(count))
  }

  /// Calls `body` with the addresses of two arrays that are not empty; -1 if one is.
  private func withAddresses<T>(
    _ from: [T], _ to: inout [T], _ body: (UnsafeRawPointer, UnsafeMutableRawPointer) -> Int32
  ) -> Int32 {
    from.withUnsafeBytes { send in
      to.withUnsafeMutableBytes { receive in
        guard let from = send.baseAddress, let to = receive.baseAddress else { return -1 }
        return body(from, to)
      }
    }
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

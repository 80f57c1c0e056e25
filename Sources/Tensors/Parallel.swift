/// Runs numbered pieces of work on several threads.
///
/// Work is cut by shapes alone, never by the number of threads, and each piece writes its own part of the
/// result: so the number of threads changes no bit. Workers spin briefly before they sleep, because the gap
/// between two kernels of a training step is shorter than a wake-up.
import Base
import CSystem
import Synchronization

public enum Parallel {
  /// Threads that work together, the caller included. The default is the number of processors the process may use. In a
  /// forked child the parent may change it at any time.
  public static var threads: Int {
    @inline(__always) get { ThreadCount.current }
    set { ThreadCount.current = newValue }
  }

  /// Calls `body(0)`, ..., `body(pieces - 1)`, each once, in any order and on any thread. Calls from inside
  /// `body` or from two threads at once run on the calling thread alone.
  @inline(__always)
  public static func run(_ pieces: Int, _ body: (Int) -> Void) {
    if pieces <= 1 || threads == 1 {
      for piece in 0..<max(pieces, 0) where !isCut { body(piece) }
    } else {
      withoutActuallyEscaping(body) { Team.shared.run(pieces, $0) }
    }
  }

  /// Cuts `count` items into ranges of `grain` items (the last may be shorter) and runs them as pieces.
  @inline(__always)
  public static func ranges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let grain = max(grain, 1)
    let pieces = (count + grain - 1) / grain
    run(pieces) { piece in body(piece * grain..<min(count, (piece + 1) * grain)) }
  }

  /// Like `ranges`, for a result that is not needed after Ctrl-C: the remaining ranges are skipped, and the
  /// failure is thrown.
  @inline(__always)
  public static func interruptibleRanges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) throws {
    ranges(count, grain: grain) { if !Interrupt.isPending { body($0) } }
    try Interrupt.check()
  }

  /// How many calls of `cutting` are running, all on the interpreter's thread.
  @usableFromInline static let cuttings = Atomic<Int>(0)

  /// True after Ctrl-C within `cutting`: what is computed will be thrown away.
  public static var isCut: Bool { Interrupt.isPending && cuttings.load(ordering: .relaxed) > 0 }

  /// Whether it is time to look at Ctrl-C in a long loop: once in a million elements.
  @inline(__always)
  static func isTimeToLook(_ i: Int) -> Bool { i & 0xFFFFF == 0xFFFFF }

  /// Runs work that makes new tensors and changes none. After Ctrl-C its remaining pieces are skipped, and the failure is
  /// thrown in place of the incomplete result.
  @inlinable @inline(__always)
  public static func cutting<R>(_ body: () throws -> R) throws -> R {
    // One thread writes: a store is enough, and costs less than an atomic sum.
    let outer = cuttings.load(ordering: .relaxed)
    cuttings.store(outer + 1, ordering: .relaxed)
    defer { cuttings.store(outer, ordering: .relaxed) }
    do {
      let result = try body()
      try Interrupt.check()
      return result
    } catch {
      // An incomplete result may have failed a check.
      try Interrupt.check()
      throw error
    }
  }

  /// Throws where pieces of this work may have been skipped: before their results are used as positions.
  public static func checkIfCut() throws {
    if isCut { try Interrupt.check() }
  }

  /// Calls `body` with consecutive ranges of `count` items on the calling thread. Within `cutting`, Ctrl-C ends the work
  /// between two ranges with a failure; `grain` items are some milliseconds of work.
  @inlinable @inline(__always)
  public static func inOrder(_ count: Int, grain: Int = 1 << 18, _ body: (Range<Int>) throws -> Void) throws {
    var start = 0
    while start < count {
      try checkIfCut()
      let end = count &- start < grain ? count : start &+ grain
      try body(start..<end)
      start = end
    }
  }

  /// Runs `count` items in `pieces` ranges of nearly equal length.
  @inline(__always)
  public static func evenly(_ count: Int, pieces: Int, _ body: (Range<Int>) -> Void) {
    run(pieces) { piece in body(range(piece, of: pieces, count)) }
  }

  /// One of `pieces` ranges of nearly equal length that cut `count` items.
  @inline(__always)
  public static func range(_ piece: Int, of pieces: Int, _ count: Int) -> Range<Int> {
    piece * count / pieces..<(piece + 1) * count / pieces
  }
}

/// The worker threads. They start with the first job, and again in a forked child.
///
/// A job is one atomic word: its number, its count of pieces and the next piece. So a piece can only be taken
/// from its own job. A job ends when its pieces are done, whether or not every worker has woken: on a busy
/// machine, a worker that is not scheduled delays nobody.
final class Team: @unchecked Sendable {
  static let shared = Team()

  private let busy = Atomic<Bool>(false)
  private let job = Atomic<UInt64>(0)
  private let completed = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private var body: ((Int) -> Void)?
  private var started = 0
  private var owner = getpid()
  private var mutex = pthread_mutex_t()
  private var wake = pthread_cond_t()

  /// Bits of the word for the count of pieces and for the next piece; the rest is the number of the job.
  private static let pieceBits: UInt64 = 22
  private static let pieceMask: UInt64 = 1 << pieceBits - 1
  /// Checks for a job before a worker sleeps: some tens of microseconds, longer than the gap between two
  /// kernels.
  private static let spins = 4_000
  /// Checks for the end before the caller yields its core to a late worker.
  private static let patience = 2_000

  private init() {
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&wake, nil)
  }

  func run(_ count: Int, _ work: @escaping (Int) -> Void) {
    if count > Int(Self.pieceMask) || busy.exchange(true, ordering: .acquiring) {
      for piece in 0..<count where !Parallel.isCut { work(piece) }
      return
    }
    startWorkers()
    body = work
    completed.store(0, ordering: .relaxed)
    let number = Self.number(job.load(ordering: .relaxed)) &+ 1
    job.store(
      number << (2 * Self.pieceBits) | UInt64(count) << Self.pieceBits, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(&mutex)
      pthread_cond_broadcast(&wake)
      pthread_mutex_unlock(&mutex)
    }
    takePieces(of: number)
    var looks = 0
    while completed.load(ordering: .acquiring) < count {
      shim_cpu_pause()
      looks += 1
      if looks > Self.patience { sched_yield() }
    }
    body = nil
    busy.store(false, ordering: .releasing)
  }

  /// The job's number, within the bits it has.
  private static func number(_ word: UInt64) -> UInt64 { word >> (2 * pieceBits) }

  /// Runs pieces of one job until none is left or another job has begun.
  private func takePieces(of number: UInt64) {
    var word = job.load(ordering: .acquiring)
    while true {
      let piece = word & Self.pieceMask
      if Self.number(word) != number & (1 << (64 - 2 * Self.pieceBits) - 1)
        || piece >= word >> Self.pieceBits & Self.pieceMask
      {
        return
      }
      let (taken, now) = job.compareExchange(
        expected: word, desired: word + 1, ordering: .acquiringAndReleasing)
      if taken {
        // The job cannot end before this piece, so its body is still valid.
        if let work = body, !Parallel.isCut { work(Int(piece)) }
        completed.wrappingAdd(1, ordering: .releasing)
        word = job.load(ordering: .acquiring)
      } else {
        word = now
      }
    }
  }

  private func startWorkers() {
    if owner != getpid() {
      // The child of a fork has none of the parent's threads.
      owner = getpid()
      started = 0
      sleepers.store(0, ordering: .relaxed)
      pthread_mutex_init(&mutex, nil)
      pthread_cond_init(&wake, nil)
    }
    while started < Parallel.threads - 1 {
      var thread = pthread_t()
      let seat = Seat(team: self, number: started + 1, job: Self.number(job.load(ordering: .relaxed)))
      let passed = Unmanaged.passRetained(seat)
      let status = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Seat>.fromOpaque(argument).takeRetainedValue().work()
          return nil
        }, passed.toOpaque())
      if status != 0 {
        passed.release()
        return
      }
      pthread_detach(thread)
      started += 1
    }
  }

  /// One worker's index. It joins a job only if that many threads are wanted.
  private final class Seat {
    let team: Team
    let number: Int
    var seen: UInt64

    init(team: Team, number: Int, job: UInt64) {
      self.team = team
      self.number = number
      seen = job
    }

    func work() {
      var signals = sigset_t()
      sigfillset(&signals)
      sigdelset(&signals, SIGSYS)  // in the sandbox, how a thread opens files
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      while true {
        team.waitForJob(after: seen)
        seen = Team.number(team.job.load(ordering: .acquiring))
        if number < Parallel.threads { team.takePieces(of: seen) }
      }
    }
  }

  private func waitForJob(after seen: UInt64) {
    for _ in 0..<Self.spins {
      if Self.number(job.load(ordering: .acquiring)) != seen { return }
      shim_cpu_pause()
    }
    pthread_mutex_lock(&mutex)
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while Self.number(job.load(ordering: .sequentiallyConsistent)) == seen {
      pthread_cond_wait(&wake, &mutex)
    }
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(&mutex)
  }
}

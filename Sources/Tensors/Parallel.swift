/// Runs numbered pieces of work on the machine's cores.
///
/// How work is cut into pieces depends on shapes alone, never on the number of threads, and each piece writes its own
/// part of the result: so one thread and many give the same bits. Workers spin briefly for the next job, because the
/// gap between two kernels of a training step is shorter than a wake-up, and then sleep.
import Base
import CShims
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

public enum Parallel {
  /// Threads that work together, the caller included. The default is the number of cores the process may use.
  public static var threads: Int {
    get { wanted.load(ordering: .relaxed) }
    set { wanted.store(max(1, min(newValue, 256)), ordering: .relaxed) }
  }

  private static let wanted = Atomic<Int>(availableCores())

  static func availableCores() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Calls `body(0)`, ..., `body(pieces - 1)`, each once, in any order and on any thread. Calls from inside `body`
  /// or from two threads at once run on the calling thread alone.
  @inline(__always)
  public static func run(_ pieces: Int, _ body: (Int) -> Void) {
    if pieces <= 1 || threads == 1 {
      for piece in 0..<max(pieces, 0) { body(piece) }
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
}

/// The worker threads. They start with the first job and are started anew in a forked child.
final class Team: @unchecked Sendable {
  static let shared = Team()

  private let busy = Atomic<Bool>(false)
  private let epoch = Atomic<Int>(0)
  private let next = Atomic<Int>(0)
  private let unfinished = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private var pieces = 0
  private var members = 1
  private var body: ((Int) -> Void)?
  private var started = 0
  private var owner = getpid()
  private var mutex = pthread_mutex_t()
  private var wake = pthread_cond_t()

  private init() {
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&wake, nil)
  }

  func run(_ count: Int, _ work: @escaping (Int) -> Void) {
    if busy.exchange(true, ordering: .acquiring) {
      for piece in 0..<count { work(piece) }
      return
    }
    startWorkers()
    body = work
    pieces = count
    members = min(Parallel.threads, started + 1)
    next.store(0, ordering: .relaxed)
    unfinished.store(started, ordering: .relaxed)
    epoch.wrappingAdd(1, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(&mutex)
      pthread_cond_broadcast(&wake)
      pthread_mutex_unlock(&mutex)
    }
    takePieces()
    while unfinished.load(ordering: .acquiring) > 0 { pause() }
    body = nil
    busy.store(false, ordering: .releasing)
  }

  private func takePieces() {
    guard let work = body else { return }
    while true {
      let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if piece >= pieces { return }
      work(piece)
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
      let seat = Seat(team: self, number: started + 1, epoch: epoch.load(ordering: .relaxed))
      let passed = Unmanaged.passRetained(seat)
      let status = pthread_create(&thread, nil, { argument in
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

  /// One worker's place: it joins a job only if the job wants that many members.
  private final class Seat {
    let team: Team
    let number: Int
    var seen: Int

    init(team: Team, number: Int, epoch: Int) {
      self.team = team
      self.number = number
      seen = epoch
    }

    func work() {
      var signals = sigset_t()
      sigfillset(&signals)
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      while true {
        team.waitForJob(after: seen)
        seen = team.epoch.load(ordering: .acquiring)
        if number < team.members { team.takePieces() }
        team.unfinished.wrappingSubtract(1, ordering: .acquiringAndReleasing)
      }
    }
  }

  private func waitForJob(after seen: Int) {
    for _ in 0..<20_000 {
      if epoch.load(ordering: .acquiring) != seen { return }
      pause()
    }
    pthread_mutex_lock(&mutex)
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while epoch.load(ordering: .sequentiallyConsistent) == seen { pthread_cond_wait(&wake, &mutex) }
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(&mutex)
  }

  @inline(__always) private func pause() { shim_cpu_pause() }
}

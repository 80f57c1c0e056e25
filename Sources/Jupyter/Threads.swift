/// A mutex and its condition, for the three threads of a kernel.
import Base

final class Lock: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func locked<R>(_ body: () throws -> R) rethrows -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Waits, inside `locked`, until another thread announces a change, or for `milliseconds`.
  func wait(milliseconds: Int? = nil) {
    guard let milliseconds else {
      pthread_cond_wait(condition, mutex)
      return
    }
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    until.tv_nsec += (milliseconds % 1000) * 1_000_000
    until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1_000_000_000
    until.tv_nsec %= 1_000_000_000
    pthread_cond_timedwait(condition, mutex, &until)
  }

  func announce() { pthread_cond_broadcast(condition) }
}

/// Starts a thread that gets no signals: Ctrl-C belongs to the thread that runs Lua.
func startThread(_ body: @escaping () -> Void) throws -> pthread_t {
  final class Box { let body: () -> Void; init(_ body: @escaping () -> Void) { self.body = body } }
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body))
  let status = pthread_create(
    &thread, nil,
    { argument in
      argument.map { Unmanaged<Box>.fromOpaque($0).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  if status != 0 {
    box.release()
    throw Failure(.state, "cannot start a thread: \(String(cString: strerror(status)))")
  }
  return thread
}

/// A pipe that children do not inherit, whose reading end never waits.
func makePipe() throws -> (readEnd: Int32, writeEnd: Int32) {
  var ends: [Int32] = [0, 0]
  if pipe(&ends) != 0 { throw FileCalls.failure("make", "a pipe") }
  for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
  return (ends[0], ends[1])
}

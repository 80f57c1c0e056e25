/// Work that cannot be stopped, such as a call of LAPACK, on a thread of its own: after Ctrl-C the caller goes on and the
/// work ends unheard.
import Foundation

public enum Detached {
  /// What the two threads share. The caller reads `result` once `isDone`.
  private final class Job<T>: @unchecked Sendable {
    private let body: () throws -> T
    private let done = DispatchSemaphore(value: 0)
    private(set) var result: Result<T, any Error>?

    init(_ body: @escaping () throws -> T) { self.body = body }

    func run() {
      result = Result { try body() }
      done.signal()
    }

    /// Waits some milliseconds; true once the work is done.
    func isDone() -> Bool { done.wait(timeout: .now() + .milliseconds(5)) == .success }
  }

  private final class Start {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  /// The result of `body`, run on another thread; throws a failure of kind `.interrupted` soon after Ctrl-C.
  ///
  /// `body` owns what it reads and writes: after Ctrl-C it goes on until it ends by itself.
  public static func run<T>(_ body: @escaping () throws -> T) throws -> T {
    let job = Job(body)
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start { job.run() })
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        var signals = sigset_t()
        sigfillset(&signals)
        sigdelset(&signals, SIGSYS)  // the sandbox carries out calls of this thread too
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    if status != 0 {  // without another thread the work is done here
      start.release()
      return try body()
    }
    pthread_detach(thread)
    while !job.isDone() { try Interrupt.check() }
    guard let result = job.result else { throw Failure(.state, "a thread ended without a result") }
    return try result.get()
  }
}

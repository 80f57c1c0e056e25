/// A copy of this process that runs a function and sends lines of text back.
///
/// The child has a copy of everything at the moment of the fork and shares nothing afterwards but a pipe and its count
/// of threads, which the parent can change.
/// Perilune forks only from the interpreter's thread.
///
///     let child = try ChildProcess.fork { output in
///       try? output.send(Array("42".utf8))
///       return 0
///     }
///     child.lines(waiting: 1)      // ["42"]
import CSystem

public final class ChildProcess {
  /// The child's end of the pipe.
  public struct Output {
    let descriptor: Int32

    /// Sends one line. Throws if the parent has ended.
    public func send(_ line: [UInt8]) throws {
      let bytes = line + [UInt8(ascii: "\n")]
      var done = 0
      while done < bytes.count {
        let wrote = bytes.withUnsafeBytes { buffer in
          retryingOnSignal {
            write(descriptor, buffer.baseAddress.unsafelyUnwrapped + done, bytes.count - done)
          }
        }
        if wrote < 0 { throw Failure(.io, "the parent process has ended") }
        done += wrote
      }
    }
  }

  private let pid: pid_t
  /// The process that forked the child. A later child of that process has a copy of this object, which must
  /// neither read the pipe nor end the child.
  private let parent = getpid()
  private var descriptor: Int32
  private var unfinishedLine: [UInt8] = []
  private var exitStatus: Int32?
  private let threadsWord: UnsafeMutablePointer<Int32>

  private init(pid: pid_t, descriptor: Int32, threadsWord: UnsafeMutablePointer<Int32>) {
    self.pid = pid
    self.descriptor = descriptor
    self.threadsWord = threadsWord
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    stop()
    shim_release_threads(threadsWord)
  }

  /// Gives the child's kernels `count` threads from their next operation on.
  public func useThreads(_ count: Int) {
    if parent == getpid() { shim_set_threads(threadsWord, ThreadCount.word(count)) }
  }

  /// Forks. The child runs `body` and ends with the status that it returns. Its kernels begin with `threads`
  /// threads, by default as many as those of this process have.
  public static func fork(threads: Int? = nil, _ body: (Output) -> Int32) throws -> ChildProcess {
    var readEnd: Int32 = -1
    var writeEnd: Int32 = -1
    var threadsWord: UnsafeMutablePointer<Int32>?
    let pid = shim_fork_with_pipe(&readEnd, &writeEnd, &threadsWord, threads.map(ThreadCount.word) ?? 0)
    guard pid >= 0, let threadsWord else {
      throw Failure(.io, "cannot start a child process: \(String(cString: strerror(errno)))")
    }
    if pid == 0 { shim_exit_child(body(Output(descriptor: writeEnd))) }
    return ChildProcess(pid: pid, descriptor: readEnd, threadsWord: threadsWord)
  }

  /// The complete lines that have arrived. Waits at most `seconds` for the first.
  public func lines(waiting seconds: Double) -> [String] {
    guard descriptor >= 0, parent == getpid() else { return [] }
    if seconds > 0 {
      var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&wanted, 1, Int32(min(seconds, 3600) * 1000))
    }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while descriptor >= 0 {
      let count = retryingOnSignal { read(descriptor, &buffer, buffer.count) }
      if count > 0 {
        unfinishedLine.append(contentsOf: buffer[..<count])
        continue
      }
      if count < 0 && errno == EAGAIN { break }
      close(descriptor)
      descriptor = -1
    }
    var parts = unfinishedLine.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    unfinishedLine = parts.isEmpty ? [] : Array(parts.removeLast())
    return parts.map { String(decoding: $0, as: UTF8.self) }
  }

  /// The exit status once the child has ended: its code, or 128 + the signal. Nil while it runs.
  public func status() -> Int32? {
    if exitStatus == nil { wait(WNOHANG) }
    return exitStatus
  }

  /// Kills the child if it runs, and waits for its end.
  public func stop() {
    guard parent == getpid(), status() == nil else { return }
    kill(pid, SIGKILL)
    wait(0)
  }

  /// Asks the child to end, if it runs.
  public func terminate() {
    if parent == getpid(), status() == nil { kill(pid, SIGTERM) }
  }

  private func wait(_ options: Int32) {
    guard parent == getpid() else { return }
    var raw: Int32 = 0
    if retryingOnSignal({ waitpid(pid, &raw, options) }) == pid {
      exitStatus = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
    }
  }
}

/// What a cell puts out: its streams and displays, as messages on the iopub channel with the cell's request as
/// their parent.
///
/// Lua's own streams come here by functions (CJupyterShims/streams.c), so that stdout, stderr and displays keep
/// their order. What child processes and C libraries write to the descriptors 1 and 2 comes by pipes, which a
/// thread reads.
import Base
import CJupyterShims
import Formats

final class KernelOutput: @unchecked Sendable {
  private let sockets: KernelSockets
  private let log: KernelLog
  private let lock = Lock()
  private var parent: [UInt8]?
  private var isSilent = false
  private var stream = ""
  private var pending: [UInt8] = []
  private var captured: [UInt8]?
  /// The thread has been told that text waits.
  private var isThreadAwake = false
  private let pipes: [(name: String, descriptor: Int32)]
  private let wakeRead, wakeWrite: Int32

  /// The output that the streams of this process belong to: C's callbacks have no context.
  nonisolated(unsafe) private static var current: KernelOutput?

  /// Takes the streams and the descriptors of the process.
  init(
    _ sockets: KernelSockets, _ log: KernelLog,
    read: @escaping @convention(c) (UnsafeMutablePointer<CChar>, Int) -> Int
  ) throws {
    self.sockets = sockets
    self.log = log
    (wakeRead, wakeWrite) = try makePipe()
    _ = fcntl(wakeWrite, F_SETFL, O_NONBLOCK)
    var pipes: [(String, Int32)] = []
    for (name, descriptor) in [("stdout", STDOUT_FILENO), ("stderr", STDERR_FILENO)] {
      let (readEnd, writeEnd) = try makePipe()
      if dup2(writeEnd, descriptor) < 0 { throw FileCalls.failure("redirect", name) }
      close(writeEnd)
      pipes.append((name, readEnd))
    }
    self.pipes = pipes
    let nothing = open("/dev/null", O_RDONLY)
    if nothing >= 0 {
      dup2(nothing, STDIN_FILENO)
      if nothing != STDIN_FILENO { close(nothing) }
    }
    Self.current = self
    let status = shim_streams_replace(
      { number, bytes, count in
        KernelOutput.current?.write(
          number == 1 ? "stdout" : "stderr", UnsafeRawBufferPointer(start: bytes, count: count), isLua: true)
      }, read)
    if status != 0 { throw FileCalls.failure("replace", "the standard streams") }
    _ = try startThread { [unowned self] in readPipes() }
  }

  /// Outputs from here on belong to this request; those of a silent one are dropped.
  func begin(_ request: Message, isSilent: Bool) {
    flush()
    lock.locked {
      parent = request.headerBytes
      self.isSilent = isSilent
    }
  }

  /// Publishes a message after what has been written so far.
  func publish(_ type: String, _ content: JSONValue) {
    flush()
    lock.locked { if !isSilent { send(type, content, topic: type) } }
  }

  /// Sends all that was written so far.
  func flush() {
    lock.locked {
      drain()
      sendPending(whole: true)
    }
  }

  /// The end of what was written and is not sent: the text of a question whose answer is read next.
  func takeUnfinishedLine() -> String {
    lock.locked {
      drain()
      guard stream == "stdout", !isSilent else { return "" }
      let start = pending.lastIndex(of: 10).map { $0 + 1 } ?? 0
      defer { pending.removeSubrange(start...) }
      return String(decoding: pending[start...], as: UTF8.self)
    }
  }

  /// What `body` writes, in place of showing it.
  func capturing(_ body: () throws -> Void) rethrows -> String {
    lock.locked { captured = [] }
    defer { lock.locked { captured = nil } }
    try body()
    return lock.locked { String(decoding: captured ?? [], as: UTF8.self) }
  }

  private func write(_ name: String, _ bytes: UnsafeRawBufferPointer, isLua: Bool) {
    lock.locked {
      if isLua && captured != nil {
        captured?.append(contentsOf: bytes)
        return
      }
      add(name, bytes)
    }
  }

  // MARK: Inside the lock

  private func add(_ name: String, _ bytes: UnsafeRawBufferPointer) {
    if isSilent || bytes.isEmpty { return }
    if name != stream { sendPending(whole: true) }
    stream = name
    if !isThreadAwake {  // it sends the text a little later
      isThreadAwake = true
      var byte: UInt8 = 0
      _ = Base.write(wakeWrite, &byte, 1)
    }
    pending.append(contentsOf: bytes)
    if pending.count >= KernelLimits.streamBytesMax { sendPending(whole: false) }
  }

  /// Sends the text that waits; unless `whole`, without a character that is not complete.
  private func sendPending(whole: Bool) {
    let end = whole ? pending.count : pending.count - Self.incomplete(pending)
    if end == 0 { return }
    let text = String(decoding: pending[..<end], as: UTF8.self)
    pending.removeSubrange(..<end)
    if parent == nil { return log.write(text) }  // no client has asked for anything
    send("stream", ["name": .string(stream), "text": .string(text)], topic: "stream." + stream)
  }

  /// The number of bytes of a UTF-8 sequence that is cut off at the end.
  static func incomplete(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > back ? back : 0
    }
    return 0
  }

  private func send(_ type: String, _ content: JSONValue, topic: String) {
    let topic = Array("kernel.\(sockets.maker.session).\(topic)".utf8)
    sockets.send(.iopub, sockets.maker.frames(type, content, parent: parent, to: [topic]))
  }

  /// Reads what the pipes hold now; gives the number of bytes.
  @discardableResult
  private func drain() -> Int {
    var total = 0
    var buffer = [UInt8](repeating: 0, count: KernelLimits.streamBytesMax)
    for pipe in pipes {
      while true {
        let count = read(pipe.descriptor, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { break }
        total += count
        buffer.withUnsafeBytes { add(pipe.name, UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      }
    }
    return total
  }

  // MARK: The thread

  private func readPipes() {
    var wanted = pipes.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    wanted.append(pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0))
    var isBusy = false
    while true {
      if poll(&wanted, nfds_t(wanted.count), -1) < 0 { continue }
      if !isBusy { usleep(useconds_t(KernelLimits.streamWait_ms * 1000)) }
      var bytes = [UInt8](repeating: 0, count: 256)
      while read(wakeRead, &bytes, bytes.count) > 0 {}
      lock.locked {
        isThreadAwake = false
        isBusy = drain() >= KernelLimits.streamBytesMax / 2
        sendPending(whole: false)
      }
    }
  }
}

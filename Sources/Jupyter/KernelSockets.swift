/// The five sockets of a kernel and the thread that owns them.
///
/// The thread answers heartbeats and control messages while Lua runs, hands the requests of the shell channel to
/// the interpreter's thread, and sends what other threads have put into its queue, in their order.
import Base
import CJupyterShims
import Formats

final class KernelSockets: @unchecked Sendable {
  enum Channel: Int { case shell, control, stdin, iopub }

  let maker: MessageMaker
  private let gate: MessageGate
  private let log: KernelLog
  /// In the order of `Channel`, then the heartbeat.
  private var sockets: [UnsafeMutableRawPointer] = []
  private static let heartbeat = 4
  private let wakeRead, wakeWrite: Int32
  private var thread: pthread_t?

  private let lock = Lock()
  private var waiting: [(channel: Channel, frames: [[UInt8]])] = []
  private var waitingStart = 0
  private var waitingBytes = 0
  private var requests: [Message] = []
  private var replies: [Message] = []
  /// The kernel comes to its end; the interpreter's thread is there.
  private var isClosing = false, isLeaving = false
  private var stalledSince, lastStall: ContinuousClock.Instant?
  /// Until then a client that does not read loses messages.
  private var lossyUntil: ContinuousClock.Instant?

  /// Called on the thread for each control message.
  var onControl: (Message) -> Void = { _ in }
  /// Called on the thread about once a second.
  var onTick: () -> Void = {}

  init(_ file: ConnectionFile, log: KernelLog) throws {
    let key = try MessageKey(file.key, digest: file.digest)
    maker = MessageMaker(key)
    gate = MessageGate(key)
    self.log = log
    (wakeRead, wakeWrite) = try makePipe()
    _ = fcntl(wakeWrite, F_SETFL, O_NONBLOCK)
    try Self.withProblem { problem, capacity in shim_zmq_load(problem, capacity) == 0 ? true : nil }
    let router = SHIM_ZMQ_ROUTER, frame = KernelLimits.frameBytesMax, sign = KernelLimits.signBytesMax
    let kinds: [(ConnectionFile.Port, shim_zmq_kind, Int64)] = [
      (.shell, router, frame), (.control, router, frame), (.stdin, router, frame),
      (.iopub, SHIM_ZMQ_PUBLISH, sign), (.heartbeat, SHIM_ZMQ_REPLY, sign),
    ]
    for (port, kind, bytesMax) in kinds {
      sockets.append(
        try Self.withProblem {
          shim_zmq_listen(kind, file.endpoint(port), bytesMax, file.curveSecret, $0, $1)
        })
    }
  }

  /// Whether ZeroMQ can be loaded.
  static var isAvailable: Bool {
    (try? withProblem { problem, capacity in shim_zmq_load(problem, capacity) == 0 ? true : nil }) != nil
  }

  /// Runs a function of C that gives nothing and a sentence where it fails.
  @discardableResult
  private static func withProblem<R>(_ body: (UnsafeMutablePointer<CChar>, Int32) -> R?) throws -> R {
    var problem = [CChar](repeating: 0, count: 512)
    if let result = body(&problem, Int32(problem.count)) { return result }
    throw Failure(
      .io, String(decoding: problem.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
  }

  func start() throws { thread = try startThread { [unowned self] in run() } }

  // MARK: Called on any thread

  /// Puts a message into the queue. Where a client reads slowly and the queue is full, the caller waits.
  func send(_ channel: Channel, _ frames: [[UInt8]]) {
    let isOwner = thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    lock.locked {
      while !isOwner && !isClosing
        && (waitingBytes > KernelLimits.waitingBytesMax
          || waiting.count - waitingStart > KernelLimits.waitingMessagesMax)
      {
        lock.wait(milliseconds: 100)
      }
      waiting.append((channel, frames))
      waitingBytes += frames.reduce(0) { $0 + $1.count }
    }
    if !isOwner { wake() }
  }

  /// The next request of the shell channel; waits for it. Nil when the kernel ends.
  func nextRequest() -> Message? {
    lock.locked {
      while requests.isEmpty && !isClosing { lock.wait() }
      return isClosing ? nil : requests.removeFirst()
    }
  }

  /// Takes the requests of a type that a client waits for.
  func takeRequests(of type: String, from identities: [[UInt8]]) -> [Message] {
    func isTaken(_ request: Message) -> Bool { request.type == type && request.identities == identities }
    return lock.locked {
      defer { requests.removeAll(where: isTaken) }
      return requests.filter(isTaken)
    }
  }

  /// Forgets replies to earlier questions.
  func forgetReplies() { lock.locked { replies = [] } }

  /// The next message of the stdin channel; nil if none came within `milliseconds`.
  func nextReply(milliseconds: Int) -> Message? {
    lock.locked {
      if replies.isEmpty && !isClosing { lock.wait(milliseconds: milliseconds) }
      return replies.isEmpty ? nil : replies.removeFirst()
    }
  }

  var isEnding: Bool { lock.locked { isClosing } }

  /// No more requests are given out: the interpreter's thread comes to its end. If it does not within some
  /// seconds, the process ends.
  func end() {
    lock.locked {
      isClosing = true
      lock.announce()
    }
    wake()
  }

  /// Ends the thread after it has sent what waits.
  func close() {
    end()
    lock.locked { isLeaving = true }
    wake()
    if let thread { pthread_join(thread, nil) }
    thread = nil
    for socket in sockets { shim_zmq_close(socket, 1000) }
    sockets = []
    shim_zmq_end()
  }

  private func wake() {
    var byte: UInt8 = 0
    _ = Base.write(wakeWrite, &byte, 1)  // a full pipe wakes too
  }

  // MARK: The thread

  private func run() {
    var endsAt: ContinuousClock.Instant?
    while true {
      let hasSentAll = sendWaiting()
      let (isEnding, isLeaving) = lock.locked { (isClosing, self.isLeaving) }
      if isLeaving && (hasSentAll || lossyUntil != nil) { return }
      if isEnding {
        let limit = endsAt ?? .now + .milliseconds(KernelLimits.shutdownMax_ms)
        endsAt = limit
        if .now > limit && !isLeaving {
          log.write("what runs does not stop: the process ends")
          for socket in sockets { shim_zmq_close(socket, 500) }
          shim_zmq_end()
          _exit(0)
        }
      }
      var ready: UInt32 = 0
      let timeout = !hasSentAll ? 5 : isEnding ? 20 : 1000
      if shim_zmq_wait(sockets, Int32(sockets.count), wakeRead, timeout, &ready) != 0 { continue }
      func isReady(_ i: Int) -> Bool { ready & (1 << i) != 0 }
      if isReady(sockets.count) {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(wakeRead, &bytes, bytes.count) > 0 {}
      }
      for channel in [Channel.control, .shell, .stdin] where isReady(channel.rawValue) { receive(channel) }
      if isReady(Channel.iopub.rawValue) { welcome() }
      if isReady(Self.heartbeat), let beat = frames(from: Self.heartbeat) { _ = put(beat, Self.heartbeat) }
      onTick()
    }
  }

  /// Sends the queue. False if a client that does not read holds it up.
  private func sendWaiting() -> Bool {
    while true {
      let next = lock.locked { waitingStart < waiting.count ? waiting[waitingStart] : nil }
      guard let next else { return true }
      if !hasRoom(next.channel) || !put(next.frames, next.channel.rawValue) {
        stallWatch()
        return false
      }
      endStall()
      if let until = lossyUntil, .now > until {
        shim_zmq_keep_all(sockets[Channel.iopub.rawValue], 1)
        lossyUntil = nil
      }
      lock.locked {
        waitingBytes -= next.frames.reduce(0) { $0 + $1.count }
        waiting[waitingStart].frames = []
        waitingStart += 1
        if waitingStart == waiting.count || waitingStart > 4096 {
          waiting.removeFirst(waitingStart)
          waitingStart = 0
          lock.announce()
        }
      }
    }
  }

  /// Whether every client that reads can take one more message. While others lose messages, a queue that is full
  /// holds nobody back, so the queues of those that read are kept far from full by what they have not taken yet.
  private func hasRoom(_ channel: Channel) -> Bool {
    guard lossyUntil != nil, channel == .iopub else { return true }
    return shim_zmq_published() < KernelLimits.lossyMessagesMax || lock.locked { isLeaving }
  }

  /// After some seconds the clients that do not read lose messages, and the others go on. One that has come back
  /// after the system ended its connection, and still reads nothing, is not waited for again.
  private func stallWatch() {
    let since = stalledSince ?? .now
    stalledSince = since
    let isKnown = lastStall.map { .now < $0 + .seconds(60) } ?? false
    let patience_ms = isKnown ? KernelLimits.stalledAgainMax_ms : KernelLimits.stalledMax_ms
    guard .now > since + .milliseconds(patience_ms) else { return }
    shim_zmq_count_anew()  // what clients hold that do not read
    (stalledSince, lastStall) = (nil, .now)
    if lossyUntil != nil { return }
    log.write("a client does not read its outputs: it loses messages for a minute")
    shim_zmq_keep_all(sockets[Channel.iopub.rawValue], 0)
    lossyUntil = .now + .seconds(60)
  }

  private func endStall() {
    if let since = stalledSince, .now > since + .milliseconds(KernelLimits.stalledAgainMax_ms) {
      lastStall = .now
    }
    stalledSince = nil
  }

  private func put(_ frames: [[UInt8]], _ socket: Int) -> Bool {
    let joined = frames.flatMap { $0 }
    return joined.withUnsafeBytes { buffer in
      var start = 0
      let parts = frames.map { frame in
        defer { start += frame.count }
        return shim_zmq_frame(bytes: buffer.baseAddress.map { $0 + start }, count: frame.count)
      }
      let send = socket == Channel.iopub.rawValue ? shim_zmq_publish : shim_zmq_send
      return send(sockets[socket], parts, Int32(parts.count)) == 1
    }
  }

  /// The frames of the next message that is not too large; nil where none waits.
  private func frames(from socket: Int) -> [[UInt8]]? {
    final class Frames {
      var list: [[UInt8]] = []
      var count = 0
      var bytes = 0
    }
    while true {
      let frames = Frames()
      let count = shim_zmq_receive(
        sockets[socket],
        { context, bytes, count in
          guard let context else { return }
          let frames = Unmanaged<Frames>.fromOpaque(context).takeUnretainedValue()
          frames.count += 1
          frames.bytes += count
          if frames.bytes > KernelLimits.messageBytesMax || frames.count > KernelLimits.framesMax {
            frames.list = []
          } else {
            frames.list.append(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
          }
        }, Unmanaged.passUnretained(frames).toOpaque())
      if count == 0 { return nil }
      if frames.bytes > KernelLimits.messageBytesMax {
        refuse(socket, "\(frames.bytes) bytes, at most \(KernelLimits.messageBytesMax) are taken")
      } else if frames.count > KernelLimits.framesMax {
        refuse(socket, "\(frames.count) frames, at most \(KernelLimits.framesMax) are taken")
      } else {
        return frames.list
      }
    }
  }

  private func refuse(_ socket: Int, _ reason: String) {
    let name = Channel(rawValue: socket).map { "\($0)" } ?? "heartbeat"
    log.write("a message on the \(name) channel is refused: \(reason)")
  }

  private func receive(_ channel: Channel) {
    // No more at once, so that a flood on one channel leaves time for the others.
    for _ in 0..<64 {
      guard let frames = frames(from: channel.rawValue) else { return }
      do {
        let message = try gate.message(frames)
        switch channel {
        case .control: onControl(message)
        case .shell:
          lock.locked {
            requests.append(message)
            lock.announce()
          }
        default:
          lock.locked {
            replies.append(message)
            lock.announce()
          }
        }
      } catch let refusal as MessageGate.Refusal {
        refuse(channel.rawValue, refusal.reason)
      } catch {
        refuse(channel.rawValue, "\(error)")
      }
    }
  }

  /// Answers subscriptions: a client then knows that it misses no message from here on.
  private func welcome() {
    while let frames = frames(from: Channel.iopub.rawValue) {
      guard frames.count == 1, let first = frames[0].first, first <= 1 else {
        refuse(Channel.iopub.rawValue, "it is no subscription")
        continue
      }
      let topic = Array(frames[0].dropFirst())
      shim_zmq_subscribe(sockets[Channel.iopub.rawValue], topic, topic.count, first == 1 ? 1 : 0)
      if first == 0 { continue }
      let content: JSONValue = ["subscription": .string(String(decoding: topic, as: UTF8.self))]
      _ = put(maker.frames("iopub_welcome", content, parent: nil, to: [topic]), Channel.iopub.rawValue)
    }
  }
}

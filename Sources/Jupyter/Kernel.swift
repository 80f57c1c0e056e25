/// A Jupyter kernel: it answers the requests of clients, one after another, with one Lua session.
///
/// https://jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.4. Three threads: this one runs Lua;
/// `KernelSockets` owns the sockets; `KernelOutput` reads what child processes write.
///
///     let kernel = try Kernel(connectionFile: path, version: "Perilune 0.1.0")   // before the Lua state is made
///     try kernel.run(lua, standardLibrary: root)                                // returns at the shutdown
import Base
import CJupyterShims
import Formats
import LuaEngine
import Session

public final class Kernel {
  let sockets: KernelSockets
  let output: KernelOutput
  let log: KernelLog
  private let file: ConnectionFile
  private let version: String
  /// The interpreter's thread is there to be interrupted.
  private var isRunning = false
  /// Set when Lua is there.
  var session: KernelSession?
  /// The number of the last input that counts.
  var executionCount = 0
  /// The request that is answered, and whether its client takes questions.
  var request: Message?
  var takesInput = false
  var unreadInput: [UInt8] = []
  var payload: [JSONValue] = []
  let history: KernelHistory?

  /// The kernel of this process: C's callbacks have no context.
  nonisolated(unsafe) static var current: Kernel?

  /// Listens where the file says, and takes the standard streams: before a Lua state is made, which keeps those
  /// that it finds.
  public init(connectionFile: String, version: String) throws {
    self.version = version
    file = try ConnectionFile(path: connectionFile)
    let errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
    log = KernelLog(descriptor: errors)
    history = KernelHistory.open(log)
    sockets = try KernelSockets(file, log: log)
    output = try KernelOutput(sockets, log) { Kernel.current?.read($0, $1) ?? 0 }
    if isatty(errors) != 0 {
      log.write("listening where \(connectionFile) says; clients give that file as --existing")
    }
    let starter = getenv("JPY_PARENT_PID").map { pid_t(String(cString: $0)) ?? 0 }
    let parent = getppid()
    // A program that ended while the kernel started has left it to the first process. Behind a wrapper the starter is
    // another process than the parent, and in a container it may not be seen.
    let isLeft = starter.map { parent == 1 && $0 != 1 && !Self.isAlive($0) } ?? false
    sockets.onControl = { [unowned self] in control($0) }
    sockets.onTick = { [unowned self] in
      if starter != nil, isLeft || getppid() != parent, !sockets.isEnding {
        log.write("the program that started the kernel has ended, and so does the kernel")
        stop()
      }
    }
    try sockets.start()
  }

  private static func isAlive(_ process: pid_t) -> Bool {
    process > 0 && (kill(process, 0) == 0 || errno != ESRCH)
  }

  /// Answers requests until a client asks for the end.
  public func run(_ lua: Lua, standardLibrary: String?) throws {
    Kernel.current = self
    Lua.neverEndByInterrupt()
    Lua.insistOnInterrupts(true)
    lua.isAtPrompt = true
    session = try KernelSession(lua, standardLibrary: standardLibrary, kernel: self)
    isRunning = true
    atexit {  // os.exit in a cell
      guard let kernel = Kernel.current, shim_streams_is_child() == 0 else { return }
      kernel.output.flush()
      kernel.sockets.close()
    }
    sendStatus("starting", parent: nil)
    while let request = sockets.nextRequest() { answer(request, lua) }
    output.flush()
    sockets.close()
    Kernel.current = nil
  }

  private func answer(_ request: Message, _ lua: Lua) {
    self.request = request
    sendStatus("busy", parent: request)
    let isSilent = request.type == "execute_request" && request.content["silent"]?.boolean == true
    output.begin(request, isSilent: isSilent)
    lua.clearInterrupts()
    lua.isAtPrompt = false
    shell(request)
    lua.isAtPrompt = true
    lua.clearInterrupts()
    output.flush()
    sendStatus("idle", parent: request)
  }

  /// Ends the kernel: what runs is interrupted.
  private func stop() {
    sockets.end()
    if !isRunning { return }
    // The second press passes every pcall.
    for _ in 0..<2 {
      Lua.interruptFromThread()
      usleep(20_000)
    }
  }

  // MARK: Replies

  func sendStatus(_ state: String, parent: Message?) {
    let topic = Array("kernel.\(sockets.maker.session).status".utf8)
    let content: JSONValue = ["execution_state": .string(state)]
    sockets.send(.iopub, sockets.maker.frames("status", content, parent: parent?.headerBytes, to: [topic]))
  }

  func reply(_ channel: KernelSockets.Channel = .shell, to request: Message, _ content: JSONValue) {
    let type =
      request.type.hasSuffix("_request")
      ? String(request.type.dropLast(8)) + "_reply" : request.type + "_reply"
    let frames = sockets.maker.frames(type, content, parent: request.headerBytes, to: request.identities)
    sockets.send(channel, frames)
  }

  /// The content of a reply that says what went wrong.
  static func failed(_ name: String, _ message: String, traceback: [String] = []) -> [JSONMember] {
    [
      JSONMember("status", "error"), JSONMember("ename", .string(name)),
      JSONMember("evalue", .string(message)),
      JSONMember("traceback", .array(traceback.map { .string($0) })),
    ]
  }

  // MARK: The control channel, on the thread of the sockets

  private func control(_ request: Message) {
    sendStatus("busy", parent: request)
    switch request.type {
    case "interrupt_request":
      if isRunning { Lua.interruptFromThread() }
      reply(.control, to: request, ["status": "ok"])
    case "shutdown_request":
      shutDown(.control, request)
    default:
      if !answerCommon(.control, request) { ignore(request, "control") }
    }
    sendStatus("idle", parent: request)
    if request.type == "shutdown_request" { stop() }
  }

  func shutDown(_ channel: KernelSockets.Channel, _ request: Message) {
    let content: JSONValue = [
      "status": "ok", "restart": .bool(request.content["restart"]?.boolean ?? false),
    ]
    reply(channel, to: request, content)
    let topic = Array("kernel.\(sockets.maker.session).shutdown".utf8)
    sockets.send(
      .iopub, sockets.maker.frames("shutdown_reply", content, parent: request.headerBytes, to: [topic]))
  }

  func ignore(_ request: Message, _ channel: String) {
    log.write("a message of the unknown type '\(request.type)' on the \(channel) channel is ignored")
  }

  /// Answers what may come on the shell and on the control channel, and needs no Lua. False for other types.
  func answerCommon(_ channel: KernelSockets.Channel, _ request: Message) -> Bool {
    switch request.type {
    case "kernel_info_request": reply(channel, to: request, info)
    case "connect_request":
      reply(
        channel, to: request,
        .object(
          [JSONMember("status", "ok")]
            + ConnectionFile.Port.allCases.map { JSONMember($0.rawValue, .integer(file.ports[$0] ?? 0)) }))
    case "comm_info_request": reply(channel, to: request, ["status": "ok", "comms": [:]])
    case "comm_msg", "comm_close": break  // of a comm that was closed at once
    case "comm_open":
      let id = request.content["comm_id"] ?? ""
      let topic = Array("comm".utf8)
      sockets.send(
        .iopub,
        sockets.maker.frames(
          "comm_close", ["comm_id": id, "data": [:]], parent: request.headerBytes, to: [topic]))
    case "debug_request":
      let message = "Perilune has no debugger; print, ??name and the debug library of Lua are there"
      reply(
        channel, to: request,
        .object(
          Self.failed("NotSupported", message) + [
            JSONMember("type", "response"), JSONMember("success", false),
            JSONMember("message", .string(message)),
            JSONMember("command", request.content["command"] ?? ""),
            JSONMember("request_seq", request.content["seq"] ?? 0),
          ]))
    default: return false
    }
    return true
  }

  private var info: JSONValue {
    [
      "status": "ok", "protocol_version": .string(Message.protocolVersion), "implementation": "perilune",
      "implementation_version": .string(version.split(separator: " ").last.map(String.init) ?? version),
      "language_info": [
        "name": "lua", "version": .string(Lua.release), "mimetype": "text/x-lua", "file_extension": ".lua",
        "pygments_lexer": "lua", "codemirror_mode": "lua", "nbconvert_exporter": "script",
      ],
      "banner": .string("\(version)\n\(Lua.copyright)"), "debugger": false, "supported_features": [],
      "help_links": [["text": "Lua 5.4", "url": "https://www.lua.org/manual/5.4/"]],
    ]
  }
}

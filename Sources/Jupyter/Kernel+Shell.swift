/// The requests of the shell channel.
import Base
import CJupyterShims
import Formats
import LuaEngine

extension Kernel {
  func shell(_ request: Message) {
    guard let session else { return }
    let content = request.content
    switch request.type {
    case "execute_request": execute(request, session)
    case "complete_request":
      guard let (code, cursor) = codeAndCursor(request) else { return }
      reply(to: request, completion(of: code, cursor, session))
    case "inspect_request":
      guard let (code, cursor) = codeAndCursor(request) else { return }
      reply(to: request, inspection(of: code, cursor, isDetailed: content["detail_level"]?.int == 1, session))
    case "is_complete_request":
      guard let code = content["code"]?.text else { return refuse(request, "'code' must be a text") }
      let status = session.completeness(of: code)
      let indent = status == "incomplete" ? [JSONMember("indent", .string(CodeText.indent(after: code)))] : []
      reply(to: request, .object([JSONMember("status", .string(status))] + indent))
    case "history_request":
      do {
        reply(to: request, ["status": "ok", "history": .array(try history?.entries(content) ?? [])])
      } catch { refuse(request, "\(error)") }
    case "shutdown_request":
      shutDown(.shell, request)
      sockets.end()
    default:
      if !answerCommon(.shell, request) { ignore(request, "shell") }
    }
  }

  /// Replies that a request is not what the protocol says.
  private func refuse(_ request: Message, _ message: String) {
    let text = "\(request.type): \(message)"
    reply(to: request, .object(Self.failed("ProtocolError", text, traceback: [text])))
  }

  /// The code and the number of its characters before the cursor; the end of the code where none is given.
  private func codeAndCursor(_ request: Message) -> (String, Int)? {
    guard let code = request.content["code"]?.text else {
      refuse(request, "'code' must be a text")
      return nil
    }
    let count = code.unicodeScalars.count
    return (code, min(max(request.content["cursor_pos"]?.int ?? count, 0), count))
  }

  // MARK: Execution

  private func execute(_ request: Message, _ session: KernelSession) {
    let content = request.content
    guard let code = content["code"]?.text else { return refuse(request, "'code' must be a text") }
    let isBlank = code.utf8.allSatisfy { [9, 10, 13, 32].contains($0) }
    let isSilent = content["silent"]?.boolean ?? false
    let isStored = !isSilent && (content["store_history"]?.boolean ?? true) && !isBlank
    if isStored { executionCount += 1 }
    let number = isStored || isBlank ? executionCount : executionCount + 1
    output.publish("execute_input", ["code": .string(code), "execution_count": .integer(number)])
    takesInput = content["allow_stdin"]?.boolean ?? true
    unreadInput = []
    shim_streams_forget_input()
    payload = []
    session.refuseInput(!takesInput)
    defer { takesInput = false }
    do {
      let result = try session.run(code, number: number, isStored: isStored)
      if isStored { note(number, code, result) }
      let expressions = (content["user_expressions"]?.members ?? []).map { member in
        JSONMember(member.key, session.evaluate(member.value.text ?? ""))
      }
      output.flush()
      reply(
        to: request,
        [
          "status": "ok", "execution_count": .integer(number), "payload": .array(payload),
          "user_expressions": .object(expressions),
        ])
    } catch {
      if isStored { note(number, code, nil) }
      fail(
        request, session.content(of: error), number, stopsOnError: content["stop_on_error"]?.boolean ?? true)
    }
  }

  private func note(_ number: Int, _ code: String, _ result: String?) {
    do { try history?.add(number, code, result) } catch { log.write("the history is not written: \(error)") }
  }

  /// Publishes an error, and aborts the executions that its client has asked for before it was known.
  private func fail(_ request: Message, _ content: [JSONMember], _ number: Int, stopsOnError: Bool) {
    output.flush()
    if stopsOnError { usleep(useconds_t(KernelLimits.abortWait_ms * 1000)) }
    let aborted = stopsOnError ? sockets.takeRequests(of: "execute_request", from: request.identities) : []
    output.publish("error", .object(content.filter { $0.key != "status" }))
    reply(
      to: request,
      .object(
        content + [
          JSONMember("execution_count", .integer(number)), JSONMember("payload", .array(payload)),
          JSONMember("user_expressions", [:]),
        ]))
    for request in aborted {
      sendStatus("busy", parent: request)
      reply(to: request, ["status": "aborted", "execution_count": .integer(number)])
      sendStatus("idle", parent: request)
    }
  }

  // MARK: Questions

  private func completion(of code: String, _ cursor: Int, _ session: KernelSession) -> JSONValue {
    let text = Array(String(String.UnicodeScalarView(code.unicodeScalars.prefix(cursor))).utf8)
    let found = session.evaluator.completion(of: text)
    let start = String(decoding: text.prefix(found.start), as: UTF8.self).unicodeScalars.count
    return [
      "status": "ok", "matches": .array(found.candidates.map { .string($0.text) }),
      "cursor_start": .integer(start), "cursor_end": .integer(cursor),
      "metadata": [:],
    ]
  }

  private func inspection(of code: String, _ cursor: Int, isDetailed: Bool, _ session: KernelSession)
    -> JSONValue
  {
    let name = CodeText.name(at: cursor, in: code)
    let text = name.isEmpty ? nil : session.inspect(name, showsSource: isDetailed)
    return [
      "status": "ok", "found": .bool(text != nil),
      "data": text.map { ["text/plain": .string($0)] } ?? [:], "metadata": [:],
    ]
  }
}

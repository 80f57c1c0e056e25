/// The Lua session of a kernel: cells, their results and errors, and the front end of `display`.
import Base
import CCrypto
import CJupyterShims
import Formats
import LuaEngine
import Session

final class KernelSession {
  let lua: Lua
  let evaluator: Evaluator
  private unowned let kernel: Kernel
  private var bundleOf, guardInput: LuaFunction?
  /// The displays that have been shown: an update of another one shows it.
  private var shownIds: Set<String> = []
  /// The values that are shown are the results of the cell.
  private var isShowingResult = false
  private var resultText: [String] = []

  init(_ lua: Lua, standardLibrary: String?, kernel: Kernel) throws {
    self.lua = lua
    self.kernel = kernel
    evaluator = try Evaluator(lua, standardLibrary: standardLibrary)
    evaluator.takesCells = true
    let show = try lua.function("show") { [unowned self] call in
      try showBundle(
        call.table(1), id: call.isNil(2) ? nil : lua.text(call.value(2)), isUpdate: call.value(3).isTrue)
      return 0
    }
    let clear = try lua.function("clear") { [unowned self] call in
      self.kernel.output.publish("clear_output", ["wait": .bool(try call.value(1).isTrue)])
      return 0
    }
    let ask = try lua.function("read") { _ in
      throw Failure(
        .io, "this client takes no questions (allow_stdin is false), so there is no standard input")
    }
    let parts = try lua.load(PackageResources.front_lua, name: "=perilune")
      .call([.function(show), .function(clear), .function(ask)])
    if parts.count == 2 { (bundleOf, guardInput) = (parts[0].asFunction, parts[1].asFunction) }
  }

  /// Whether reading the standard input is an error.
  func refuseInput(_ on: Bool) { _ = try? guardInput?.call([.boolean(on)]) }

  /// Runs a cell, whose messages name it `In[number]`. Gives the text of its results, for the history.
  func run(_ code: String, number: Int, isStored: Bool) throws -> String? {
    evaluator.inputName = "=In[\(number)]"
    evaluator.inputNumber = isStored ? number : nil
    if isStored { evaluator.note(entry: Array(code.utf8)) }
    resultText = []
    for part in try evaluator.parts(of: Array(code.utf8)) {
      switch part {
      case .input(let input):
        let values = try evaluator.run(input)
        isShowingResult = true
        defer { isShowingResult = false }
        try evaluator.show(values, isSilent: input.isSilent)
      case .command(let command) where command.isHelp:
        let text = try kernel.output.capturing { try evaluator.perform(part) }
        kernel.payload.append(["source": "page", "data": ["text/plain": .string(text)], "start": 0])
      case .command: try evaluator.perform(part)
      }
    }
    return resultText.isEmpty ? nil : resultText.joined(separator: "\n")
  }

  /// "complete", "incomplete" or "invalid".
  func completeness(of code: String) -> String {
    do {
      _ = try evaluator.parts(of: Array(code.utf8))
      return "complete"
    } catch let error as LuaError where error.isIncomplete {
      return "incomplete"
    } catch { return "invalid" }
  }

  /// The bundle of the value of an expression, as the reply to a user expression.
  func evaluate(_ expression: String) -> JSONValue {
    do {
      let input = try evaluator.compile(Array("=\(expression)".utf8), showsExpressions: true)
      let value = try evaluator.run(input).first ?? .nil
      let data = try bundleOf?.first([value]).asTable.map(Self.data) ?? [:]
      return ["status": "ok", "data": data, "metadata": [:]]
    } catch {
      return .object(content(of: error))
    }
  }

  // MARK: Displays

  private func showBundle(_ bundle: LuaTable, id: String?, isUpdate: Bool) throws {
    let data = try Self.data(bundle)
    if shim_streams_is_child() != 0 {  // of parallel.map: its output goes through the pipe
      let text = data["text/plain"]?.text ?? ""
      _ = Array((text + "\n").utf8).withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, stdout) }
      return
    }
    let transient: JSONValue = id.map { ["display_id": .string($0)] } ?? [:]
    var members = [JSONMember("data", data), JSONMember("metadata", [:]), JSONMember("transient", transient)]
    if isShowingResult {
      members.append(JSONMember("execution_count", .integer(kernel.executionCount)))
      kernel.output.publish("execute_result", .object(members))
      if let text = data["text/plain"]?.text { resultText.append(text) }
      return
    }
    let isKnown = id.map(shownIds.contains) ?? false
    if let id { shownIds.insert(id) }
    kernel.output.publish(isUpdate && isKnown ? "update_display_data" : "display_data", .object(members))
  }

  /// The MIME bundle as JSON: images other than SVG as base 64.
  private static func data(_ bundle: LuaTable) throws -> JSONValue {
    var members: [JSONMember] = []
    for (key, value) in try bundle.entries() {
      guard let type = key.asString, isMIMEType(type) else { continue }
      let isBinary =
        type.hasPrefix("image/") && type != "image/svg+xml" || type == "application/pdf"
        || type.hasPrefix("audio/") || type.hasPrefix("video/")
      switch value {
      case .string(let text):
        members.append(JSONMember(type, .string(isBinary ? base64(Array(text.utf8)) : text)))
      case .bytes(let bytes):
        members.append(
          JSONMember(type, .string(isBinary ? base64(bytes) : String(decoding: bytes, as: UTF8.self))))
      default: continue
      }
    }
    return .object(members.sorted { $0.key < $1.key })
  }

  private static func isMIMEType(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.allSatisfy { isWord($0) || [43, 45, 46].contains($0) }
      }
  }

  // MARK: Errors

  /// The content of an error message and of the reply.
  func content(of error: any Error) -> [JSONMember] {
    guard let error = error as? LuaError else {
      return Kernel.failed("Error", "\(error)", traceback: ["\(error)"])
    }
    let shown = evaluator.shown(error, isBrief: true)
    let lines = [shown.message] + (shown.traceback.map { $0.split(separator: "\n").map(String.init) } ?? [])
    return Kernel.failed(Self.name(of: error), shown.message, traceback: lines)
  }

  /// The kind of an error as a name: "ShapeError". That of Ctrl-C is the one that clients know.
  private static func name(of error: LuaError) -> String {
    switch error.kind {
    case Failure.Kind.interrupted.rawValue: return "KeyboardInterrupt"
    case "lua", "error": return "Error"
    case "io": return "IOError"
    default: return error.kind.prefix(1).uppercased() + error.kind.dropFirst() + "Error"
    }
  }
}

/// A letter, a digit or `_` in ASCII.
func isWord(_ byte: UInt8) -> Bool {
  (48...57).contains(byte) || (97...122).contains(byte | 32) || byte == 95
}

/// Base 64 with padding, on one line.
func base64(_ bytes: [UInt8]) -> String {
  var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
  let count = EVP_EncodeBlock(&text, bytes, Int32(clamping: bytes.count))
  return String(decoding: text[..<Int(max(count, 0))], as: UTF8.self)
}

extension KernelSession {
  /// The help page of a name or, with `showsSource`, the source of a function; nil where there is neither.
  func inspect(_ name: String, showsSource: Bool) -> String? {
    let mark = showsSource ? "??" : "?"
    guard let command = Command(Array((mark + name).utf8)),
      let text = try? kernel.output.capturing({ try evaluator.perform(command) })
    else { return nil }
    return text
  }
}

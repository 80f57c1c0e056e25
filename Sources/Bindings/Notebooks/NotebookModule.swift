/// `perilune.native.notebook`: what the notebooks of stdlib/notebook need beyond Lua. Output is captured at the file
/// descriptors, texts are escaped, Markdown becomes HTML.
import Base
import CMd4c
import CSystem
import Foundation
import LuaEngine

enum NotebookModule {
  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("notebook", prefix: "native.notebook.", group: "notebooks") { module in
        addCapture(&module)
        addPages(&module)
        addTexts(&module)
      })
  }

  private static let start = "nb = require 'perilune.native.notebook'\n"

  private static func addCapture(_ module: inout NativeModule) {
    module.function(
      "start",
      Page(
        "native.notebook.start(keep)",
        "Captures what this process and its children write to standard output and errors, and still shows it. Of a long "
          + "part, `keep` bytes of its beginning and of its end are kept.",
        errors: "output is captured already; no pipe or thread can be made",
        example: start + """
          nb.start(1000)
          io.stderr:write 'one'
          parts = nb.take()
          nb.stop()
          print(parts[1].stream, parts[1].text)
          """, prints: "2\tone")
    ) { call in
      if shim_capture_start(max(0, try call.integer(1))) != 0 {
        throw Failure(.io, "output cannot be captured: \(String(cString: strerror(errno)))")
      }
      return 0
    }
    module.function(
      "stop",
      Page(
        "native.notebook.stop()", "Ends the capture. What was captured can still be taken.",
        example: start + "nb.stop()\nprint(nb.is_on())", prints: "false")
    ) { _ in
      shim_capture_stop()
      return 0
    }
    module.function(
      "is_on",
      Page(
        "native.notebook.is_on()", "Whether this process captures its output; false in a forked child.",
        example: start + "print(nb.is_on())", prints: "false")
    ) { call in
      try call.pushBoolean(shim_capture_is_on() != 0)
      return 1
    }
    module.function(
      "sync",
      Page(
        "native.notebook.sync()",
        "Reads what was written until now, so that it comes before what is written next to the other stream.",
        example: start + """
          nb.start(1000)
          io.stderr:write 'one'
          nb.sync()
          count = #nb.take()
          nb.stop()
          print(count)
          """, prints: "1")
    ) { _ in
      shim_capture_sync()
      return 0
    }
    module.function(
      "take",
      Page(
        "native.notebook.take()",
        "The list of what was captured since the last call, in order: parts with `stream` (1 or 2) and `text`, and where "
          + "the middle was left out `rest`, the end, with `bytes` and `lines`, how much is missing.",
        example: start + "print(#nb.take())", prints: "0")
    ) { call in
      var parts: UnsafeMutablePointer<shim_capture_part>?
      let count = shim_capture_take(&parts)
      defer { free(parts) }
      var list: [LuaValue] = []
      for part in UnsafeBufferPointer(start: parts, count: count) {
        defer { free(part.bytes) }
        let bytes = UnsafeRawBufferPointer(start: part.bytes, count: part.count)
        var fields: [(String, LuaValue)] = [
          ("stream", .int(Int(part.stream))), ("text", .bytes(Array(bytes.prefix(part.cut)))),
        ]
        if part.left_out > 0 {
          fields += [
            ("rest", .bytes(Array(bytes.dropFirst(part.cut)))), ("bytes", .int(part.left_out)),
            ("lines", .int(part.lines_left_out)),
          ]
        }
        list.append(.record(fields))
      }
      try call.push(.list(list))
      return 1
    }
    module.function(
      "echo",
      Page(
        "native.notebook.echo(descriptor, text)",
        "Writes to where standard output (1) or errors (2) went before the capture. Without a capture nothing happens.",
        example: start + """
          nb.start(1000)
          nb.echo(2, 'shown, not captured')
          count = #nb.take()
          nb.stop()
          print(count)
          """, prints: "0")
    ) { call in
      let bytes = try call.bytes(2)
      let descriptor = Int32(clamping: try call.integer(1))
      bytes.withUnsafeBytes {
        if let base = $0.baseAddress {
          shim_capture_echo(descriptor, base.assumingMemoryBound(to: CChar.self), $0.count)
        }
      }
      return 0
    }
  }

  private static func addPages(_ module: inout NativeModule) {
    module.function(
      "page",
      Page(
        "native.notebook.page(index, path, form, head, lead, between, out, err, close, tail, is_news = false)",
        "Keeps a file up to date while a computation runs: once a second, when there was output, it becomes `head`, the "
          + "captured parts in a form of native.notebook.escape, and `tail`. `lead` comes before the first part, "
          + "`between` between two, `out` or `err` before each, `close` after each. With `is_news` the file is written "
          + "without output too. Without a path the page `index`, from 1 to \(SHIM_PAGES_MAX), ends.",
        errors: "the file does not exist; the form is another",
        example: start + """
          nb.start(1000)
          ok, problem = pcall(nb.page, 1, '/no/such/page', 'html', '', '', '', '', '', '', '')
          nb.stop()
          print(problem.message)
          """, prints: "the page cannot be kept: no such file, or no memory")
    ) { call in
      let index = try call.integer(1)
      guard (1...Int(SHIM_PAGES_MAX)).contains(index) else {
        throw call.bad(1, "expected 1 to \(SHIM_PAGES_MAX), got \(index)")
      }
      if call.isNil(2) {
        _ = shim_capture_set_page(Int32(index - 1), nil, nil, 0)
        return 0
      }
      let path = try call.bytes(2) + [0]
      let form = try form(call, 3)
      let texts = try (4...10).map { try call.bytes($0) }
      let isNews: Int32 = try !call.isNil(11) && call.boolean(11) ? 1 : 0
      let status = withTexts(texts) { t -> Int32 in
        var page = shim_capture_page(
          form: form, head: t[0], lead: t[1], between: t[2], open: (t[3], t[4]), close: t[5], tail: t[6])
        return path.withUnsafeBytes {
          shim_capture_set_page(
            Int32(index - 1), $0.baseAddress?.assumingMemoryBound(to: CChar.self), &page, isNews)
        }
      }
      if status != 0 { throw Failure(.io, "the page cannot be kept: no such file, or no memory") }
      return 0
    }
    module.function(
      "write_pages",
      Page(
        "native.notebook.write_pages()", "Writes the pages now.",
        example: start + """
          path = os.tmpname()
          nb.start(1000)
          nb.page(1, path, 'text', 'before ', '', '', '', '[', ']', ' after')
          io.stderr:write 'one'
          nb.sync()
          nb.write_pages()
          nb.page(1)
          nb.stop()
          print(io.open(path):read 'a')
          os.remove(path)
          """, prints: "before [one] after")
    ) { _ in
      shim_capture_write_pages()
      return 0
    }
  }

  private static func withTexts<R>(_ texts: [[UInt8]], _ body: ([shim_capture_text]) -> R) -> R {
    let joined = texts.flatMap { $0 }
    return joined.withUnsafeBytes { buffer in
      var at = 0
      let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      return body(
        texts.map { text in
          defer { at += text.count }
          return shim_capture_text(text: base.map { $0 + at }, count: text.count)
        })
    }
  }

  private static func form(_ call: Call, _ i: Int) throws -> Int32 {
    let forms = ["html": SHIM_FORM_HTML, "json": SHIM_FORM_JSON, "text": SHIM_FORM_TEXT]
    let name = try call.string(i)
    guard let form = forms[name] else {
      throw call.bad(i, "expected html, json or text, got '\(Quoted.name(name))'")
    }
    return Int32(form)
  }

  private static func addTexts(_ module: inout NativeModule) {
    module.function(
      "escape",
      Page(
        "native.notebook.escape(text, form)",
        "A text as valid UTF-8 for HTML (\"html\": &, <, > and quotes replaced, terminal codes taken out), for the inside "
          + "of a JSON string (\"json\"), or without terminal codes (\"text\"). Bytes that are no UTF-8 and control "
          + "characters become U+FFFD.",
        errors: "the form is another",
        example: start + "print(nb.escape('a < b', 'html'))", prints: "a &lt; b")
    ) { call in
      let bytes = try call.bytes(1)
      let form = try form(call, 2)
      var count = 0
      let escaped = bytes.withUnsafeBytes {
        shim_capture_escape($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, form, &count)
      }
      defer { free(escaped) }
      guard let escaped else { throw Failure(.memory, "not enough memory") }
      try call.push(.bytes(Array(UnsafeRawBufferPointer(start: escaped, count: count))))
      return 1
    }
    module.function(
      "markdown",
      Page(
        "native.notebook.markdown(text)",
        "Markdown as HTML: CommonMark with the tables, task lists, struck text and plain addresses of GitHub, and "
          + "formulas in <x-equation>. HTML in the text is shown as text.",
        source: "CommonMark 0.30, by MD4C",
        example: start + "print((nb.markdown('*a* <b>'):gsub('\\n', '')))",
        prints: "<p><em>a</em> &lt;b&gt;</p>")
    ) { call in
      let text = try call.bytes(1)
      let output = Output()
      let status = text.withUnsafeBytes {
        md_html(
          $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(clamping: $0.count),
          { bytes, count, output in
            guard let bytes, let output else { return }
            Unmanaged<Output>.fromOpaque(output).takeUnretainedValue().bytes.append(
              contentsOf: UnsafeRawBufferPointer(start: bytes, count: Int(count)))
          }, Unmanaged.passUnretained(output).toOpaque(), dialect, 0)
      }
      if status != 0 { throw Failure(.memory, "not enough memory") }
      try call.push(.bytes(output.bytes))
      return 1
    }
  }

  private static let dialect = UInt32(
    MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEURLAUTOLINKS
      | MD_FLAG_LATEXMATHSPANS | MD_FLAG_NOHTMLBLOCKS | MD_FLAG_NOHTMLSPANS)

  private final class Output { var bytes: [UInt8] = [] }
}

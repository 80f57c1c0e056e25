/// The line editor: readline's keys, kill ring, undo, inputrc and history, over an own drawing with colours and
/// entries of several lines.
///
/// On a dumb terminal readline draws, and an entry is read line by line.
import Base
import CReadline
import CReadlineShims
import Foundation

final class PromptEditor {
  enum Line {
    case line([UInt8]), interrupted
  }

  /// A word that the text before the cursor may become: it replaces the text from `start`.
  struct Candidate: Equatable {
    var text: String
    /// What the list shows in place of the text.
    var label: String
    /// What is told of it: the default of an option and its meaning.
    var detail = ""
    /// What follows the candidate where it is the only one: the end of a string.
    var closing = ""
  }

  /// What the editor asks of its owner; it runs nobody's code.
  struct Owner {
    /// Whether Enter ends the entry; else it begins a line of it.
    var isComplete: ([UInt8]) -> Bool
    /// The text that a pasted text becomes, at the start of a line or within one.
    var pasted: ([UInt8]) -> [UInt8]
    /// The candidates for the end of a text, and the place in it that they replace.
    var candidates: ([UInt8]) -> (start: Int, list: [Candidate])
  }

  /// True where an entry is edited as a whole, and drawn with its lines.
  let drawsEntries: Bool
  private let owner: Owner
  private let hasColor: Bool
  private var continuation: [UInt8] = []
  private var screen = PromptScreen()
  private var hasLeft = false
  /// Ctrl-D has ended the last entry.
  private(set) var wasEnded = false
  private var candidates: [Candidate] = []
  /// A candidate whose detail is shown before the next drawing.
  private var announced: Candidate?
  /// The start of an entry that Up and Down search, and the entry they have found.
  private var search: (prefix: [UInt8], found: [UInt8])?
  /// The column that Up and Down keep to, and where they have left the cursor.
  private var goal: (column: Int, point: Int)?
  /// Readline's callbacks have no context argument.
  nonisolated(unsafe) private static var current: PromptEditor?

  init(_ owner: Owner, hasColor: Bool) {
    self.owner = owner
    self.hasColor = hasColor
    let kind = getenv("TERM").map { String(cString: $0) } ?? ""
    drawsEntries = isatty(STDIN_FILENO) != 0 && Terminal.isTerminal && !["", "dumb"].contains(kind)
    Self.current = self
    var hooks = shim_editor(
      draw: nil, leave: nil, complete: { PromptEditor.current?.complete(from: Int($0), to: Int($1)) },
      show_candidates: { list, count in PromptEditor.current?.show(list, Int(count)) })
    if drawsEntries {
      hooks.draw = { PromptEditor.current?.draw() }
      hooks.leave = { mark in PromptEditor.current?.leave(mark: String(cString: mark)) }
    }
    shim_readline_setup("perilune", &hooks)
    defineKeys()
  }

  /// Reads an entry that begins as `text`; nil at the end of input.
  func read(prompt: String, continuation: String, text: [UInt8] = []) -> Line? {
    self.continuation = Array(continuation.utf8)
    (hasLeft, wasEnded, search, goal, announced) = (false, false, nil, nil, nil)
    screen.forget()
    using_history()
    var bytes: UnsafeMutablePointer<CChar>?
    let initial = text.filter { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
    let status = Int(shim_read_line(prompt, initial, &bytes))
    defer { free(bytes) }
    if Interrupt.isPending || status == SHIM_INTERRUPTED { return .interrupted }
    guard status == SHIM_LINE, let bytes else { return nil }
    let line = Array(UnsafeRawBufferPointer(start: bytes, count: strlen(bytes)))
    if drawsEntries && !hasLeft { leave(mark: "", text: line) }  // readline's own key for Enter
    return .line(line)
  }

  /// Ends the last line of a program's output where its end is missing, so that the prompt has a row of its own.
  /// Only output that waits for the end of its line is known.
  static func beginLine() {
    if Terminal.isTerminal && shim_output_pending() != 0 { putc(10, stdout) }
    fflush(stdout)
  }

  // MARK: Readline's line

  private var text: [UInt8] { Self.bytes(rl_line_buffer, Int(rl_end)) }

  private var point: Int { Int(rl_point) }

  private static func bytes(_ start: UnsafePointer<CChar>?, _ count: Int? = nil) -> [UInt8] {
    start.map { Array(UnsafeRawBufferPointer(start: $0, count: count ?? strlen($0))) } ?? []
  }

  private func insert(_ text: [UInt8]) {
    _ = rl_insert_text(text.filter { $0 != 0 }.map { CChar(bitPattern: $0) } + [0])
  }

  // MARK: Drawing

  private func layout(_ text: [UInt8], point: Int, columns: Int, isLast: Bool = false) -> PromptLayout {
    let styles = hasColor ? PromptStyle.styles(of: text, point: isLast ? -1 : point) : []
    return PromptLayout(
      prompt: Self.bytes(rl_display_prompt), continuation: continuation, text: text, styles: styles,
      point: point, columns: columns, width: { Int(shim_width($0)) })
  }

  private var size: (rows: Int, columns: Int) {
    var rows: Int32 = 0, columns: Int32 = 0
    shim_screen_size(&rows, &columns)
    return (Int(rows), Int(columns))
  }

  private func write(_ bytes: [UInt8]) {
    _ = fwrite(bytes, 1, bytes.count, stdout)
    fflush(stdout)
  }

  private func draw() {
    if let candidate = announced {
      announced = nil
      show([candidate])
    }
    let (rows, columns) = size
    write(screen.draw(layout(text, point: point, columns: columns), rows: rows, columns: columns))
  }

  private func leave(mark: String, text: [UInt8]? = nil) {
    let (rows, columns) = size
    let text = text ?? self.text
    let last = layout(text, point: text.count, columns: columns, isLast: true)
    write(screen.leave(last, mark: mark, rows: rows, columns: columns))
    hasLeft = true
  }

  // MARK: Keys

  private func defineKeys() {
    if drawsEntries {
      for key in ["\\r", "\\n"] {
        shim_define_key("perilune-enter", { PromptEditor.current?.enter($0, $1) ?? 0 }, key, 1)
      }
      for key in ["\\e\\r", "\\e\\n"] {
        shim_define_key("perilune-newline", { PromptEditor.current?.newline($0, $1) ?? 0 }, key, 1)
      }
      shim_define_key("perilune-paste", { PromptEditor.current?.paste($0, $1) ?? 0 }, "\\e[200~", 1)
      shim_define_key("perilune-clear-screen", { PromptEditor.current?.clearScreen($0, $1) ?? 0 }, "\\C-l", 1)
      shim_define_key("perilune-end", { PromptEditor.current?.endOfInput($0, $1) ?? 0 }, "\\C-d", 0)
    }
    for key in ["\\C-a", "\\e[H", "\\eOH", "\\e[1~"] {
      shim_define_key("perilune-line-start", { PromptEditor.current?.lineStart($0, $1) ?? 0 }, key, 0)
    }
    for key in ["\\C-e", "\\e[F", "\\eOF", "\\e[4~"] {
      shim_define_key("perilune-line-end", { PromptEditor.current?.lineEnd($0, $1) ?? 0 }, key, 0)
    }
    shim_define_key("perilune-kill-line", { PromptEditor.current?.killLine($0, $1) ?? 0 }, "\\C-k", 0)
    shim_define_key("perilune-discard-line", { PromptEditor.current?.discardLine($0, $1) ?? 0 }, "\\C-u", 0)
    for key in ["\\e[A", "\\eOA", "\\C-p"] {
      shim_define_key("perilune-up", { PromptEditor.current?.up($0, $1) ?? 0 }, key, 1)
    }
    for key in ["\\e[B", "\\eOB", "\\C-n"] {
      shim_define_key("perilune-down", { PromptEditor.current?.down($0, $1) ?? 0 }, key, 1)
    }
  }

  private func enter(_ count: Int32, _ key: Int32) -> Int32 {
    if !owner.isComplete(text) { return newline(1, key) }
    return accept(key)
  }

  private func accept(_ key: Int32) -> Int32 {
    leave(mark: "")
    return rl_newline(1, key)
  }

  private func newline(_ count: Int32, _ key: Int32) -> Int32 {
    insert([UInt8](repeating: 10, count: max(Int(count), 1)))
    return 0
  }

  /// Ctrl-D on an empty last line ends the entry, which then has the error of unfinished Lua.
  private func endOfInput(_ count: Int32, _ key: Int32) -> Int32 {
    let line = text.split(separator: 10, omittingEmptySubsequences: false).last ?? []
    let isBlank = line.allSatisfy { $0 == 32 || $0 == 9 }
    if isBlank, point == text.count, point > line.count {
      wasEnded = true
      return accept(key)
    }
    return rl_delete(count, key)
  }

  private func paste(_ count: Int32, _ key: Int32) -> Int32 {
    let end = Array("\u{1B}[201~".utf8)
    var pasted: [UInt8] = []
    while !pasted.suffix(end.count).elementsEqual(end) {
      let byte = rl_read_key()
      guard byte >= 0 else { break }
      pasted.append(UInt8(truncatingIfNeeded: byte))
    }
    if pasted.suffix(end.count).elementsEqual(end) { pasted.removeLast(end.count) }
    let isLineStart = text[..<point].last { $0 != 32 && $0 != 9 } ?? 10 == 10
    insert(isLineStart ? owner.pasted(pasted) : pasted)
    return 0
  }

  private func clearScreen(_ count: Int32, _ key: Int32) -> Int32 {
    write(Array("\u{1B}[H\u{1B}[2J".utf8))
    screen.forget()
    return 0
  }

  // MARK: Lines and history

  /// Where the line of the cursor starts and ends.
  private var line: Range<Int> {
    let text = self.text, point = self.point
    let start = text[..<point].lastIndex(of: 10).map { $0 + 1 } ?? 0
    return start..<(text[point...].firstIndex(of: 10) ?? text.count)
  }

  private func lineStart(_ count: Int32, _ key: Int32) -> Int32 {
    rl_point = Int32(line.lowerBound)
    return 0
  }

  private func lineEnd(_ count: Int32, _ key: Int32) -> Int32 {
    rl_point = Int32(line.upperBound)
    return 0
  }

  /// Kills the rest of the line, or its end where nothing is left of it.
  private func killLine(_ count: Int32, _ key: Int32) -> Int32 {
    let end = line.upperBound > point ? line.upperBound : min(point + 1, text.count)
    return rl_kill_text(rl_point, Int32(end))
  }

  private func discardLine(_ count: Int32, _ key: Int32) -> Int32 {
    let start = line.lowerBound < point ? line.lowerBound : max(point - 1, 0)
    _ = rl_kill_text(rl_point, Int32(start))
    rl_point = Int32(start)
    return 0
  }

  /// Moves to the line above; from the first line, to the entry before that begins with the text before the cursor.
  private func up(_ count: Int32, _ key: Int32) -> Int32 {
    if move(by: -1) { return 0 }
    let index = Int(where_history())
    guard let found = searched().first(in: (0..<index).reversed()) else { return rl_ding() }
    _ = rl_get_previous_history(Int32(index - found), key)
    let entry = text
    rl_point = Int32(entry.firstIndex(of: 10) ?? entry.count)
    search?.found = entry
    return 0
  }

  private func down(_ count: Int32, _ key: Int32) -> Int32 {
    if move(by: 1) { return 0 }
    let index = Int(where_history()), length = Int(history_length)
    guard index < length else { return rl_ding() }
    let found = searched().first(in: index + 1..<max(length, index + 1))
    _ = rl_get_next_history(Int32((found ?? length) - index), key)
    rl_point = rl_end
    search?.found = text
    return 0
  }

  /// The entries that Up and Down go through.
  private struct Search {
    let prefix: [UInt8], shown: [UInt8]

    func first(in indices: some Sequence<Int>) -> Int? {
      guard let list = history_list() else { return nil }
      return indices.first { i in
        guard let line = list[i]?.pointee.line,
          strncmp(line, prefix.map { CChar(bitPattern: $0) } + [0], prefix.count) == 0
        else { return false }
        let entry = UnsafeRawBufferPointer(start: line, count: strlen(line))
        return !entry.elementsEqual(shown)
      }
    }
  }

  private func searched() -> Search {
    let shown = text
    if search == nil || search?.found != shown { search = (Array(shown[..<point]), shown) }
    return Search(prefix: search?.prefix ?? [], shown: shown)
  }

  /// Moves the cursor to the line above or below; false if there is none.
  private func move(by step: Int) -> Bool {
    let text = self.text, point = self.point
    let start = line.lowerBound
    let target: Int
    if step < 0 {
      guard start > 0 else { return false }
      target = (text[..<(start - 1)].lastIndex(of: 10) ?? -1) + 1
    } else {
      guard let end = text[point...].firstIndex(of: 10) else { return false }
      target = end + 1
    }
    let isStart: (UInt8) -> Bool = { $0 & 0xC0 != 0x80 }
    let column = goal?.point == point ? goal?.column ?? 0 : text[start..<point].filter(isStart).count
    var place = target
    var passed = 0
    while place < text.count, text[place] != 10, passed < column || !isStart(text[place]) {
      if isStart(text[place]) { passed += 1 }
      place += 1
      while place < text.count, !isStart(text[place]) { place += 1 }
    }
    rl_point = Int32(place)
    goal = (column, place)
    return true
  }

  // MARK: Completion

  /// The candidates as C strings that replace the word of readline from `start` to `end`.
  private func complete(from start: Int, to end: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    let before = Array(text[..<end])
    let found = owner.candidates(before)
    candidates = found.list.map { candidate in
      // Readline's word may begin before or after ours.
      var candidate = candidate
      let bytes = Array(candidate.text.utf8)
      let own =
        found.start >= start ? before[start..<found.start] + bytes : bytes.dropFirst(start - found.start)
      candidate.text = String(decoding: own, as: UTF8.self)
      return candidate
    }
    if candidates.isEmpty { return nil }
    if candidates.count == 1, !text[end...].starts(with: candidates[0].closing.utf8) {
      candidates[0].text += candidates[0].closing
    }
    if candidates.count == 1, drawsEntries {
      if rl_completion_type == Int32(UInt8(ascii: "?")) {
        announced = candidates[0]
        return nil
      }
      if !candidates[0].detail.isEmpty { announced = candidates[0] }
    }
    guard let memory = calloc(candidates.count + 1, MemoryLayout<UnsafeMutablePointer<CChar>?>.stride) else {
      return nil
    }
    let list = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: candidates.count + 1)
    for (i, candidate) in candidates.enumerated() { list[i] = strdup(candidate.text) }
    return list
  }

  private func show(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, _ count: Int) {
    let texts = Set((0..<count).compactMap { list[$0].map { String(cString: $0) } })
    show(candidates.filter { texts.contains($0.text) })
  }

  /// Lists candidates below the entry.
  private func show(_ list: [Candidate]) {
    let (rows, columns) = size
    let text = self.text
    let entry = layout(text, point: point, columns: columns)
    write(screen.leave(entry, rows: rows, columns: columns))
    let lines = PromptCandidates.lines(list, rows: max(rows - 2, 1), columns: columns) { Int(shim_width($0)) }
    write(Array(lines.joined(separator: "\r\n").utf8) + [13, 10])
  }
}

/// What the end of an input may become: names, fields, methods, options of functions, files in strings.
///
/// The tokens of the input say what is asked for; the names are found in Lua (completion.lua), without running
/// anybody's code.
///
///     session.completion(of: Array("align.loss.ipo { be".utf8)).candidates.first?.label   // "beta = 0.1"
import Base
import LuaEngine

public struct Completion: Sendable {
  /// Where the candidates begin in the input: they replace the text from there.
  public var start: Int
  public var candidates: [Candidate] = []
  /// What may follow a single candidate: the quote that ends its string.
  public var closing = ""

  public struct Candidate: Equatable, Sendable {
    public var text: String
    /// What a list shows: the last name of a path, an option with its default.
    public var label: String
    /// The meaning of an option, or "".
    public var meaning = ""
  }
}

extension Evaluator {
  /// What the end of an input may become.
  public func completion(of text: [UInt8]) -> Completion {
    let tokens = Array(LuaTokens(text))
    let last = tokens.last.flatMap { $0.range.upperBound == text.count ? $0 : nil }
    if let last, last.isOpen {
      return last.kind == .string ? inString(last.range, text, tokens) : Completion(start: text.count)
    }
    if let command = inCommand(text, tokens) { return command }
    return name(text, tokens)
  }

  /// The names that `word` may become; `before` is the text of the input before the word.
  public func completions(of word: String, before: String) -> [String] {
    let found = completion(of: Array((before + word).utf8))
    let start = before.utf8.count
    return found.candidates.map { candidate in
      if found.start <= start { return String(candidate.text.utf8.dropFirst(start - found.start)) ?? "" }
      return (String(word.utf8.prefix(found.start - start)) ?? "") + candidate.text
    }
  }

  /// Asks completion.lua; nil where it knows nothing of such a place.
  private func ask(_ kind: String, _ arguments: [LuaValue], from start: Int) -> Completion? {
    guard let answer = try? completeWord.call([.string(kind)] + arguments),
      let texts = try? answer.first?.asTable?.strings()
    else { return nil }
    let details = (try? answer.dropFirst().first?.asTable?.strings()) ?? []
    let candidates = texts.enumerated().map { i, text in
      let detail = i < details.count ? details[i] : ""
      let parts = detail.split(separator: "\t", maxSplits: 1).map(String.init)
      return Completion.Candidate(
        text: text, label: parts.first ?? text, meaning: parts.count > 1 ? parts[1] : "")
    }
    return Completion(start: start, candidates: candidates)
  }

  // MARK: Names

  private func name(_ text: [UInt8], _ tokens: [LuaTokens.Token]) -> Completion {
    var before = tokens[...]
    var start = text.count
    if let last = before.last, last.range.upperBound == text.count {
      if last.kind == .name {
        start = last.range.lowerBound
        before.removeLast()
      } else if last.kind != .symbol {
        return Completion(start: text.count)  // right after a number or a string
      }
    }
    let word = String(decoding: text[start...], as: UTF8.self)
    guard let separator = before.last, separator.kind == .symbol,
      [UInt8(ascii: "."), UInt8(ascii: ":")].contains(text[separator.range.lowerBound]),
      !isDouble(separator, before.dropLast().last, text)
    else {
      let code = LuaTokens.code(text[..<start])
      return ask("name", [.string(word), .bytes(code)], from: start) ?? Completion(start: start)
    }
    let mark = String(decoding: text[separator.range], as: UTF8.self)
    guard let path = path(before.dropLast(), text) else { return Completion(start: start) }
    return ask("member", [.list(path), .string(mark), .string(word)], from: start) ?? Completion(start: start)
  }

  /// Two points or colons in a row are an operator or a label.
  private func isDouble(_ token: LuaTokens.Token, _ before: LuaTokens.Token?, _ text: [UInt8]) -> Bool {
    guard let before, before.kind == .symbol else { return false }
    return before.range.upperBound == token.range.lowerBound
      && text[before.range.lowerBound] == text[token.range.lowerBound]
  }

  /// The keys of the path that the tokens end in, such as `a.b["c"][1]` or `("text")`; nil for other expressions.
  private func path(_ tokens: ArraySlice<LuaTokens.Token>, _ text: [UInt8]) -> [LuaValue]? {
    var tokens = tokens
    var keys: [LuaValue] = []
    func symbol(_ token: LuaTokens.Token?) -> Character? {
      guard let token, token.kind == .symbol else { return nil }
      return Character(Unicode.Scalar(text[token.range.lowerBound]))
    }
    func literal(_ token: LuaTokens.Token) -> LuaValue? {
      let code = String(decoding: text[token.range], as: UTF8.self)
      if token.kind == .number { return Int64(code).map { .integer($0) } }
      guard token.kind == .string, !token.isOpen, code.first != "[" else { return nil }
      return .bytes(LuaTokens.content(of: text[token.range].dropFirst().dropLast()))
    }
    while let token = tokens.popLast() {
      switch symbol(token) {
      case nil where token.kind == .name:
        keys.insert(.string(String(decoding: text[token.range], as: UTF8.self)), at: 0)
        let mark = symbol(tokens.last)
        if mark != ".", mark != ":" { return keys }
        let separator = tokens.removeLast()
        if isDouble(separator, tokens.last, text) { return keys }
      case "]":
        guard let index = tokens.popLast(), symbol(tokens.popLast()) == "[", let key = literal(index) else {
          return nil
        }
        keys.insert(key, at: 0)
      case ")":
        guard let string = tokens.popLast(), symbol(tokens.popLast()) == "(", let value = literal(string),
          string.kind == .string,
          tokens.last.map({ $0.kind == .symbol && ![")", "]"].contains(symbol($0)) }) ?? true,
          let root = try? lua.table(), (try? root.set("literal", value)) != nil
        else { return nil }
        return [.table(root)] + keys
      default: return nil
      }
    }
    return nil
  }

  // MARK: Strings and commands

  private func inString(_ range: Range<Int>, _ text: [UInt8], _ tokens: [LuaTokens.Token]) -> Completion {
    let isLong = text[range.lowerBound] == UInt8(ascii: "[")
    let quote = isLong ? text[range].dropFirst().firstIndex(of: UInt8(ascii: "[")) : range.lowerBound
    guard let quote else { return Completion(start: text.count) }
    let raw = text[(quote + 1)...]
    let content = isLong ? Array(raw) : LuaTokens.content(of: raw)
    let code = LuaTokens.code(text[..<range.lowerBound])
    let mark = text[quote]
    var completion: Completion
    if let found = ask("string", [.bytes(content), .bytes(code)], from: 0) {
      completion = replacing(found, in: content, of: text)
    } else {
      completion = files(
        content, from: raw.startIndex, isLong ? { $0 } : { LuaTokens.escaped($0, quote: mark) })
    }
    let isFolder = completion.candidates.first?.text.hasSuffix("/") == true
    if !isLong && !isFolder { completion.closing = String(Character(Unicode.Scalar(mark))) }
    return completion
  }

  /// The candidates replace the last word of a string: what follows its last blank or `=`, or all of a name with
  /// points.
  private func replacing(_ found: Completion, in content: [UInt8], of text: [UInt8]) -> Completion {
    var found = found
    let isWhole = found.candidates.contains { $0.text.utf8.starts(with: content) }
    let word = isWhole ? content.count : content.reversed().prefix { $0 != 32 && $0 != 61 }.count
    found.start = text.count - word
    return found
  }

  /// In the line of a command that is no Lua: `?name`, `!shell`, `%run file`.
  private func inCommand(_ text: [UInt8], _ tokens: [LuaTokens.Token]) -> Completion? {
    guard let command = tokens.last(where: { $0.kind == .command }),
      !text[command.range.upperBound...].contains(10)
    else { return nil }
    let line = text[command.range.lowerBound...]
    let word = line.reversed().prefix { $0 != 32 && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "!") }.count
    let start = text.count - word
    let isFirst = start - line.startIndex <= 2 && !line[..<start].contains(32)
    switch line[line.startIndex] {
    case UInt8(ascii: "?"):
      let found = name(Array(text[start...]), Array(LuaTokens(Array(text[start...]))))
      let isPath = text[start...].contains { $0 == 46 || $0 == 58 }
      let names = isPath ? nil : ask("help", [.bytes(Array(text[start...]))], from: start)
      return names ?? Completion(start: found.start + start, candidates: found.candidates)
    case UInt8(ascii: "%") where command.range.upperBound == text.count:
      let first = String(decoding: text[command.range], as: UTF8.self)
      let names = commandNames.keys.map { "%" + $0 }.filter { $0.hasPrefix(first) }.sorted()
      return Completion(
        start: command.range.lowerBound, candidates: names.map { Completion.Candidate(text: $0, label: $0) })
    case UInt8(ascii: "%"):
      let first = String(decoding: text[command.range].dropFirst(), as: UTF8.self)
      if commandNames[first] == true { return nil }
    default:
      if isFirst && word == 0 { return Completion(start: text.count) }
    }
    if let found = ask("argument", [.bytes(Array(line))], from: 0) {
      return replacing(found, in: Array(line), of: text)
    }
    return files(Array(text[start...]), from: start) { $0 }
  }

  /// The files whose names begin as `path`, with a slash after folders. `written` is how the input writes a name.
  private func files(_ path: [UInt8], from start: Int, _ written: ([UInt8]) -> [UInt8]) -> Completion {
    let found = FileNames.beginning(with: String(decoding: path, as: UTF8.self))
    return Completion(
      start: start,
      candidates: found.map { name in
        let last = name.split(separator: "/").last.map(String.init) ?? name
        return Completion.Candidate(
          text: String(decoding: written(Array(name.utf8)), as: UTF8.self),
          label: name.hasSuffix("/") ? last + "/" : last)
      })
  }
}

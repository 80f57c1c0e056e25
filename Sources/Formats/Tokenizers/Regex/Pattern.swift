/// A regular expression over UTF-8, as `tokenizers` finds its matches with Oniguruma.
///
/// Our own matcher, because the splits must be those of the Unicode version of `tokenizers` (16.0), which
/// neither PCRE2 10.42 nor Oniguruma 6.9.8 of Debian 12 has (14.0: 9,272 letters fewer); Swift's tables have
/// it. Runs of one class, which make up such patterns, are one step each, and a byte that is not UTF-8 counts
/// as a character that is in no class.
import Base
import Synchronization

struct Pattern: Sendable {
  private let program: Program

  /// The compiled pattern, shared and never changed.
  private final class Program: @unchecked Sendable {
    let steps: [PatternStep]
    let firsts: [FirstBytes]
    let sets: [ScalarSet]
    private let made = Mutex<[UInt64]?>(nil)
    /// Membership of the basic plane, 1,024 words for each set. Made by the first match: a file that is refused needs
    /// none.
    var planes: [UInt64] {
      made.withLock { made in
        if let made { return made }
        let planes = sets.flatMap { $0.basicPlane() }
        made = planes
        return planes
      }
    }

    init(_ compiler: PatternCompiler) {
      steps = compiler.steps
      firsts = compiler.firsts
      sets = compiler.sets
    }
  }

  /// - Parameter pattern: in Oniguruma's syntax.
  init(_ pattern: String) throws {
    var compiler = PatternCompiler()
    try compiler.compile(try PatternParser.parse(pattern))
    program = Program(compiler)
  }

  /// The steps and classes of characters that it has.
  var size: (steps: Int, sets: Int) { (program.steps.count, program.sets.count) }

  /// Calls `piece` with every part of a range of `bytes`, in order: the matches, and what is between them.
  func forEachPiece(
    _ bytes: UnsafeBufferPointer<UInt8>, in range: Range<Int>,
    _ piece: (_ range: Range<Int>, _ isMatch: Bool) throws -> Void
  ) throws {
    try program.steps.withUnsafeBufferPointer { steps in
      try program.firsts.withUnsafeBufferPointer { firsts in
        try program.planes.withUnsafeBufferPointer { planes in
          var matcher = Matcher(
            steps: steps, firsts: firsts, planes: planes, sets: program.sets, bytes: bytes, range: range)
          var from = range.lowerBound
          var end = from
          var matchEnd: Int?
          while true {
            // An empty match where the last match ended does not count.
            if let last = try matcher.match(from), last > from || matchEnd != from {
              if end < from { try piece(end..<from, false) }
              try piece(from..<last, true)
              (end, matchEnd, from) = (last, last, last)
            } else if from < range.upperBound {
              from += Characters.length(bytes, at: from)
            } else {
              break
            }
          }
          if end < range.upperBound { try piece(end..<range.upperBound, false) }
        }
      }
    }
  }
}

/// One search: a position, and the ways that are still open.
private struct Matcher {
  let steps: UnsafeBufferPointer<PatternStep>
  let firsts: UnsafeBufferPointer<FirstBytes>
  let planes: UnsafeBufferPointer<UInt64>
  let sets: [ScalarSet]
  let bytes: UnsafeBufferPointer<UInt8>
  let range: Range<Int>

  /// A way to go on: from `at` at step `step`, and for a greedy run also from the characters before, down to
  /// `least`. Of a lazy run `least` is how many more it may take.
  private struct Way {
    var step: Int32
    var at: Int
    var least: Int
    /// A lazy run may take more of this set; -1 for all other ways.
    var more: Int32 = -1
  }
  private var ways: [Way] = []
  /// Ways of the match that failed.
  private var retries = 0

  init(
    steps: UnsafeBufferPointer<PatternStep>, firsts: UnsafeBufferPointer<FirstBytes>,
    planes: UnsafeBufferPointer<UInt64>, sets: [ScalarSet], bytes: UnsafeBufferPointer<UInt8>,
    range: Range<Int>
  ) {
    self.steps = steps
    self.firsts = firsts
    self.planes = planes
    self.sets = sets
    self.bytes = bytes
    self.range = range
  }

  /// The end of the match that starts at `start`, or nil.
  mutating func match(_ start: Int) throws -> Int? {
    ways.removeAll(keepingCapacity: true)
    retries = 0
    return try run(0, start)
  }

  private func checkRetries() throws {
    try Interrupt.check()
    let most = Limits.patternRetriesMax + Limits.patternRetriesPerByte * range.count
    if retries > most {
      throw Failure(
        .value,
        "a regular expression of the tokenizer tries more than \(most) ways to match a text of \(range.count) bytes"
      )
    }
  }

  /// Bytes of the character at `at` if it is in the set, else 0.
  @inline(__always)
  private func taken(_ set: Int32, _ at: Int) -> Int {
    if at >= range.upperBound { return 0 }
    let lead = bytes[at]
    if lead < 0x80 {
      return Int(planes[Int(set) << 10 + Int(lead >> 6)] >> UInt64(lead & 63) & 1)
    }
    let (value, length) = Characters.scalar(bytes, at: at)
    if value < 0x10000 {
      return planes[Int(set) << 10 + Int(value >> 6)] >> UInt64(value & 63) & 1 == 1 ? length : 0
    }
    return sets[Int(set)].contains(value) ? length : 0
  }

  /// Where the character before `at` starts.
  private func before(_ at: Int) -> Int {
    var start = at - 1
    while start > range.lowerBound && at - start < 4 && bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start + Characters.length(bytes, at: start) == at ? start : at - 1
  }

  private mutating func run(_ first: Int, _ start: Int) throws -> Int? {
    let floor = ways.count
    var at = start
    var pc = first
    while true {
      let step = steps[pc]
      var holds = true
      switch step.kind {
      case .done:
        ways.removeLast(ways.count - floor)
        return at
      case .set:
        let length = taken(step.a, at)
        holds = length > 0
        at += length
        pc += 1
      case .run:
        holds = takeRun(step, pc, &at)
        pc += 1
      case .split:
        if step.mode == .lazy {
          ways.append(Way(step: step.b, at: at, least: at))
          pc = Int(step.a)
        } else if at < range.upperBound
          ? firsts[Int(step.c)].contains(bytes[at]) : firsts[Int(step.c)].contains(0)
        {
          ways.append(Way(step: step.b, at: at, least: at))
          pc = Int(step.a)
        } else {
          pc = Int(step.b)
        }
      case .jump: pc = Int(step.a)
      case .lookAhead, .notAhead:
        holds = (try run(pc + 1, at) != nil) == (step.kind == .lookAhead)
        pc = Int(step.a)
      case .lookBehind, .notBehind:
        var begin: Int? = at
        for _ in 0..<step.c {
          if let here = begin { begin = here > range.lowerBound ? before(here) : nil }
        }
        let found = try begin.flatMap { try run(pc + 1, $0) } != nil
        holds = found == (step.kind == .lookBehind)
        pc = Int(step.a)
      case .atomic:
        if let end = try run(pc + 1, at) { at = end } else { holds = false }
        pc = Int(step.a)
      case .boundary:
        holds = isAt(Boundary(rawValue: step.a) ?? .textStart, at)
        pc += 1
      }
      if holds { continue }
      retries += 1
      if retries & 0xFFFF == 0 { try checkRetries() }
      guard let way = goBack(floor) else { return nil }
      (pc, at) = way
    }
  }

  @inline(__always)
  private mutating func takeRun(_ step: PatternStep, _ pc: Int, _ at: inout Int) -> Bool {
    var count: Int32 = 0
    let most = step.mode == .lazy ? step.b : step.c
    var least = at
    while count < most {
      let length = taken(step.a, at)
      if length == 0 { break }
      at += length
      count += 1
      if count == step.b { least = at }
    }
    if count < step.b { return false }
    if step.mode == .greedy && at > least {
      ways.append(Way(step: Int32(truncatingIfNeeded: pc + 1), at: at, least: least))
    } else if step.mode == .lazy && step.c > step.b {
      ways.append(
        Way(step: Int32(truncatingIfNeeded: pc + 1), at: at, least: Int(step.c - step.b), more: step.a))
    }
    return true
  }

  /// Takes the last open way, if there is one above `floor`.
  private mutating func goBack(_ floor: Int) -> (step: Int, at: Int)? {
    while ways.count > floor {
      let top = ways.count - 1
      let way = ways[top]
      if way.more >= 0 {
        let length = way.least > 0 ? taken(way.more, way.at) : 0
        if length > 0 {
          ways[top].at += length
          ways[top].least -= 1
          return (Int(way.step), way.at + length)
        }
        ways.removeLast()
      } else if way.at == way.least {
        ways.removeLast()
        return (Int(way.step), way.at)
      } else {
        let at = before(way.at)
        ways[top].at = at
        if at <= way.least { ways.removeLast() }
        return (Int(way.step), at)
      }
    }
    return nil
  }

  private func isAt(_ boundary: Boundary, _ at: Int) -> Bool {
    func isWord(_ place: Int) -> Bool {
      ScalarProperties.of(Characters.scalar(bytes, at: place).value) & ScalarProperties.word != 0
    }
    switch boundary {
    case .textStart: return at == range.lowerBound
    case .textEnd: return at == range.upperBound
    case .lastLineEnd:
      return at == range.upperBound || (at + 1 == range.upperBound && bytes[at] == 10)
    case .lineStart: return at == range.lowerBound || bytes[at - 1] == 10
    case .lineEnd: return at == range.upperBound || bytes[at] == 10
    case .word, .notWord:
      let left = at > range.lowerBound && isWord(before(at))
      let right = at < range.upperBound && isWord(at)
      return (left != right) == (boundary == .word)
    }
  }
}

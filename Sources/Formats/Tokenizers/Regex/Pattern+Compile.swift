/// Turns a parsed pattern into the instructions of its matcher.
import Base

/// One step of the matcher.
struct PatternStep {
  enum Kind: UInt8 {
    /// The pattern, or the part inside of a look or an atomic group, has matched.
    case done
    /// One scalar of set `a`.
    case set
    /// Scalars of set `a`, from `b` to `c` of them, as `mode` says.
    case run
    /// Step `a`, and if that fails step `b`. The first is tried only where a byte of `firsts[c]` is next.
    case split
    case jump
    /// The part after this step ahead or behind, `c` scalars back; then step `a`.
    case lookAhead, lookBehind, notAhead, notBehind
    /// The part after this step, without going back into it; then step `a`.
    case atomic
    /// The boundary of raw value `a`.
    case boundary
  }
  var kind: Kind
  var mode = RepeatMode.greedy
  var a: Int32 = 0
  var b: Int32 = 0
  var c: Int32 = 0
}

/// A set of first bytes, 256 bits.
struct FirstBytes {
  var bits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  static let all = FirstBytes(bits: (.max, .max, .max, .max))

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let word = byte < 128 ? (byte < 64 ? bits.0 : bits.1) : (byte < 192 ? bits.2 : bits.3)
    return word >> UInt64(byte & 63) & 1 == 1
  }

  mutating func insert(_ byte: UInt8) {
    let bit = UInt64(1) << UInt64(byte & 63)
    switch byte >> 6 {
    case 0: bits.0 |= bit
    case 1: bits.1 |= bit
    case 2: bits.2 |= bit
    default: bits.3 |= bit
    }
  }

  mutating func formUnion(_ other: FirstBytes) {
    bits = (bits.0 | other.bits.0, bits.1 | other.bits.1, bits.2 | other.bits.2, bits.3 | other.bits.3)
  }
}

struct PatternCompiler {
  private(set) var steps: [PatternStep] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var firsts: [FirstBytes] = []
  private var places: [ScalarSet: Int32] = [:]

  mutating func compile(_ node: PatternNode) throws {
    try add(node)
    try emit(PatternStep(kind: .done))
  }

  @discardableResult
  private mutating func emit(_ step: PatternStep) throws -> Int {
    if steps.count == Limits.patternStepsMax {
      throw Failure(.format, "the regular expression is too long: more than \(Limits.patternStepsMax) steps")
    }
    steps.append(step)
    return steps.count - 1
  }

  private var here: Int32 { Int32(truncatingIfNeeded: steps.count) }

  private mutating func index(of set: ScalarSet) throws -> Int32 {
    if let known = places[set] { return known }
    if sets.count == Limits.patternSetsMax {
      throw Failure(.format, "the regular expression has more than \(Limits.patternSetsMax) classes")
    }
    let place = Int32(truncatingIfNeeded: sets.count)
    places[set] = place
    sets.append(set)
    return place
  }

  private mutating func add(_ node: PatternNode) throws {
    switch node {
    case .empty: return
    case .set(let set): try emit(PatternStep(kind: .set, a: try index(of: set)))
    case .sequence(let parts): for part in parts { try add(part) }
    case .choice(let branches): try add(choice: branches[...])
    case .boundary(let boundary): try emit(PatternStep(kind: .boundary, a: boundary.rawValue))
    case .atomic(let inner):
      let at = try emit(PatternStep(kind: .atomic))
      try compile(inner)
      steps[at].a = here
    case .look(let inner, let ahead, let negated):
      var step = PatternStep(
        kind: ahead ? (negated ? .notAhead : .lookAhead) : negated ? .notBehind : .lookBehind)
      if !ahead {
        guard let length = Self.length(inner) else {
          throw Failure(.format, "a look behind that has no one length is not supported")
        }
        step.c = Int32(truncatingIfNeeded: length)
      }
      let at = try emit(step)
      try compile(inner)
      steps[at].a = here
    case .repeated(let inner, let least, let most, let mode):
      try add(inner, least, most, mode)
    }
  }

  private mutating func add(choice branches: ArraySlice<PatternNode>) throws {
    guard let last = branches.last else { return }
    var jumps: [Int] = []
    for branch in branches.dropLast() {
      let at = try split(branch)
      try add(branch)
      jumps.append(try emit(PatternStep(kind: .jump)))
      steps[at].b = here
    }
    try add(last)
    for jump in jumps { steps[jump].a = here }
  }

  /// A split whose first way is the next step.
  private mutating func split(_ first: PatternNode) throws -> Int {
    let (bytes, isNullable) = Self.firsts(first)
    firsts.append(isNullable ? .all : bytes)
    return try emit(
      PatternStep(kind: .split, a: here + 1, c: Int32(truncatingIfNeeded: firsts.count - 1)))
  }

  private mutating func add(_ inner: PatternNode, _ least: Int, _ most: Int, _ mode: RepeatMode) throws {
    if case .set(let set) = inner {
      let most = Int32(truncatingIfNeeded: min(most, Int(Int32.max)))
      try emit(
        PatternStep(
          kind: .run, mode: mode, a: try index(of: set), b: Int32(truncatingIfNeeded: least), c: most))
      return
    }
    if mode == .possessive {
      return try add(.atomic(.repeated(inner, least: least, most: most, mode: .greedy)))
    }
    for _ in 0..<least {
      let before = steps.count
      try add(inner)
      if steps.count == before { break }  // nothing, however often
    }
    if most == Int.max {
      if Self.firsts(inner).isNullable {
        throw Failure(.format, "a repetition of what can be empty is not supported in a regular expression")
      }
      let at = try optional(inner, mode)
      try emit(PatternStep(kind: .jump, a: Int32(truncatingIfNeeded: at.split)))
      close(at)
      return
    }
    var open: [(split: Int, mode: RepeatMode)] = []
    for _ in least..<max(least, most) { open.append(try optional(inner, mode)) }
    for at in open { close(at) }
  }

  /// A way through `inner` and one past it, which `close` leads to the steps that follow.
  private mutating func optional(_ inner: PatternNode, _ mode: RepeatMode) throws -> (
    split: Int, mode: RepeatMode
  ) {
    let at = try split(inner)
    steps[at].mode = mode
    try add(inner)
    return (at, mode)
  }

  private mutating func close(_ at: (split: Int, mode: RepeatMode)) {
    steps[at.split].b = here
    if at.mode == .lazy {
      (steps[at.split].a, steps[at.split].b) = (steps[at.split].b, steps[at.split].a)
      firsts[Int(steps[at.split].c)] = .all
    }
  }

  // MARK: what a part can be

  /// The bytes that a part can begin with, and whether it can be empty.
  private static func firsts(_ node: PatternNode) -> (bytes: FirstBytes, isNullable: Bool) {
    switch node {
    case .empty, .boundary, .look: return (FirstBytes(), true)
    case .set(let set):
      var found = FirstBytes()
      for byte in UInt8(0)..<128 where set.contains(UInt32(byte)) { found.insert(byte) }
      (found.bits.2, found.bits.3) = (.max, .max)
      return (found, false)
    case .sequence(let parts):
      var found = FirstBytes()
      for part in parts {
        let (bytes, isNullable) = firsts(part)
        found.formUnion(bytes)
        if !isNullable { return (found, false) }
      }
      return (found, true)
    case .choice(let branches):
      var found = FirstBytes()
      var nullable = false
      for branch in branches {
        let (bytes, isNullable) = firsts(branch)
        found.formUnion(bytes)
        nullable = nullable || isNullable
      }
      return (found, nullable)
    case .repeated(let inner, let least, _, _):
      let (bytes, isNullable) = firsts(inner)
      return (bytes, isNullable || least == 0)
    case .atomic(let inner): return firsts(inner)
    }
  }

  /// The scalars of every match of a part, if it is one number of at most `Limits.lookBehindMax`.
  private static func length(_ node: PatternNode) -> Int? {
    switch node {
    case .empty, .boundary, .look: return 0
    case .set: return 1
    case .sequence(let parts):
      var sum = 0
      for part in parts {
        guard let length = length(part), length < Limits.lookBehindMax else { return nil }
        sum += length
        if sum > Limits.lookBehindMax { return nil }
      }
      return sum
    case .choice(let branches):
      let lengths = branches.map { length($0) }
      guard let first = lengths.first, lengths.allSatisfy({ $0 == first }) else { return nil }
      return first
    case .repeated(let inner, let least, let most, _):
      guard least == most, let length = length(inner), length <= Limits.lookBehindMax / max(1, least) else {
        return nil
      }
      return least * length
    case .atomic(let inner): return length(inner)
    }
  }
}

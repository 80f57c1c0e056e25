/// Learns a byte-level BPE vocabulary from texts.
///
/// Sennrich et al. 2016 (arXiv:1508.07909): the most frequent adjacent pair becomes a token, again and again;
/// of equal counts the pair with the smaller ids wins, so that the same texts give the same vocabulary on
/// every machine. Counts are updated only in words that hold the pair, and a heap with stale entries finds
/// the next pair.
import Base

extension ByteLevelBPE {
  /// Trains until the vocabulary has `vocabSize` tokens or no pair occurs twice.
  ///
  /// Ids: the control tokens in the given order, then the 256 bytes, then the merges in the order they were
  /// learnt.
  ///
  ///     let t = try ByteLevelBPE.train(texts: stories, vocabSize: 2048, specials: ["<pad>", "<bos>", "<eos>"])
  ///     t.id(named: "<bos>")      // 1
  public static func train(
    texts: [String], vocabSize: Int, specials: [String] = [], digitsAlone: Bool = false
  ) throws -> TokenizerPipeline {
    let least = specials.count + 256
    if vocabSize < least || vocabSize > Limits.vocabularyMax {
      throw Failure(
        .value,
        "vocabulary of \(vocabSize): expected \(least)..\(Limits.vocabularyMax) (256 bytes and "
          + "\(specials.count) control tokens)"
      )
    }
    var trainer = try Trainer(words: try count(texts, digitsAlone), firstByte: Int32(specials.count))
    try trainer.run(vocabSize: vocabSize)
    let learnt = trainer.tokens.dropFirst(specials.count).map { ByteAlphabet.printable($0) }
    for (i, name) in specials.enumerated() {
      if specials[..<i].contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
        throw Failure(.format, "training: two control tokens have the same id or name '\(Quoted.name(name))'")
      }
      if learnt.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
        throw Failure(.format, "training: control token '\(Quoted.name(name))' is an ordinary token too")
      }
    }
    let names = specials + learnt
    let pairs = trainer.merges.map { (names[Int($0.left)], names[Int($0.right)]) }
    return try tokenizer(
      names: names, merges: pairs, specials: Array(specials.indices), digitsAlone: digitsAlone,
      source: "training")
  }

  /// Words and how often they occur, in the order of their bytes. Long words are cut: a page without spaces
  /// would otherwise be walked again at every merge.
  private static func count(_ texts: [String], _ digitsAlone: Bool) throws -> [(word: [UInt8], count: Int)] {
    let longest = 256
    var counts: [[UInt8]: Int] = [:]
    let splitter = try PreTokenizer(
      Part(TokenizerParts.byteLevel(digitsAlone: digitsAlone), path: "pre_tokenizer"))
    for text in texts {
      try Interrupt.check()
      var pieces = Pieces(Array(text.utf8), atStart: true)
      try splitter.apply(to: &pieces, writesBytes: false)
      for (i, range) in pieces.ranges.enumerated() {
        if i & lookMask == lookMask { try Interrupt.check() }
        for start in stride(from: range.lowerBound, to: range.upperBound, by: longest) {
          counts[Array(pieces.bytes[start..<min(start + longest, range.upperBound)]), default: 0] += 1
        }
      }
    }
    var comparisons = 0
    return try counts.map { (word: $0.key, count: $0.value) }.sorted {
      comparisons &+= 1
      if comparisons & lookMask == lookMask { try Interrupt.check() }
      return $0.word.lexicographicallyPrecedes($1.word)
    }
  }
}

/// Words, comparisons or rewritten words between two looks at Ctrl-C, less one: some milliseconds of work.
private let lookMask = 0x3FFF

/// The state of training: words as tokens, counts of pairs, and where each pair occurs.
private struct Trainer {
  struct Candidate: Comparable {
    var count: Int
    var pair: UInt64
    /// The heap gives the least first: the largest count, then the smallest pair.
    static func < (a: Candidate, b: Candidate) -> Bool {
      a.count != b.count ? a.count > b.count : a.pair < b.pair
    }
  }

  private(set) var tokens: [[UInt8]]
  private(set) var merges: [(left: Int32, right: Int32)] = []
  private var words: [[Int32]]
  private let frequencies: [Int]
  private var ids: [[UInt8]: Int32] = [:]
  private var counts: [UInt64: Int] = [:]
  private var places: [UInt64: [Int32]] = [:]
  private var merged = Set<UInt64>()
  private var heap = MinHeap<Candidate>()

  init(words counted: [(word: [UInt8], count: Int)], firstByte: Int32) throws {
    tokens = [[UInt8]](repeating: [], count: Int(firstByte)) + (0..<256).map { [UInt8($0)] }
    words = counted.map { $0.word.map { firstByte + Int32($0) } }
    frequencies = counted.map(\.count)
    for byte in 0..<256 { ids[[UInt8(byte)]] = firstByte + Int32(byte) }
    for (place, word) in words.enumerated() {
      if place & lookMask == lookMask { try Interrupt.check() }
      for i in word.indices.dropFirst() { add(TokenMerges.key(word[i - 1], word[i]), place) }
    }
    for (pair, count) in counts { heap.push(Candidate(count: count, pair: pair)) }
  }

  private mutating func add(_ pair: UInt64, _ place: Int) {
    counts[pair, default: 0] += frequencies[place]
    if places[pair]?.last != Int32(place) { places[pair, default: []].append(Int32(place)) }
  }

  mutating func run(vocabSize: Int) throws {
    while tokens.count < vocabSize, let best = heap.pop() {
      let count = counts[best.pair] ?? 0
      if count < 2 { continue }
      if count != best.count {
        if count < best.count { heap.push(Candidate(count: count, pair: best.pair)) }
        continue
      }
      try Interrupt.check()
      try merge(best.pair)
    }
  }

  private mutating func merge(_ pair: UInt64) throws {
    let left = Int32(truncatingIfNeeded: pair >> 32)
    let right = Int32(truncatingIfNeeded: pair)
    let bytes = tokens[Int(left)] + tokens[Int(right)]
    if bytes.count > Limits.tokenBytesMax {
      counts[pair] = nil
      return
    }
    // Two pairs can spell the same token; it keeps the id it got first.
    let token = ids[bytes] ?? Int32(tokens.count)
    if ids.updateValue(token, forKey: bytes) == nil { tokens.append(bytes) }
    if merged.insert(pair).inserted { merges.append((left, right)) }
    var touched = Set<UInt64>()
    for (i, place) in (places.removeValue(forKey: pair) ?? []).enumerated() {
      if i & lookMask == lookMask { try Interrupt.check() }
      rewrite(Int(place), left, right, token, &touched)
    }
    counts[pair] = nil
    for fresh in touched { if let count = counts[fresh] { heap.push(Candidate(count: count, pair: fresh)) } }
  }

  /// Replaces the pair in one word and keeps the counts of its neighbours.
  private mutating func rewrite(
    _ place: Int, _ left: Int32, _ right: Int32, _ token: Int32, _ touched: inout Set<UInt64>
  ) {
    let old = words[place]
    var new: [Int32] = []
    new.reserveCapacity(old.count)
    var i = 0
    while i < old.count {
      if i + 1 < old.count && old[i] == left && old[i + 1] == right {
        new.append(token)
        i += 2
      } else {
        new.append(old[i])
        i += 1
      }
    }
    if new.count == old.count { return }
    for i in old.indices.dropFirst() {
      counts[TokenMerges.key(old[i - 1], old[i]), default: 0] -= frequencies[place]
    }
    for i in new.indices.dropFirst() {
      let pair = TokenMerges.key(new[i - 1], new[i])
      if new[i - 1] == token || new[i] == token {
        add(pair, place)
        touched.insert(pair)
      } else {
        counts[pair, default: 0] += frequencies[place]
      }
    }
    words[place] = new
  }
}

/// The tokens of a rendered conversation.
///
/// The text is tokenised as it stands, without BOS or EOS added: the template writes them. Names of control
/// tokens become these tokens; with `sanitized` only those that the template itself wrote, so that a user cannot
/// forge the end of a turn.
import Base

extension Tokenizer {
  public func ids(of chat: RenderedChat, sanitized: Bool = false) throws -> [Int] {
    if !sanitized { return try encode(chat.text, EncodeOptions(splitSpecialTokens: false)) }
    var bytes: [UInt8] = []
    var isInput: [Bool] = []
    for stretch in chat.stretches {
      bytes += stretch.bytes
      isInput += [Bool](repeating: stretch.isInput, count: stretch.bytes.count)
    }
    let names = try specials.map { Array(try name(of: $0).utf8) }.filter { !$0.isEmpty }
      .sorted { $0.count > $1.count }
    var ids: [Int] = []
    var (from, i) = (0, 0)
    func own(upTo end: Int) throws {
      if from < end {
        ids += try encode(bytes: Array(bytes[from..<end]), EncodeOptions(splitSpecialTokens: false))
      }
    }
    while i < bytes.count {
      guard let name = names.first(where: { bytes[i...].starts(with: $0) }) else {
        i += 1
        continue
      }
      let end = i + name.count
      if isInput[i..<end].contains(true) {
        try own(upTo: i)
        ids += try encode(bytes: name)
        from = end
      }
      i = end
    }
    try own(upTo: bytes.count)
    return ids
  }

  /// 1 for each token that has a byte in one of the ranges, which are in order; else 0.
  public func mask(of ids: [Int], _ chat: RenderedChat, _ ranges: [Range<Int>]) throws -> [Int] {
    var mask = [Int](repeating: 0, count: ids.count)
    if ranges.isEmpty { return mask }
    let text = Array(chat.text.utf8)
    if let ends = try ends(of: ids, in: text) {
      var token = 0
      for range in ranges where !range.isEmpty {
        while token < ids.count, ends[token] <= range.lowerBound { token += 1 }
        var i = token
        while i < ids.count, (i == 0 ? 0 : ends[i - 1]) < range.upperBound {
          mask[i] = 1
          i += 1
        }
      }
      return mask
    }
    // A tokenizer that changes the text: the tokens from where those of a prefix and of the whole diverge.
    func count(_ end: Int) throws -> Int {
      let prefix = try encode(bytes: Array(text[..<end]), EncodeOptions(splitSpecialTokens: false))
      return zip(prefix, ids).prefix { $0 == $1 }.count
    }
    for range in ranges {
      for i in try count(range.lowerBound)..<max(count(range.lowerBound), count(range.upperBound)) {
        mask[i] = 1
      }
    }
    return mask
  }

  /// Where each token ends in the text; nil where the bytes of the tokens are not those of the text, a blank before
  /// it aside.
  private func ends(of ids: [Int], in text: [UInt8]) throws -> [Int]? {
    let controls = Set(specials)
    var place = 0
    var ends: [Int] = []
    var isShifted = false
    for (i, id) in ids.enumerated() {
      let bytes = controls.contains(id) ? Array(try name(of: id).utf8) : try self.bytes(of: id)
      let rest = text[place...]
      if rest.starts(with: bytes) {
        place += bytes.count
      } else if i == 0 || !isShifted, bytes.first == 32, rest.starts(with: bytes.dropFirst()) {
        isShifted = true
        place += bytes.count - 1
      } else {
        return nil
      }
      ends.append(place)
    }
    return place == text.count ? ends : nil
  }
}

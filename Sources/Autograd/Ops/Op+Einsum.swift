/// Sums of products written as an equation of letters, as permutations and matrix products.
///
/// Operands are contracted from left to right. Letters that only one operand has and the result lacks are
/// summed first; the others become the batch, the rows, the columns or the inner dimension of one matrix
/// product.
import Base
import Tensors

extension Op {
  public static let einsum = Op(
    "einsum", group: "products",
    summary: "A sum of products over letters, each naming a dimension. Letters the result lacks are summed.",
    formula: "\"ij,jk->ik\": result[i, k] = Σⱼ a[i, j] b[j, k]",
    shapes: "one group of letters for each tensor; ... stands for any leading dimensions, which broadcast. "
      + "Without an arrow the result has the letters that occur once, in alphabetical order",
    parameters: [
      Parameter("equation", .text, "such as \"bij,bjk->bik\""),
      Parameter("tensors", .tensors, "one for each group of letters: a list, or one argument after another"),
    ],
    example: Example(
      "print(T.einsum(\"ij->ji\", {T{{1, 2}, {3, 4}}}))", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    compose: { inputs, attributes in
      guard let text = attributes.text("equation") else {
        throw Failure(.argument, "expected an equation", argument: 1)
      }
      let all = inputs.compactMap { $0 }
      let equation = try Equation(text, ranks: all.map(\.value.rank))
      return [try Contraction(equation, all).run(all)]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([3, 4])], [.text("ij,jk->ik")]),
        Sample([try random.normal([2, 3]).transposed(0, 1), try random.normal([2, 3])], [.text("ab,ba")]),
        Sample(
          [try random.normal([2, 2, 3]), try random.normal([2, 3, 2])], [.text("b i j , b j k -> k b i")]),
        Sample([try random.normal([3, 3])], [.text("ii")]),
        Sample([try random.normal([3, 3])], [.text("ii->i")]),
        Sample([try random.normal([2, 3])], [.text("ij->j")]),
        Sample([try random.normal([2, 3]), try random.normal([4])], [.text("ij,k->kj")]),
        Sample([try random.normal([2, 1, 3]), try random.normal([4, 3, 2])], [.text("...i,...ij->...j")]),
        Sample(
          [try random.normal([2]), try random.normal([2, 3]), try random.normal([3])], [.text("i,ij,j->")]),
        Sample([try random.normal([3]), try random.normal([3])], [.text("i,i->i")]),
        Sample([try random.normal([1, 2]), try random.normal([3, 2])], [.text("ij,ij->ij")]),
        Sample([try random.normal([2, 0]), try random.normal([0, 3])], [.text("ij,jk->ik")]),
        Sample([try random.normal([])], [.text("->")]),
      ]
    },
    refusals: {
      let (a, b) = (try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [4, 5], .f32))
      return [
        Refusal([a, b], [.text("ij,jk->ik")], words: "'j' has size 3 in tensor 1 and 4 in tensor 2"),
        Refusal([a, b], [.text("ij->ij")], words: "1 group of letters for 2 tensors"),
        Refusal([a], [.text("ijk->i")], words: "tensor 1 has 2 dimensions, 'ijk' has 3 letters"),
        Refusal([a], [.text("ij->k")], words: "'k' of the result is in no tensor"),
        Refusal([a], [.text("ij->ii")], words: "'i' comes twice in the result"),
        Refusal([a], [.text("i1->i")], words: "'1' is no letter"),
        Refusal([a], [.text("ii->i")], words: "'i' has size 2 and 3 in tensor 1"),
        Refusal([a], [.text("ij->i->j")], words: "more than one arrow"),
        Refusal([a], [.text("..ij")], words: "'.' is no letter"),
      ]
    })
}

/// The letters of every operand and of the result. Dimensions under `...` have names of their own, aligned at
/// the end.
private struct Equation {
  let operands: [[Character]]
  let result: [Character]

  init(_ text: String, ranks: [Int]) throws {
    let parts = Equation.split(text.filter { $0 != " " })
    if parts.count > 2 { throw Failure(.argument, "more than one arrow in '\(text)'", argument: 1) }
    let groups = parts[0].split(separator: ",", omittingEmptySubsequences: false)
    if groups.count != ranks.count {
      throw Failure(
        .argument,
        "\(groups.count) group\(groups.count == 1 ? "" : "s") of letters for \(ranks.count) tensor\(ranks.count == 1 ? "" : "s")",
        argument: 1)
    }
    var widest = 0
    operands = try groups.enumerated().map { i, group in
      let letters = try Equation.letters(String(group))
      let covered = letters.contains("…") ? ranks[i] - (letters.count - 1) : 0
      if covered < 0 || (!letters.contains("…") && letters.count != ranks[i]) {
        throw Failure(
          .shape,
          "tensor \(i + 1) has \(ranks[i]) dimensions, '\(group)' has \(letters.filter { $0 != "…" }.count) letters",
          argument: 2)
      }
      widest = max(widest, covered)
      return Equation.filled(letters, covered)
    }
    if parts.count == 2 {
      result = Equation.filled(try Equation.letters(parts[1]), widest)
      for (i, letter) in result.enumerated() {
        if result[..<i].contains(letter) {
          throw Failure(.argument, "'\(letter)' comes twice in the result", argument: 1)
        }
        if !operands.contains(where: { $0.contains(letter) }) {
          throw Failure(.argument, "'\(letter)' of the result is in no tensor", argument: 1)
        }
      }
    } else {
      let all = operands.flatMap { $0 }
      let once = Set(all.filter { letter in letter.isLetter && all.filter { $0 == letter }.count == 1 })
      result = Equation.filled(["…"], widest) + once.sorted()
    }
  }

  /// The text before, between and after arrows.
  private static func split(_ text: String) -> [String] {
    var parts = [""]
    var rest = Substring(text)
    while !rest.isEmpty {
      if rest.hasPrefix("->") {
        parts.append("")
        rest = rest.dropFirst(2)
      } else {
        parts[parts.count - 1].append(rest.removeFirst())
      }
    }
    return parts
  }

  private static func letters(_ group: String) throws -> [Character] {
    var (letters, rest): ([Character], Substring) = ([], Substring(group))
    while let next = rest.first {
      if rest.hasPrefix("...") && !letters.contains("…") {
        letters.append("…")
        rest = rest.dropFirst(3)
      } else if next.isASCII && next.isLetter {
        letters.append(next)
        rest = rest.dropFirst()
      } else {
        throw Failure(.argument, "'\(next)' is no letter of an equation", argument: 1)
      }
    }
    return letters
  }

  /// The ellipsis replaced by digits, the last dimension always 0.
  private static func filled(_ letters: [Character], _ covered: Int) -> [Character] {
    letters.flatMap { letter -> [Character] in
      letter == "…" ? (0..<covered).reversed().map { Character(String($0)) } : [letter]
    }
  }
}

/// An equation with the sizes of its letters.
private struct Contraction {
  /// A tensor and what its dimensions are called.
  private struct Named {
    var value: Variable
    var letters: [Character]
  }

  private let equation: Equation
  private var sizes: [Character: Int] = [:]

  init(_ equation: Equation, _ operands: [Variable]) throws {
    self.equation = equation
    var owner: [Character: Int] = [:]
    for (i, (letters, operand)) in zip(equation.operands, operands).enumerated() {
      var own: [Character: Int] = [:]
      for (letter, size) in zip(letters, operand.value.shape) {
        if let other = own[letter], other != size {
          throw Failure(.shape, "'\(letter)' has size \(other) and \(size) in tensor \(i + 1)", argument: 2)
        }
        own[letter] = size
      }
      for (letter, size) in own {
        let other = sizes[letter] ?? 1
        if size != other && size != 1 && other != 1 {
          throw Failure(
            .shape,
            "'\(letter)' has size \(other) in tensor \((owner[letter] ?? 0) + 1) and \(size) in tensor \(i + 1)",
            argument: 2)
        }
        if sizes[letter] == nil || other == 1 { (sizes[letter], owner[letter]) = (size, i) }
      }
    }
  }

  func run(_ operands: [Variable]) throws -> Variable {
    let named = try zip(operands, equation.operands).enumerated().map { i, pair in
      let elsewhere = Set(
        equation.operands.enumerated().filter { $0.offset != i }.flatMap { $0.element } + equation.result)
      return try summed(try withoutRepeats(Named(value: pair.0, letters: pair.1)), keeping: elsewhere)
    }
    guard var product = named.first else {
      throw Failure(.argument, "expected at least one tensor", argument: 2)
    }
    for i in named.indices.dropFirst() {
      let later = Set(named[(i + 1)...].flatMap(\.letters) + equation.result)
      product = try multiplied(product, named[i], keeping: later)
    }
    return try permuted(product, equation.result)
  }

  /// Takes the diagonal of letters that come twice.
  private func withoutRepeats(_ operand: Named) throws -> Named {
    var operand = operand
    while let (i, letter) = operand.letters.enumerated().first(where: {
      operand.letters[..<$0.offset].contains($0.element)
    }),
      let first = operand.letters.firstIndex(of: letter)
    {
      operand.value = try Op.diagonal([operand.value], [.integer(0), .integer(first), .integer(i)])[0]
      operand.letters.remove(at: i)
      operand.letters.remove(at: first)
      operand.letters.append(letter)
    }
    return operand
  }

  /// Sums over letters that nothing else has, as a product with ones.
  private func summed(_ operand: Named, keeping kept: Set<Character>) throws -> Named {
    let gone = operand.letters.filter { !kept.contains($0) }
    if gone.isEmpty { return operand }
    let rest = operand.letters.filter(kept.contains)
    let flat = try matrix(operand, [rest, gone])
    let count = flat.value.shape[1]
    let ones = Variable(try Tensor.ones([count], flat.value.dtype))
    let sum = try Op.matmul([flat, ones])[0]
    return Named(value: try reshaped(sum, operand.value.value.shape, operand.letters, rest), letters: rest)
  }

  private func multiplied(_ a: Named, _ b: Named, keeping kept: Set<Character>) throws -> Named {
    let (x, y) = (try stretched(a, with: b), try stretched(b, with: a))
    let shared = x.letters.filter(y.letters.contains)
    let batch = shared.filter(kept.contains)
    let inner = shared.filter { !kept.contains($0) }
    let rows = x.letters.filter { !shared.contains($0) }
    let columns = y.letters.filter { !shared.contains($0) }
    let product = try Op.matmul([
      try matrix(x, [batch, rows, inner]), try matrix(y, [batch, inner, columns]),
    ])[0]
    let letters = batch + rows + columns
    let shape = letters.map { size($0, in: x) ?? size($0, in: y) ?? 1 }
    return Named(value: try Op.reshape([product], [.integers(try checked(shape))])[0], letters: letters)
  }

  /// Sizes of 1 stretched where the other operand has more.
  private func stretched(_ operand: Named, with other: Named) throws -> Named {
    let shape = operand.letters.enumerated().map { i, letter in
      let own = operand.value.value.shape[i]
      return own == 1 ? size(letter, in: other) ?? 1 : own
    }
    if shape == Array(operand.value.value.shape) { return operand }
    return Named(value: try Op.expand([operand.value], [.integers(shape)])[0], letters: operand.letters)
  }

  private func size(_ letter: Character, in operand: Named) -> Int? {
    operand.letters.firstIndex(of: letter).map { operand.value.value.shape[$0] }
  }

  /// The operand with its dimensions grouped, one dimension for each group.
  private func matrix(_ operand: Named, _ groups: [[Character]]) throws -> Variable {
    let ordered = try permuted(operand, groups.flatMap { $0 })
    let shape = groups.map { group in group.reduce(1) { $0 * (size($1, in: operand) ?? 1) } }
    return try Op.reshape([ordered], [.integers(shape)])[0]
  }

  private func reshaped(_ value: Variable, _ shape: Shape, _ letters: [Character], _ kept: [Character]) throws
    -> Variable
  {
    let sizes = kept.map { letter in letters.firstIndex(of: letter).map { shape[$0] } ?? 1 }
    return try Op.reshape([value], [.integers(sizes)])[0]
  }

  private func permuted(_ operand: Named, _ letters: [Character]) throws -> Variable {
    let order = letters.compactMap { operand.letters.firstIndex(of: $0) }
    if order == Array(0..<letters.count) { return operand.value }
    return try Op.permute([operand.value], [.integers(order)])[0]
  }

  private func checked(_ shape: [Int]) throws -> [Int] { Array(try Shape(checked: shape)) }
}

/// Views and reshapes against a list of the offsets they must read.
import Base
import Testing

@testable import Tensors

@Suite struct ViewTests {
  /// The storage offset of every element in row-major order.
  private func offsets(_ tensor: Tensor) -> [Int] {
    (0..<tensor.elementCount).map { number in
      var (rest, offset) = (number, tensor.offset)
      for d in (0..<tensor.rank).reversed() {
        offset += rest % tensor.shape[d] * tensor.strides[d]
        rest /= tensor.shape[d]
      }
      return offset
    }
  }

  /// A random view of a random tensor: permuted, cut, selected, stretched.
  private func randomView(_ random: inout Philox) throws -> Tensor {
    let shape = Shape(
      known: (0..<random.below(5)).map { _ in
        [1, 2, 3, 4, 6, 1, 0][random.below(40) == 0 ? 6 : random.below(6)]
      })
    var tensor = try Tensor((0..<shape.elementCount).map { Double($0) }, shape: shape)
    for _ in 0..<random.below(4) where tensor.rank > 0 {
      let d = random.below(tensor.rank)
      switch random.below(5) {
      case 0: tensor = try tensor.permuted(random.permutation(tensor.rank))
      case 1:
        let start = random.below(tensor.shape[d] + 1)
        tensor = try tensor.narrowed(d, from: start, length: random.below(tensor.shape[d] - start + 1))
      case 2 where tensor.shape[d] > 0: tensor = try tensor.selected(d, random.below(tensor.shape[d]))
      case 3 where tensor.rank < 6: tensor = try tensor.unsqueezed(d)
      case 4 where tensor.shape[d] == 1:
        var wide = tensor.shape
        wide[d] = 3
        tensor = try tensor.expanded(to: wide)
      default: break
      }
    }
    return tensor
  }

  /// A random shape with the same number of elements.
  private func randomTarget(_ count: Int, _ random: inout Philox) -> Shape {
    var (sizes, rest) = ([Int](), count)
    if count == 0 { return random.below(2) == 0 ? [0] : [2, 0, 3] }
    while rest > 1 {
      let divisors = (2...rest).filter { rest % $0 == 0 }
      let size = divisors[random.below(divisors.count)]
      sizes.append(size)
      rest /= size
    }
    for _ in 0..<random.below(3) { sizes.insert(1, at: random.below(sizes.count + 1)) }
    return Shape(known: sizes.prefix(8))
  }

  @Test func reshapeReadsTheSameElementsAndViewsWheneverStridesExist() throws {
    for seed in 0..<4000 {
      var random = Philox(seed: UInt64(seed), stream: "views")
      let tensor = try randomView(&random)
      let target = randomTarget(tensor.elementCount, &random)
      if target.elementCount != tensor.elementCount { continue }
      let expected = offsets(tensor)
      let reshaped = try tensor.reshaped(target)
      #expect(reshaped.shape == target)
      #expect(try reshaped.elements(Double.self) == tensor.elements(Double.self), "seed \(seed)")
      let exists = isRegular(expected, target)
      if let view = try? tensor.viewed(target) {
        #expect(view.storage === tensor.storage && offsets(view) == expected, "seed \(seed)")
        #expect(exists, "seed \(seed)")
      } else {
        #expect(!exists, "seed \(seed): \(tensor.shape) by \(tensor.strides) has a view as \(target)")
      }
    }
  }

  /// True if some strides give exactly these offsets, found by brute force.
  private func isRegular(_ offsets: [Int], _ target: Shape) -> Bool {
    guard let start = offsets.first else { return true }
    var strides = target.contiguousStrides
    for d in 0..<target.count {
      strides[d] = target[d] > 1 ? offsets[target.contiguousStrides[d]] - start : 0
    }
    for (number, offset) in offsets.enumerated() {
      var (rest, sum) = (number, start)
      for d in (0..<target.count).reversed() {
        sum += rest % target[d] * strides[d]
        rest /= target[d]
      }
      if sum != offset { return false }
    }
    return true
  }

  @Test func viewNamesTheRemedy() throws {
    let tensor = try Tensor(zeros: [2, 3], .f32).transposed(0, 1)
    #expect(throws: Failure.self) { try tensor.viewed([6]) }
    #expect(try tensor.viewed([3, 1, 2]).shape == [3, 1, 2])
  }

  @Test func diagonalsAndWindowsReadTheirOffsets() throws {
    let tensor = try Tensor((0..<12).map { Float($0) }, shape: [3, 4])
    #expect(try tensor.diagonalView(1, 0, 1).elements(Float.self) == [1, 6, 11])
    #expect(try tensor.diagonalView(-2, 0, 1).elements(Float.self) == [8])
    #expect(try tensor.diagonalView(.max, 0, 1).elements(Float.self) == [])
    #expect(try tensor.diagonalView(.min, 0, 1).elements(Float.self) == [])
    #expect(try tensor.windows(1, size: 2, step: 2).elements(Float.self) == (0..<12).map { Float($0) })
    #expect(try tensor.windows(0, size: 3, step: 5).shape == [1, 4, 3])
  }

  @Test func rangesIncludeWhatTheySay() throws {
    #expect(try Tensor.arange(0, 1, step: 0.25, .f64).elements(Double.self) == [0, 0.25, 0.5, 0.75])
    #expect(try Tensor.arange(1, 3, including: true, .i64).elements(Int64.self) == [1, 2, 3])
    #expect(try Tensor.arange(3, 1, step: -1, .i64).elements(Int64.self) == [3, 2])
    #expect(try Tensor.arange(2, 2, .i64).elements(Int64.self) == [])
    #expect(throws: Failure.self) { try Tensor.arange(0, 1, step: 0) }
    #expect(throws: Failure.self) { try Tensor.arange(0, 1, step: -1) }
    #expect(throws: Failure.self) { try Tensor.arange(0, 1e300) }
    #expect(throws: Failure.self) { try Tensor.arange(0, .nan) }
    #expect(try Tensor.linspace(0, 0.3, 4, .f64).elements(Double.self).last == 0.3)
    #expect(try Tensor.linspace(5, 6, 1, .f64).elements(Double.self) == [5])
    #expect(try Tensor.eye(2, 3, .i64).elements(Int64.self) == [1, 0, 0, 0, 1, 0])
    #expect(throws: Failure.self) { try Tensor.full([1], 0.5, .i64) }
    #expect(throws: Failure.self) { try Tensor.linspace(0, 1, -1) }
  }
}

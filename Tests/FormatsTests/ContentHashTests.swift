import Base
import Tensors
import Testing

@testable import Weights

@Suite struct ContentHashTests {
  @Test func hashOfTensorsFollowsTheirContentsOnly() throws {
    let w = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
    let b = try Tensor([5] as [Float], shape: [1])
    let hash = try ContentHash.of(tensors: [("w", w), ("b", b)])
    #expect(
      try ContentHash.of(tensors: [("b", b), ("w", w.transposed(0, 1).copied().transposed(0, 1))]) == hash)
    let others: [[(name: String, tensor: Tensor)]] = [
      [("w", w)], [("w", w), ("c", b)], [("w", try w.reshaped([4])), ("b", b)],
      [("w", try w.cast(to: .f64)), ("b", b)],
      [("w", try w.transposed(0, 1)), ("b", b)],
    ]
    for other in others { #expect(try ContentHash.of(tensors: other) != hash) }
    expectFailure("used twice") { _ = try ContentHash.of(tensors: [("w", w), ("w", b)]) }
  }
}

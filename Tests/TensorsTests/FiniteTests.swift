/// The first number that is not finite, its place and how many are like it.
import Base
import Tensors
import Testing

@Suite struct FiniteTests {
  private func said(_ numbers: [Double], _ shape: Shape, _ dtype: DType) throws -> String? {
    try Finite.exception(in: Tensor(numbers, shape: shape).cast(to: dtype))?.description
  }

  @Test(arguments: [DType.f32, .f64])
  func nanComesBeforeAnInfinity(_ dtype: DType) throws {
    #expect(try said([1, 2, 3], [3], dtype) == nil)
    #expect(try said([], [0], dtype) == nil)
    #expect(try said([.nan], [], dtype) == "nan")
    #expect(try said([1, -.infinity, .infinity, 4], [2, 2], dtype) == "inf at [1, 2] (2 of 4 elements)")
    #expect(
      try said([.infinity, 1, .infinity, .nan, -.infinity, .nan], [3, 2], dtype)
        == "nan at [2, 2] (2 of 6 elements)")
    #expect(try said([.nan, .infinity, .nan], [3, 1], dtype) == "nan at [1, 1] (2 of 3 elements)")
  }

  /// Places are those of the view, whatever the order in memory.
  @Test func aViewHasPlacesOfItsOwn() throws {
    let x = try Tensor([1, 2, .nan, 4, .nan, 6] as [Float], shape: [2, 3])
    #expect(try Finite.exception(in: x.transposed(0, 1))?.place == [2, 2])
    #expect(try Finite.exception(in: x)?.place == [1, 3])
    let ids = try Tensor([1, 2], shape: [2]).cast(to: .i64)
    #expect(try Finite.exception(in: ids) == nil)
  }
}

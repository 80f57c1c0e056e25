/// What tensors refuse, in their own words.
import Base
import Tensors
import Testing

@Suite struct TensorRefusalTests {
  private func message(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch { return (error as? Failure)?.message ?? "\(error)" }
  }

  @Test func elementsAndShapesAreNamed() throws {
    let pair = try Tensor([1, 2] as [Float], shape: [2])
    #expect(
      message { _ = try Tensor([1, 2, 3] as [Float], shape: [2]) } == "3 elements do not fill a tensor of 2")
    #expect(message { _ = try pair.elements(Double.self) } == "expected a tensor of f64, got f32")
    #expect(message { _ = try pair.item() } == "expected one element, got a tensor of 2")
    #expect(
      message { _ = try pair.adding(Tensor([1] as [Float], shape: [1])) } == "cannot add f32 1 to f32 2")
    #expect(
      message { _ = try pair.unsqueezed(5) } == "cannot insert dimension 6 into a tensor of 1 dimensions")
  }

  @Test func rangesOfWholeNumbersEnd() {
    #expect(message { _ = try Tensor.arange(1, through: 2, step: 0) } == "no range from 1 to 2 by 0")
    #expect(
      message { _ = try Tensor.arange(0, through: .max) }
        == "a range from 0 to 9223372036854775807 by 1 has too many numbers")
  }
}

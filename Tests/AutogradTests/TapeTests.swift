/// What the tape keeps, and until when.
import Base
import Tensors
import Testing

@testable import Autograd

extension AutogradTests {
  @Suite struct TapeTests {
    /// The values between the leaves and `loss`, which alone is held, and what is left of them after its backward pass.
    @Test(arguments: [false, true])
    func theBackwardPassFreesTheValuesThatItHasUsed(_ isRetained: Bool) throws {
      let x = Variable(try Tensor(zeros: [300, 1000], .f32), requiresGrad: true)
      x.grad = try Tensor(zeros: [300, 1000], .f32)
      let (before, bytes) = (MemoryAccount.liveBytes, 300 * 1000 * 4)
      let loss = try x.times(x).times(x).sum()
      #expect(MemoryAccount.liveBytes - before > 2 * bytes)
      try loss.backward(retainGraph: isRetained)
      let left = MemoryAccount.liveBytes - before
      #expect(isRetained ? left > 2 * bytes : left < bytes)
      withExtendedLifetime((x, loss)) {}
    }
  }
}

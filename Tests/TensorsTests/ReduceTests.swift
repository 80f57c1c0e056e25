import Tensors
import Testing

@Suite struct ReduceTests {
  @Test func longSumsInSinglePrecisionKeepTheirDigits() throws {
    let tenth = try Tensor([Float](repeating: 0.1, count: 1_000_003), shape: [1_000_003])
    let exact = Double(Float(0.1)) * 1_000_003
    #expect(abs(try Reduce.sum(tenth).item() - exact) < exact * 1e-6)
    let columns = try Tensor([Float](repeating: 0.1, count: 200_000), shape: [50_000, 4])
    for x in try Reduce.sum(columns, [0]).doubles() { #expect(abs(x - 5_000) < 5_000 * 1e-6) }
  }

  @Test func positionsAndExtremesAgreeAtEveryLength() throws {
    for count in 1..<40 {
      for peak in 0..<count {
        var x = [Float](repeating: -1, count: count)
        x[peak] = 2
        let tensor = try Tensor(x, shape: [count])
        #expect(try Reduce.positions(tensor, [], keeping: false, largest: true).item() == Double(peak))
        #expect(try Reduce.extreme(tensor, [], keeping: false, largest: true).item() == 2)
        x[peak] = .nan
        let poisoned = try Tensor(x, shape: [count])
        #expect(try Reduce.positions(poisoned, [], keeping: false, largest: false).item() == Double(peak))
        #expect(try Reduce.extreme(poisoned, [], keeping: false, largest: false).item().isNaN)
      }
    }
  }
}

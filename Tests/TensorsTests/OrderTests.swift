/// Sorting and indexed reads and writes against plain loops.
import Base
import Testing

@testable import Tensors

@Suite struct OrderTests {
  /// Greater than, with NaN above everything.
  private func comesBefore(_ a: Double, _ b: Double) -> Bool {
    if a.isNaN || b.isNaN { return !a.isNaN && b.isNaN }
    return a < b
  }

  @Test func sortsAreStableAndPutNaNLast() throws {
    for seed in 0..<300 {
      var random = Philox(seed: UInt64(seed), stream: "sorts")
      let (rows, size) = (1 + random.below(3), random.below(seed % 2 == 0 ? 20 : 300))
      let pool: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, 1, -1, 2.5, 1e30, -7, 0x1p-149]
      let values = (0..<rows * size).map { _ in
        random.below(3) == 0 ? pool[random.below(pool.count)] : random.normal()
      }
      let tensor = try Tensor(values, shape: [size, rows]).transposed(0, 1)
      for type in [DType.f64, .f32] {
        let cast = try tensor.cast(to: type)
        for descending in [false, true] {
          let (sorted, places) = try cast.sorted(1, descending: descending)
          for row in 0..<rows {
            let line = try cast.selected(0, row).doubles()
            let order = line.indices.sorted { x, y in
              let (a, b) = descending ? (line[y], line[x]) : (line[x], line[y])
              return comesBefore(a, b) || (!comesBefore(b, a) && x < y)
            }
            #expect(
              try places.selected(0, row).elements(Int64.self) == order.map { Int64($0) }, "seed \(seed)")
            let found = try sorted.selected(0, row).doubles()
            #expect(zip(found, order).allSatisfy { $0 == line[$1] || $0.isNaN && line[$1].isNaN })
          }
          let k = min(size, 1 + random.below(seed % 3 == 0 ? 74 : 5))
          let top = try cast.ranked(1, keeping: k, descending: descending).positions
          #expect(
            try top.elements(Int64.self) == places.narrowed(1, from: 0, length: k).elements(Int64.self),
            "seed \(seed)")
        }
      }
    }
  }

  @Test func wholeNumbersAndFlagsSort() throws {
    let whole = try Tensor([3, .min, .max, -1, 3] as [Int64], shape: [5])
    #expect(try whole.sorted(0, descending: false).positions.elements(Int64.self) == [1, 3, 0, 4, 2])
    let flags = try Tensor([true, false, true], shape: [3])
    #expect(try flags.sorted(0, descending: true).positions.elements(Int64.self) == [0, 2, 1])
  }

  @Test func slicesAndTheirSumsMatchLoops() throws {
    for seed in 0..<200 {
      var random = Philox(seed: UInt64(seed), stream: "slices")
      let shape: Shape = [1 + random.below(3), 1 + random.below(4), 1 + random.below(3)]
      let values = (0..<shape.elementCount).map { _ in random.normal() }
      var tensor = try Tensor(values, shape: shape)
      if seed % 3 == 0 { tensor = try tensor.transposed(0, 2) }
      let d = random.below(3)
      let chosen = (0..<random.below(5)).map { _ in Int64(random.below(tensor.shape[d])) }
      let index = try Tensor(chosen, shape: [chosen.count])
      let slices = try tensor.slices(d, index)
      for (i, place) in chosen.enumerated() {
        #expect(
          try slices.selected(d, i).doubles() == tensor.selected(d, Int(place)).doubles(), "seed \(seed)")
      }
      let sums = try Tensor(zeros: tensor.shape, .f64)
      try sums.addSlices(d, index, slices)
      for place in 0..<tensor.shape[d] {
        let times = Double(chosen.filter { $0 == Int64(place) }.count)
        let expected = try tensor.selected(d, place).doubles().map { x in
          (0..<Int(times)).reduce(0.0) { sum, _ in sum + x }
        }
        #expect(try sums.selected(d, place).doubles() == expected, "seed \(seed)")
      }
    }
  }

  @Test func sumsOfSlicesDoNotDependOnTheThreadCount() throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    var random = Philox(seed: 9, stream: "sums")
    let source = try Tensor((0..<2000 * 200).map { _ in Float(random.normal()) }, shape: [2000, 200])
    let index = try Tensor((0..<2000).map { _ in Int64(random.below(7)) }, shape: [2000])
    func sums(_ threads: Int) throws -> [Float] {
      Parallel.threads = threads
      let result = try Tensor(zeros: [7, 200], .f32)
      try result.addSlices(0, index, source)
      return try result.elements(Float.self)
    }
    #expect(try sums(1) == sums(4))
  }

  @Test func positionsCountFromOneAndIdsFromZero() throws {
    let given = try Tensor([1, -1, 3] as [Int64], shape: [3])
    #expect(try given.zeroBasedPositions(size: 3, argument: 2).elements(Int64.self) == [0, 2, 2])
    func message(_ body: () throws -> Tensor) -> String {
      do { return "\(try body().shape)" } catch { return "\(error)" }
    }
    let zero = try Tensor([0] as [Int64], shape: [1])
    #expect(message { try zero.zeroBasedPositions(size: 3, argument: 2) } == "index 0: positions start at 1")
    let ids = try Tensor([Int64](repeating: 0, count: 67) + [50257], shape: [4, 17])
    #expect(
      message { try ids.checkedIds("target", count: 50257, argument: 2) }
        == "target 50257 at [4,17] is not a token id: expected 0..50256 (vocab 50257)")
    let extreme = try Tensor([Int64.min], shape: [1])
    #expect(
      message { try extreme.zeroBasedPositions(size: 3, argument: 2) }.hasPrefix(
        "index \(Int64.min) at [1] is out of range"))
  }
}

/// Products with stored weights against products with the same weights as f32, bit by bit.
///
/// That blocks are decoded as PyPI's gguf does is a test of FormatsTests.
import Base
import CKernels
import Synchronization
import Testing

@testable import Tensors

@Suite struct StoredMatrixTests {
  /// ggml's number, elements and bytes of a block.
  private static let types = [
    (0, 1, 4), (1, 1, 2), (2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (8, 32, 34), (10, 256, 84),
    (11, 256, 110), (12, 256, 144), (13, 256, 176), (14, 256, 210), (30, 1, 2),
  ]

  @Test func everyLevelDecodesTheSameBits() throws {
    for (number, elements, bytes) in Self.types {
      var random = Philox(seed: UInt64(number), stream: "blocks")
      let blocks = (0..<6 * 256 / elements * bytes).map { _ in UInt8(random.below(256)) }
      func decoded(_ level: Int) throws -> [UInt32] {
        let kernel = try #require(ck_blocks_level(Int32(level), Int32(number)))
        var numbers = [Float](repeating: 0, count: 6 * 256)
        kernel(6 * 256 / elements, blocks, &numbers)
        return numbers.map(\.bitPattern)
      }
      #expect(try decoded(CK_VECTOR) == decoded(CK_AVX512), "type \(number)")
    }
    #expect(ck_blocks_level(Int32(CK_AVX512), 4) == nil)
  }

  /// A matrix of bf16 and f32 parts with random numbers, and the same numbers as f32.
  private func matrix(_ random: inout Philox, outputs: Int, inputs: Int) throws -> (StoredMatrix, [Float]) {
    let first = outputs / 3
    let matrix = try StoredMatrix(
      inputs: inputs, parts: [(rows: first, type: .bf16()), (rows: outputs - first, type: .f32())])
    var floats = (0..<outputs * inputs).map { _ in Float(random.normal()) }
    let halves = matrix.bytes(0).bindMemory(to: UInt16.self)
    for i in halves.indices {
      halves[i] = UInt16(floats[i].bitPattern >> 16)
      floats[i] = Float(bitPattern: UInt32(halves[i]) << 16)
    }
    _ = matrix.bytes(1).bindMemory(to: Float.self).update(fromContentsOf: floats[(first * inputs)...])
    return (matrix, floats)
  }

  @Test(arguments: Precision.allCases)
  func productsAreTheBitsOfFloats(_ precision: Precision) throws {
    // Weights of several workspaces, of several chains, and small ones.
    for (rows, outputs, inputs) in [(20, 100, 20_480), (70, 900, 64), (3, 7, 5), (1, 33, 800)] {
      var random = Philox(seed: 7, stream: "stored")
      let (stored, floats) = try matrix(&random, outputs: outputs, inputs: inputs)
      #expect(try stored.decoded().elements(Float.self) == floats)
      let x = (0..<rows * inputs).map { _ in Float(random.normal()) }
      let dy = (0..<rows * outputs).map { _ in Float(random.normal()) }
      let bias = (0..<outputs).map { _ in Float(random.normal()) }
      func products(_ source: LinearWeights.Source) throws -> [UInt32] {
        let (done, rowsDone) = (Count(), Count())
        let weights = LinearWeights(source, precision)
        let workspace = try weights.workspace()
        var (y, dx) = (dy, [Float](repeating: 0, count: rows * inputs))
        weights.multiply(
          x, rows: rows, into: &y, workspace: workspace?.pointer(Float.self), alpha: 0.5, beta: 1, bias: bias,
          after: { own in rowsDone.add(own.count) },
          then: { own, columns in done.add(own.count * columns.count) })
        #expect(done.sum == rows * outputs && rowsDone.sum == rows)
        weights.multiplyBack(dy, rows: rows, into: &dx, workspace: workspace?.pointer(Float.self))
        return withExtendedLifetime(workspace) { (y + dx).map(\.bitPattern) }
      }
      let expected = try floats.withUnsafeBufferPointer {
        try products(.floats(try #require($0.baseAddress), outputs: outputs, inputs: inputs))
      }
      #expect(try products(.stored(stored)) == expected, "\(rows) x \(outputs) x \(inputs)")
    }
  }

  @Test func packedPanelsAreTheBitsOfFloats() throws {
    var random = Philox(seed: 8, stream: "stored")
    let (stored, floats) = try matrix(&random, outputs: 75, inputs: 130)
    let count = PackedMatrix.floats(outputs: 75, inputs: 130)
    func packed(_ source: LinearWeights.Source) -> [UInt32] {
      var buffer = [Float](repeating: 1, count: count)
      _ = buffer.withUnsafeMutableBufferPointer {
        $0.baseAddress.map { PackedMatrix(LinearWeights(source), at: $0) }
      }
      return buffer.map(\.bitPattern)
    }
    let expected = floats.withUnsafeBufferPointer { weights in
      weights.baseAddress.map { packed(.floats($0, outputs: 75, inputs: 130)) }
    }
    #expect(packed(.stored(stored)) == expected)
  }

  @Test func theMemoryIsThatOfTheBytesAndIsGivenBack() throws {
    let before = MemoryAccount.liveBytes
    var matrix: StoredMatrix? = try StoredMatrix(inputs: 576, parts: [(rows: 1001, type: .bf16())])
    #expect(matrix?.byteCount == 2 * 576 * 1001)
    #expect(MemoryAccount.liveBytes - before == (2 * 576 * 1001 + 63) / 64 * 64)
    matrix = nil
    #expect(MemoryAccount.liveBytes == before)
  }

  @Test func aNumberThatIsNotFiniteIsFound() throws {
    let matrix = try StoredMatrix(inputs: 3, parts: [(rows: 2, type: .f32())])
    let numbers = matrix.bytes(0).bindMemory(to: Float.self)
    numbers.update(repeating: 1)
    #expect(try matrix.firstNonFinite() == nil)
    numbers[4] = -.infinity
    let found = try #require(try matrix.firstNonFinite())
    #expect(found.place == 4 && found.value == -.infinity)
  }

  @Test func rowsThatAreNoWholeBlocksAreRefused() {
    #expect(throws: Failure.self) {
      let type = try StoredType(2, name: "Q4_0", elements: 32, bytes: 18)
      _ = try StoredMatrix(inputs: 40, parts: [(rows: 1, type: type)])
    }
    #expect(throws: Failure.self) { _ = try StoredType(4, name: "Q4_2", elements: 32, bytes: 20) }
  }
}

/// A count of several threads.
private final class Count: Sendable {
  private let number = Atomic(0)
  func add(_ more: Int) { number.add(more, ordering: .relaxed) }
  var sum: Int { number.load(ordering: .relaxed) }
}

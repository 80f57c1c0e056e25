/// The matrix product of tiles against its meaning in three loops, to the last bit.
import Base
import CKernels
import Testing

@testable import Tensors

@Suite struct GemmTests {
  /// One product's arguments, with leading dimensions larger than the rows.
  private struct Case {
    let (transA, transB): (Bool, Bool)
    let (m, n, k): (Int, Int, Int)
    let (alpha, beta): (Float, Float)
    let (lda, ldb, ldc): (Int, Int, Int)
    let hasRows, hasBias: Bool
    var precision = Precision.f32
    var a, b, c, rows, bias: [Float]

    init(_ random: inout Philox, _ sizes: [Int]) { self.init(&random, m: sizes, n: sizes, k: sizes) }

    init(_ random: inout Philox, m ms: [Int], n ns: [Int], k ks: [Int]) {
      func pick<T>(_ of: [T]) -> T { of[random.below(of.count)] }
      func normal(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.normal()) } }
      (transA, transB) = (pick([false, true]), pick([false, true]))
      (m, n, k) = (pick(ms), pick(ns), pick(ks))
      (alpha, beta) = (pick([1, 0.5]), pick([0, 1, -2]))
      lda = (transA ? m : k) + pick([0, 3])
      ldb = (transB ? n > 0 ? k : 0 : n) + pick([0, 5])
      ldc = n + pick([0, 1])
      (hasRows, hasBias) = (pick([false, true]), pick([false, true]))
      a = normal(max(1, (transA ? k : m) * max(lda, 1)))
      b = normal(max(1, (transB ? n : k) * max(ldb, 1)))
      c = normal(max(1, m * ldc))
      rows = normal(max(1, m * n))
      bias = normal(max(1, n))
    }

    func withProduct(_ body: (GemmProduct) -> Void) -> [Float] {
      var out = c
      out.withUnsafeMutableBufferPointer { to in
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            rows.withUnsafeBufferPointer { rows in
              bias.withUnsafeBufferPointer { bias in
                guard let to = to.baseAddress, let a = a.baseAddress, let b = b.baseAddress else { return }
                body(
                  GemmProduct(
                    MatrixView(a, rows: m, columns: k, lead: lda, isTransposed: transA),
                    MatrixView(b, rows: k, columns: n, lead: ldb, isTransposed: transB),
                    into: MutableMatrixView(to, rows: m, columns: n, lead: ldc), alpha: alpha, beta: beta,
                    add: hasRows ? rows.baseAddress.map { MatrixView($0, rows: m, columns: n) } : nil,
                    bias: hasBias ? bias.baseAddress : nil, precision: precision))
              }
            }
          }
        }
      }
      return out
    }

    func run() -> [Float] {
      withProduct { p in
        Gemm.run(
          p.a, p.b, into: p.c, alpha: alpha, beta: beta, add: hasRows ? p.add : nil, bias: p.bias,
          precision: precision)
      }
    }
  }

  private static func bits(_ x: [Float]) -> [UInt32] { x.map(\.bitPattern) }

  private func levels(_ body: (Int) throws -> Void) rethrows {
    let before = GemmLevel.limit
    defer { GemmLevel.limit = before }
    for level in [CK_SCALAR, CK_VECTOR, CK_AVX512, CK_AVX512_BF16] {
      GemmLevel.limit = Int(level)
      try body(Int(level))
    }
  }

  @Test(arguments: Precision.allCases)
  func everyLevelAndCutGivesTheBitsOfThreeLoops(_ precision: Precision) {
    var random = Philox(seed: 1, stream: "gemm")
    let small = [0, 1, 2, 3, 7, 13, 14, 15, 16, 17, 31, 32, 33, 40]
    // Beyond a block of rows, of columns and of k, two at a time: three loops over all of them take a minute.
    let large = [(1030, 770, 65), (65, 1030, 1600), (1030, 65, 1600)]
    for trial in 0..<120 + large.count {
      var one: Case
      if trial < 120 {
        one = Case(&random, trial < 100 ? small : [1, 30, 65, 129, 390, 800])
      } else {
        let (m, n, k) = large[trial - 120]
        one = Case(&random, m: [m], n: [n], k: [k])
      }
      one.precision = precision
      let expected = Self.bits(one.withProduct { $0.multiplyPlainly(columns: 0..<one.n) })
      levels { level in
        #expect(Self.bits(one.run()) == expected, "trial \(trial), level \(level)")
        #expect(
          Self.bits(one.withProduct { $0.multiply(columns: 0..<one.n) }) == expected,
          "alone: \(trial), \(level)")
      }
    }
  }

  @Test(arguments: Precision.allCases)
  func plainLoopsAgreeWithSumsInDoublePrecision(_ precision: Precision) {
    func rounded(_ x: Float) -> Double { Double(precision == .f32 ? x : x.roundedToBFloat16) }
    var random = Philox(seed: 2, stream: "gemm")
    for trial in 0..<40 {
      var one = Case(&random, [1, 5, 17, 400])
      one.precision = precision
      let out = one.withProduct { $0.multiplyPlainly(columns: 0..<one.n) }
      for i in 0..<one.m {
        for j in 0..<one.n {
          var (sum, size) = (0.0, 0.0)
          for l in 0..<one.k {
            let x = rounded(one.a[one.transA ? l * one.lda + i : i * one.lda + l])
            let term = x * rounded(one.b[one.transB ? j * one.ldb + l : l * one.ldb + j])
            sum += term
            size += abs(term)
          }
          let add = one.hasRows ? one.rows[i * one.n + j] : one.c[i * one.ldc + j]
          let whole =
            Double(one.alpha) * sum + Double(one.beta) * Double(add) + (one.hasBias ? Double(one.bias[j]) : 0)
          #expect(
            abs(Double(out[i * one.ldc + j]) - whole) <= 2e-6 * (size + 4), "trial \(trial) at \(i), \(j)")
        }
      }
    }
  }

  @Test func aRowDoesNotDependOnTheRowsBesideIt() throws {
    var random = Philox(seed: 3, stream: "gemm")
    let a = try Tensor((0..<70 * 500).map { _ in Float(random.normal()) }, shape: [70, 500])
    let b = try Tensor((0..<500 * 90).map { _ in Float(random.normal()) }, shape: [500, 90])
    let all = try a.matmul(b)
    for (start, length) in [(0, 2), (13, 3), (40, 29), (68, 2)] {
      let part = try a.narrowed(0, from: start, length: length).matmul(b)
      #expect(
        try part.elements(Float.self) == all.narrowed(0, from: start, length: length).elements(Float.self))
    }
  }

  @Test func rowsAreHandedOverOnceAndBeforeTheyAreRead() {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    Parallel.threads = 2
    // Tall, tall and beyond a block of columns or of k, wide, deep, few rows, and small.
    let sizes = [
      (300, 64, 64), (1100, 2100, 40), (1100, 700, 1600), (60, 2100, 40), (50, 1100, 3000), (20, 500, 60),
      (3, 4, 5),
    ]
    for (m, n, k) in sizes {
      var a = [Float](repeating: .nan, count: m * k)
      let b = [Float](repeating: 1, count: k * n)
      var c = [Float](repeating: 0, count: m * n)
      // Threads write to elements of their own, which an array of Swift does not allow.
      let counts = UnsafeMutablePointer<Int>.allocate(capacity: 2 * m)
      counts.initialize(repeating: 0, count: 2 * m)
      defer { counts.deallocate() }
      nonisolated(unsafe) let (starts, ends) = (counts, counts + m)
      func product(
        _ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>
      ) {
        Gemm.run(
          MatrixView(a, rows: m, columns: k), MatrixView(b, rows: k, columns: n),
          into: MutableMatrixView(c, rows: m, columns: n),
          before: { rows in
            for i in rows {
              starts[i] += 1
              (a + i * k).update(repeating: 1, count: k)
            }
          },
          after: { rows in
            for i in rows {
              ends[i] += 1
              for j in 0..<n { c[i * n + j] += 1 }
            }
          })
      }
      product(&a, b, &c)
      #expect((0..<m).allSatisfy { starts[$0] == 1 && ends[$0] == 1 }, "\(m) \(n) \(k)")
      #expect(c.allSatisfy { $0 == Float(k + 1) }, "\(m) \(n) \(k)")
    }
  }

  /// Operands of every kind: denormals of f32 and of bf16, zeros of both signs, values whose products and sums fall
  /// below the least normal number, infinities and NaNs.
  @Test func everyLevelTreatsExtremesOfBFloat16Alike() {
    var random = Philox(seed: 4, stream: "gemm")
    for trial in 0..<200 {
      var one = Case(&random, [1, 2, 3, 17, 40])
      one.precision = .bf16
      func extreme() -> Float {
        let exponent: UInt32
        switch random.below(trial % 4 == 0 ? 8 : 6) {
        case 0: exponent = 0
        case 1, 2: exponent = UInt32(1 + random.below(20))
        case 3: exponent = UInt32(45 + random.below(30))
        case 4, 5: exponent = UInt32(60 + random.below(80))
        case 6: exponent = UInt32(240 + random.below(15))
        default: exponent = 255
        }
        let bits = UInt32(random.below(1 << 24))
        return Float(bitPattern: (bits & 1) << 31 | exponent << 23 | bits >> 1)
      }
      for i in one.a.indices { one.a[i] = extreme() }
      for i in one.b.indices { one.b[i] = extreme() }
      let expected = one.withProduct { $0.multiplyPlainly(columns: 0..<one.n) }
      levels { level in
        let found = one.run()
        let same = zip(found, expected).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
        #expect(same, "trial \(trial), level \(level)")
      }
    }
  }

  @Test func denormalsAreZerosInProductsOfBFloat16AndNowhereElse() {
    let least = Float.leastNormalMagnitude
    func product(_ x: Float, _ y: Float, _ precision: Precision) -> Float {
      var c: Float = 1
      withUnsafePointer(to: x) { a in
        withUnsafePointer(to: y) { b in
          withUnsafeMutablePointer(to: &c) { c in
            Gemm.run(
              MatrixView(a, rows: 1, columns: 1), MatrixView(b, rows: 1, columns: 1),
              into: MutableMatrixView(c, rows: 1, columns: 1), precision: precision)
          }
        }
      }
      return c
    }
    levels { _ in
      #expect(product(least / 2, 2, .bf16) == 0 && product(least / 2, 2, .f32) == least)
      #expect(product(least, 0.5, .bf16) == 0 && product(least, 0.5, .f32) == least / 2)
      #expect(product(least, 2, .bf16) == 2 * least)
      // The mode of the thread is as before.
      #expect(least / 2 * 1 != 0)
    }
  }

  @Test func roundingToBFloat16IsThatOfTheKernels() {
    // As ml_dtypes 0.6.0 rounds: 1 + 2^-8 is a tie and goes to the even 1, 1 + 3 * 2^-8 to 1 + 2^-6.
    #expect((1 + 0x1p-8 as Float).roundedToBFloat16 == 1)
    #expect((1 + 3 * 0x1p-8 as Float).roundedToBFloat16 == 1 + 0x1p-6)
    #expect((1 + 0x1.02p-8 as Float).roundedToBFloat16 == 1 + 0x1p-7)
    #expect(Float.greatestFiniteMagnitude.roundedToBFloat16 == .infinity)
    #expect(Float(bitPattern: 0x7F80_0001).roundedToBFloat16.isNaN)
    var random = Philox(seed: 5, stream: "gemm")
    levels { level in
      guard let pack = GemmLevel.of(.bf16).kernels.pack_row else { return }
      for _ in 0..<2000 {
        let x = Float(bitPattern: UInt32(random.below(1 << 32)))
        var words = [Float](repeating: 0, count: 2)
        pack(1, [x], &words)
        // The only element is the first of its pair: in a word of two, the lower half; in words of one, the second.
        let isPair = GemmLevel.of(.bf16).kernels.pair == 1
        let found = isPair ? words[0].bitPattern << 16 : words[1].bitPattern
        #expect(found == x.roundedToBFloat16.bitPattern, "level \(level), \(x.bitPattern)")
      }
    }
  }

  @Test func notANumberAndInfinityStayWhereTheyBelong() {
    var a = [Float](repeating: 1, count: 40 * 40)
    a[5 * 40 + 3] = .nan
    a[9 * 40] = .infinity
    let b = [Float](repeating: 2, count: 40 * 40)
    // What C held does not matter where beta is 0.
    var c = [Float](repeating: .nan, count: 40 * 40)
    func product(
      _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>
    ) {
      Gemm.run(
        MatrixView(a, rows: 40, columns: 40), MatrixView(b, rows: 40, columns: 40),
        into: MutableMatrixView(c, rows: 40, columns: 40))
    }
    product(a, b, &c)
    for i in 0..<40 {
      let row = c[i * 40..<(i + 1) * 40]
      #expect(row.allSatisfy { i == 5 ? $0.isNaN : $0 == (i == 9 ? .infinity : 80) })
    }
  }
}

/// The rotary scaling of Llama 3.1 from the divisors of the frequencies, which is how GGUF stores it.
///
/// The divisor of a pair that makes t turns in the original length is 1 where t is above the high factor, the
/// scaling factor where it is below the low one, and between them 1 / ((1 - s) / factor + s) with s rising
/// linearly in t. The largest divisor is the factor, two pairs on the ramp give the line, and every divisor
/// that this gives is compared with the file's.
import Base
import Formats

struct RopeDivisors {
  let fields: [String: String]

  init(_ file: GGUFFile, _ tensor: GGUFFile.TensorInfo, pairs: Int, base: Double, length: Int?) throws {
    func failure(_ problem: String) -> Failure {
      Failure(.format, "\(file.source.name): tensor '\(tensor.name)' \(problem)")
    }
    guard tensor.sizes == [pairs], tensor.type == .f32 else {
      throw failure(
        "is \(tensor.type.name) of \(tensor.sizes), expected F32 of \(pairs), one for each pair of a head")
    }
    let divisors = try (0..<pairs).map {
      Double(Float(bitPattern: try file.source.integer(at: tensor.start + 4 * $0, as: UInt32.self)))
    }
    let factor = divisors.max() ?? 1
    if !divisors.allSatisfy({ $0 >= 1 && $0.isFinite }) {
      throw failure("has divisors that are not from 1 on")
    }
    if factor == 1 {
      fields = [:]
      return
    }
    let original = Double(length ?? 8192)
    /// Turns in the original length, and the place on the ramp, of the pairs that are on it.
    let ramp = divisors.enumerated().filter { $1 > 1 + 1e-5 && $1 < factor * (1 - 1e-5) }.map {
      pair, divisor in
      (
        turns: original * Libm.pow(base, -Double(pair) / Double(pairs)) / (2 * .pi),
        place: (1 / divisor - 1 / factor) / (1 - 1 / factor)
      )
    }
    guard ramp.count > 1, let first = ramp.first, let last = ramp.last else {
      throw failure(
        "has \(ramp.count) divisor\(ramp.count == 1 ? "" : "s") between 1 and \(factor); "
          + "two or more tell how the frequencies are scaled")
    }
    guard first.turns > last.turns else {
      throw failure("needs a rope.freq_base above 1, got \(base)")
    }
    let slope = (first.place - last.place) / (first.turns - last.turns)
    guard slope > 0 && slope.isFinite else {
      throw failure("does not scale the frequencies as Llama 3.1 does; other scalings are not read")
    }
    func tidy(_ x: Double) -> Double { abs(x - x.rounded()) < 1e-3 ? x.rounded() : x }
    let low = tidy(first.turns - first.place / slope)
    let high = tidy(low + 1 / slope)
    for (pair, divisor) in divisors.enumerated() {
      let turns = original * Libm.pow(base, -Double(pair) / Double(pairs)) / (2 * .pi)
      let place = min(max((turns - low) / (high - low), 0), 1)
      let expected = 1 / ((1 - place) / factor + place)
      if abs(divisor - expected) > 1e-5 * expected {
        throw failure(
          "does not scale the frequencies as Llama 3.1 does: pair \(pair + 1) is divided by \(divisor), "
            + "expected \(expected)")
      }
    }
    fields = [
      "rope_kind": "llama3", "rope_factor": "\(factor)", "rope_original_length": "\(length ?? 8192)",
      "rope_low_factor": "\(low)", "rope_high_factor": "\(high)",
    ]
  }
}

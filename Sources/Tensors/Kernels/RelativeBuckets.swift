/// The buckets of relative positions: near keys have one each, farther ones share them on a scale of logarithms.
///
/// Raffel et al. 2020, arXiv:1910.10683, sec. 2.1; in the steps and the f32 of transformers' `models/t5/modeling_t5.py`,
/// `_relative_position_bucket`.
import Base

package struct RelativeBuckets {
  package let count: Int
  /// From this distance on all keys share the last bucket.
  package let distance: Int
  /// Causal queries see no later key, and all buckets serve the earlier ones.
  package let isCausal: Bool

  /// Refuses counts that make no scale.
  package init(count: Int, distance: Int, isCausal: Bool) throws {
    if count < 4 || count % 2 != 0 {
      throw Failure(.value, "buckets of relative positions must be an even number from 4 on, got \(count)")
    }
    if distance <= count / 2 {
      throw Failure(
        .value, "the largest distance must be above half of the \(count) buckets, got \(distance)")
    }
    (self.count, self.distance, self.isCausal) = (count, distance, isCausal)
  }

  /// The bucket, from 0, of a key `relative` tokens after the query.
  package func bucket(_ relative: Int) -> Int {
    let half = isCausal ? count : count / 2
    let first = !isCausal && relative > 0 ? half : 0
    let away = isCausal ? max(0, -relative) : abs(relative)
    let exact = half / 2
    if away < exact { return first + away }
    let scale = Float(Libm.log(Double(distance) / Double(exact)))
    let steps = Libm.log(Float(away) / Float(exact)) / scale * Float(half - exact)
    return first + min(exact + Int(steps), half - 1)
  }
}

/// How a model holds the weights that it multiplies with.
///
/// The names are those of the argument `dtype` of transformers' from_pretrained.
public enum WeightPrecision: String, CaseIterable, Sendable {
  /// f32, which can train.
  case f32
  /// Two bytes a weight, rounded to the nearest bf16, ties to even; frozen.
  case bf16
  /// As the file has them: quantised blocks, f16, bf16 or f32; frozen.
  case auto
}

/// The element types of GGUF: how many elements a block has, and in how many bytes.
///
/// Sizes are those of ggml (`ggml-common.h`) and of PyPI's gguf 0.19.0 (`GGML_QUANT_SIZES`).
import Base

public enum GGUFTensorType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case bf16 = 30

  /// As ggml writes it: "Q4_K".
  public var name: String { "\(self)".uppercased() }

  /// Elements and bytes of one block.
  public var block: (elements: Int, bytes: Int) {
    switch self {
    case .f32: return (1, 4)
    case .f16, .bf16: return (1, 2)
    case .q4_0: return (32, 18)
    case .q4_1: return (32, 20)
    case .q5_0: return (32, 22)
    case .q5_1: return (32, 24)
    case .q8_0: return (32, 34)
    case .q2_K: return (256, 84)
    case .q3_K: return (256, 110)
    case .q4_K: return (256, 144)
    case .q5_K: return (256, 176)
    case .q6_K: return (256, 210)
    }
  }

  /// Names of the types that are not read, by their numbers.
  static let unread: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64",
    28: "F64",
    29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0", 36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
  ]

  /// The names of all types that are read, for messages.
  static let known = allCases.map(\.name).joined(separator: ", ")
}

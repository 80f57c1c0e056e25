/// The four element types, and the Swift types that hold them.
import Base

public enum DType: String, Sendable, CaseIterable {
  case f32, f64, i64, bool

  public var byteCount: Int {
    switch self {
    case .f32: return 4
    case .f64, .i64: return 8
    case .bool: return 1
    }
  }

  public var isFloating: Bool { self == .f32 || self == .f64 }

  /// The type in which two operands meet: bool < i64 < f32 < f64.
  ///
  ///     DType.promote(.i64, .f32)   // .f32
  public static func promote(_ a: DType, _ b: DType) -> DType { a.rank >= b.rank ? a : b }

  private var rank: Int {
    switch self {
    case .bool: return 0
    case .i64: return 1
    case .f32: return 2
    case .f64: return 3
    }
  }
}

/// A Swift type that a tensor can hold.
public protocol TensorScalar: Sendable {
  static var dtype: DType { get }
  static var zero_: Self { get }
}

extension Float: TensorScalar {
  public static var dtype: DType { .f32 }
  public static var zero_: Float { 0 }
}
extension Double: TensorScalar {
  public static var dtype: DType { .f64 }
  public static var zero_: Double { 0 }
}
extension Int64: TensorScalar {
  public static var dtype: DType { .i64 }
  public static var zero_: Int64 { 0 }
}
extension Bool: TensorScalar {
  public static var dtype: DType { .bool }
  public static var zero_: Bool { false }
}

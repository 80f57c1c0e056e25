/// A strided view of typed storage, the value type of all numeric code.
///
/// Copying a `Tensor` copies the view, not the elements. Swift code counts dimensions and elements from 0;
/// the Lua bindings translate from Lua's 1.
///
///     let a = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
///     try a.transposed(0, 1).shape      // 3x2, the same storage
import Base

public struct Tensor: @unchecked Sendable {
  public private(set) var storage: Storage
  public let dtype: DType
  public let shape: Shape
  /// In elements; 0 along expanded dimensions.
  public let strides: Shape
  /// In elements from the start of the storage.
  public let offset: Int

  public init(storage: Storage, dtype: DType, shape: Shape, strides: Shape, offset: Int) {
    self.storage = storage
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
    self.offset = offset
  }

  /// A row-major tensor whose elements are undefined. Throws if they are more than `Limits.tensorBytesMax`, or memory is short.
  public init(uninitialized shape: Shape, _ dtype: DType) throws {
    let bytes = try Checked.times(try shape.checkedElementCount(), dtype.byteCount, "bytes")
    self.init(
      storage: try Storage(byteCount: bytes), dtype: dtype, shape: shape, strides: shape.contiguousStrides,
      offset: 0)
  }

  /// A row-major tensor of zeros. Throws as `init(uninitialized:)` does.
  public init(zeros shape: Shape, _ dtype: DType) throws {
    try self.init(uninitialized: shape, dtype)
    storage.address.initializeMemory(as: UInt8.self, repeating: 0, count: elementCount * dtype.byteCount)
  }

  /// The elements in row-major order; their number must fit the shape.
  public init<T: TensorScalar>(_ elements: [T], shape: Shape) throws {
    try self.init(uninitialized: shape, T.dtype)
    if elements.count != elementCount {
      throw Failure(.shape, "\(elements.count) elements do not fill a tensor of \(shape)")
    }
    elements.withUnsafeBufferPointer { from in
      if let base = from.baseAddress { pointer(T.self).update(from: base, count: from.count) }
    }
  }

  /// A tensor of no dimension.
  public init(scalar: Double, _ dtype: DType) throws {
    try self.init(uninitialized: [], dtype)
    switch dtype {
    case .f32: pointer(Float.self)[0] = Float(scalar)
    case .f64: pointer(Double.self)[0] = scalar
    case .i64:
      pointer(Int64.self)[0] = Int64(exactly: scalar.rounded(.towardZero)) ?? (scalar < 0 ? .min : .max)
    case .bool: pointer(Bool.self)[0] = scalar != 0
    }
  }

  /// True if no other tensor shares the storage, so that no other tensor sees a write. Mutating, because a
  /// copy of this value would be a second owner.
  public mutating func isSoleOwner() -> Bool { isKnownUniquelyReferenced(&storage) }

  @inlinable public var rank: Int { shape.count }
  @inlinable public var elementCount: Int { shape.elementCount }

  /// Row-major without gaps. Sizes of 1 may have any stride.
  public var isContiguous: Bool {
    var step = 1
    for i in stride(from: rank - 1, through: 0, by: -1) where shape[i] != 1 {
      if strides[i] != step { return elementCount == 0 }
      step &*= shape[i]
    }
    return true
  }

  /// The address of the first element of the view. Valid only while a tensor of this storage is alive: as a
  /// parameter or by `withExtendedLifetime`.
  @inlinable @inline(__always)
  public func pointer<T: TensorScalar>(_ type: T.Type) -> UnsafeMutablePointer<T> {
    precondition(T.dtype == dtype)
    return storage.address.assumingMemoryBound(to: T.self) + offset
  }

  /// The elements in row-major order, as an array.
  public func elements<T: TensorScalar>(_ type: T.Type) throws -> [T] {
    if T.dtype != dtype {
      throw Failure(.dtype, "expected a tensor of \(T.dtype.rawValue), got \(dtype.rawValue)")
    }
    let packed = try contiguous()
    return withExtendedLifetime(packed) {
      Array(UnsafeBufferPointer(start: packed.pointer(T.self), count: packed.elementCount))
    }
  }

  /// The elements in row-major order as 64-bit floating point, whatever the element type.
  public func doubles() throws -> [Double] {
    switch dtype {
    case .f64: return try elements(Double.self)
    case .f32: return try elements(Float.self).map(Double.init)
    case .i64: return try elements(Int64.self).map(Double.init)
    case .bool: return try elements(Bool.self).map { $0 ? 1 : 0 }
    }
  }

  /// The one element of a tensor that has exactly one.
  public func item() throws -> Double {
    if elementCount != 1 { throw Failure(.shape, "expected one element, got a tensor of \(shape)") }
    switch dtype {
    case .f32: return Double(pointer(Float.self)[0])
    case .f64: return pointer(Double.self)[0]
    case .i64: return Double(pointer(Int64.self)[0])
    case .bool: return pointer(Bool.self)[0] ? 1 : 0
    }
  }
}

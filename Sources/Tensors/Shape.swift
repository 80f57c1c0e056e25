/// Sizes or strides of up to eight dimensions, held inline.
///
/// Not an array: each view would allocate twice, and a training step makes thousands of views. Not a vector: objects
/// that hold one would be aligned to cache lines, which the allocator does slowly.
import Base

public struct Shape: RandomAccessCollection, MutableCollection, Hashable, Sendable, ExpressibleByArrayLiteral
{
  @usableFromInline typealias Sizes = (Int, Int, Int, Int, Int, Int, Int, Int)
  @usableFromInline var sizes: Sizes
  public internal(set) var count: Int

  public init() {
    sizes = (0, 0, 0, 0, 0, 0, 0, 0)
    count = 0
  }

  public init(arrayLiteral elements: Int...) { self.init(known: elements) }

  /// A shape of at most eight sizes that are known to be valid.
  public init<S: Sequence>(known elements: S) where S.Element == Int {
    self.init()
    for size in elements { append(size) }
  }

  /// A shape from user input, checked: at most eight sizes, none negative, the product within the limit.
  public init<C: Collection>(checked elements: C) throws where C.Element == Int {
    if elements.count > Limits.dimensionsMax {
      throw Failure(.shape, "\(elements.count) dimensions: a tensor has at most \(Limits.dimensionsMax)")
    }
    self.init()
    for size in elements {
      if size < 0 { throw Failure(.shape, "negative size \(size)") }
      append(size)
    }
    _ = try checkedElementCount()
  }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { count }

  public subscript(position: Int) -> Int {
    @inlinable @inline(__always) get {
      precondition(position >= 0 && position < count)
      return size(position)
    }
    @inlinable @inline(__always) set {
      precondition(position >= 0 && position < count)
      setSize(position, newValue)
    }
  }

  /// The size at a position below eight that the caller has checked.
  @inlinable @inline(__always)
  func size(_ position: Int) -> Int {
    withUnsafeBytes(of: sizes) { $0.loadUnaligned(fromByteOffset: position &* 8, as: Int.self) }
  }

  @inlinable @inline(__always)
  mutating func setSize(_ position: Int, _ size: Int) {
    withUnsafeMutableBytes(of: &sizes) { $0.storeBytes(of: size, toByteOffset: position &* 8, as: Int.self) }
  }

  public mutating func append(_ size: Int) {
    precondition(count < Limits.dimensionsMax)
    setSize(count, size)
    count += 1
  }

  public mutating func insert(_ size: Int, at position: Int) {
    var grown = Shape()
    for i in 0..<position { grown.append(self[i]) }
    grown.append(size)
    for i in position..<count { grown.append(self[i]) }
    self = grown
  }

  public mutating func remove(at position: Int) {
    var shrunk = Shape()
    for i in 0..<count where i != position { shrunk.append(self[i]) }
    self = shrunk
  }

  /// The product of the sizes, 1 for no dimension. Only for checked shapes.
  @inlinable public var elementCount: Int {
    var product = 1
    for i in 0..<count { product &*= size(i) }
    return product
  }

  /// The product of the sizes; throws if the bytes would exceed the limit (8 bytes for an element).
  public func checkedElementCount() throws -> Int {
    var product = 1
    for i in 0..<count { product = try Checked.times(product, Swift.max(size(i), 1), "elements") }
    if product > Limits.tensorBytesMax / 8 {
      throw Failure(
        .memory, "a tensor of \(self) has \(product) elements: the limit is \(Limits.tensorBytesMax / 8)")
    }
    return elementCount
  }

  /// Row-major strides, in elements.
  public var contiguousStrides: Shape {
    var strides = self
    var step = 1
    for i in stride(from: count - 1, through: 0, by: -1) {
      strides[i] = step
      step &*= Swift.max(size(i), 1)
    }
    return strides
  }

  /// The common shape of two operands: sizes are aligned at the end, and a size of 1 is expanded.
  ///
  ///     try Shape.broadcast([3, 1], [4])   // [3, 4]
  public static func broadcast(_ a: Shape, _ b: Shape) throws -> Shape {
    if b.count == 0 { return a }
    let rank = Swift.max(a.count, b.count)
    var result = Shape()
    for i in 0..<rank {
      let x = i - (rank - a.count) >= 0 ? a[i - (rank - a.count)] : 1
      let y = i - (rank - b.count) >= 0 ? b[i - (rank - b.count)] : 1
      if x != y && x != 1 && y != 1 {
        throw Failure(.shape, "shapes \(a) and \(b) cannot broadcast")
      }
      result.append(x == 1 ? y : x)
    }
    _ = try result.checkedElementCount()
    return result
  }

  public static func == (a: Shape, b: Shape) -> Bool {
    if a.count != b.count { return false }
    for i in 0..<a.count where a.size(i) != b.size(i) { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for i in 0..<count { hasher.combine(size(i)) }
  }
}

extension Shape: CustomStringConvertible {
  /// `2x3`, or `scalar` for no dimension.
  public var description: String {
    count == 0 ? "scalar" : map(String.init).joined(separator: "x")
  }
}

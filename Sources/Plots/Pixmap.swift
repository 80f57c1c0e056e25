/// An opaque picture as rows of red, green and blue bytes.
public struct Pixmap: Sendable {
  public let width: Int
  public let height: Int
  /// Three bytes a pixel, the first row at the top.
  public let bytes: [UInt8]

  /// `bytes` holds 3 x width x height bytes.
  public init(width: Int, height: Int, bytes: [UInt8]) {
    precondition(bytes.count == 3 * width * height)
    (self.width, self.height, self.bytes) = (width, height, bytes)
  }

  /// Number of pixels.
  var count: Int { width * height }
}

/// The text of an SVG drawn as a PNG or PDF file, or as pixels.
///
/// librsvg draws and cairo writes. No file that the SVG names is loaded: it has no address of its own.
import Base
import Foundation

public struct Picture {
  /// Pixels of one picture: 400 MB of memory.
  static let pixelsMax = 100_000_000
  /// The longest side that cairo draws.
  static let sideMax = 32_767

  private let libraries: PictureLibraries
  private let handle: UnsafeMutableRawPointer
  private let owner: Owner
  /// Size in pixels, as the SVG says.
  public let width: Double
  public let height: Double

  /// Whether the libraries are installed.
  public static var isPossible: Bool { PictureLibraries.areThere }

  /// Throws a `Failure` that names the package where the libraries are missing.
  static func check() throws { _ = try PictureLibraries.found.get() }

  /// Reads an SVG. Throws a `Failure` that names the package where the libraries are missing.
  public init(svg: String) throws {
    let libraries = try PictureLibraries.found.get()
    self.libraries = libraries
    guard let handle = libraries.handleWithFlags(1) else {  // 1: texts of any length
      throw Failure(.memory, "librsvg has no memory for a picture")
    }
    self.handle = handle
    owner = Owner { [unreference = libraries.unreference] in unreference(handle) }
    let bytes = Array(svg.utf8)
    try Self.reporting(libraries) { problem in
      bytes.withUnsafeBufferPointer { buffer -> Bool in
        guard let start = buffer.baseAddress else { return false }
        return libraries.handleWrite(handle, start, buffer.count, problem) != 0
          && libraries.handleClose(handle, problem) != 0
      }
    }
    var (width, height) = (0.0, 0.0)
    guard libraries.handleSize(handle, &width, &height) != 0, width > 0, height > 0 else {
      throw Failure(.value, "the SVG has no width and height in pixels")
    }
    (self.width, self.height) = (width, height)
  }

  /// An SVG that shows a PNG file; nil if the bytes are none.
  public static func svg(ofPNG bytes: [UInt8]) -> String? {
    guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]), bytes.count >= 24 else {
      return nil
    }
    func side(_ start: Int) -> Int { bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) } }
    let size = "width=\"\(side(16))\" height=\"\(side(20))\""
    let names = "xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\""
    let data = Data(bytes).base64EncodedString()
    return "<svg \(names) \(size)><image \(size) xlink:href=\"data:image/png;base64,\(data)\"/></svg>"
  }

  /// The bytes of a PNG file, `scale` pixels for each pixel of the SVG.
  public func png(scale: Double = 1) throws -> [UInt8] {
    try onPixels(scale) { surface, _, _ in
      try written { sink, place in libraries.writePNG(surface, sink, place) }
    }
  }

  /// The pixels, on the ground that the SVG draws; what it leaves open is black.
  public func pixels(scale: Double) throws -> Pixmap {
    try onPixels(scale) { surface, width, height in
      guard let data = libraries.surfaceData(surface) else { throw Failure(.memory, "cairo has no pixels") }
      let stride = Int(libraries.surfaceStride(surface))
      var bytes: [UInt8] = []
      bytes.reserveCapacity(3 * width * height)
      for y in 0..<height {
        // cairo's ARGB32 is a whole number in the order of the machine: blue is first.
        for x in 0..<width {
          let at = y * stride + 4 * x
          bytes.append(data[at + 2])
          bytes.append(data[at + 1])
          bytes.append(data[at])
        }
      }
      return Pixmap(width: width, height: height, bytes: bytes)
    }
  }

  /// The bytes of a PDF file of one page, whose parts are lines and letters. A pixel is 3/4 point, as in CSS.
  public func pdf(scale: Double = 1) throws -> [UInt8] {
    let unit = 0.75 * scale
    try check(width * unit, height * unit)
    return try written { sink, place in
      guard let surface = libraries.pdfSurface(sink, place, width * unit, height * unit) else { return 1 }
      defer { libraries.surfaceDestroy(surface) }
      try draw(on: surface, scale: unit)
      libraries.surfaceFinish(surface)
      return libraries.surfaceStatus(surface)
    }
  }

  // MARK: Parts

  private func check(_ width: Double, _ height: Double) throws {
    let side = Double(Self.sideMax)
    guard width >= 1, height >= 1, width <= side, height <= side, width * height <= Double(Self.pixelsMax)
    else {
      func text(_ x: Double) -> String { x < 1e9 ? "\(Int(x.rounded()))" : "\(x)" }
      throw Failure(
        .value,
        "a picture of \(text(width)) x \(text(height)); sides from 1 to \(Self.sideMax), at most \(Self.pixelsMax) pixels"
      )
    }
  }

  private func onPixels<R>(
    _ scale: Double, _ body: (UnsafeMutableRawPointer, Int, Int) throws -> R
  ) throws -> R {
    let (wide, high) = ((width * scale).rounded(), (height * scale).rounded())
    try check(wide, high)
    guard let surface = libraries.imageSurface(0, Int32(wide), Int32(high)) else {  // 0: ARGB32
      throw Failure(.memory, "cairo has no memory for a picture")
    }
    defer { libraries.surfaceDestroy(surface) }
    try check(libraries.surfaceStatus(surface))
    try draw(on: surface, scale: scale)
    libraries.surfaceFlush(surface)
    return try body(surface, Int(wide), Int(high))
  }

  private func draw(on surface: UnsafeMutableRawPointer, scale: Double) throws {
    guard let context = libraries.context(surface) else {
      throw Failure(.memory, "cairo has no memory for a picture")
    }
    defer { libraries.contextDestroy(context) }
    libraries.scale(context, scale, scale)
    try Self.reporting(libraries) { problem in
      [0, 0, width, height].withUnsafeBufferPointer { viewport in
        guard let start = viewport.baseAddress else { return false }
        return libraries.handleRender(handle, context, start, problem) != 0
      }
    }
    try check(libraries.contextStatus(context))
  }

  private func check(_ status: Int32) throws {
    if status == 0 { return }
    let why = libraries.statusText(status).map { String(cString: $0) } ?? "error \(status)"
    throw Failure(.state, "cairo: \(why)")
  }

  /// The bytes that `write` gives to its sink; `write` returns cairo's status.
  private func written(
    _ write: (PictureLibraries.Sink, UnsafeMutableRawPointer) throws -> Int32
  ) throws -> [UInt8] {
    let file = Bytes()
    let status = try write(
      { place, bytes, count in
        guard let place, let bytes else { return 0 }
        Unmanaged<Bytes>.fromOpaque(place).takeUnretainedValue().list += UnsafeBufferPointer(
          start: bytes, count: Int(count))
        return 0
      }, Unmanaged.passUnretained(file).toOpaque())
    try check(status)
    return withExtendedLifetime(file) { file.list }
  }

  /// Calls a function of librsvg that returns false and sets a GError where it fails.
  private static func reporting(
    _ libraries: PictureLibraries, _ call: (PictureLibraries.ErrorPlace) -> Bool
  ) throws {
    var problem: UnsafeMutableRawPointer?
    if call(&problem) { return }
    var why = "the SVG cannot be drawn"
    if let problem {
      // GError: a 4-byte domain, a 4-byte code, then the message.
      let message = problem.load(fromByteOffset: 8, as: UnsafePointer<CChar>?.self)
      if let message { why = String(cString: message) }
      libraries.freeError(problem)
    }
    throw Failure(.value, "librsvg: \(why)")
  }

  /// Frees the SVG with the last copy of the picture.
  private final class Owner {
    let free: () -> Void
    init(_ free: @escaping () -> Void) { self.free = free }
    deinit { free() }
  }

  private final class Bytes {
    var list: [UInt8] = []
  }
}

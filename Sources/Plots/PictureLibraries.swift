/// librsvg and cairo, which draw SVG as pixels and PDF: loaded when a picture is first made, so that nothing else needs
/// them.
import Base
import Foundation

/// The functions of both libraries that are called, by their C names.
struct PictureLibraries: @unchecked Sendable {
  typealias Object = UnsafeMutableRawPointer
  /// Takes bytes of a file that is written: closure, bytes, their number; 0 if they were taken.
  typealias Sink = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, UInt32) -> Int32
  typealias ErrorPlace = UnsafeMutablePointer<UnsafeMutableRawPointer?>

  let handleWithFlags: @convention(c) (Int32) -> Object?
  let handleWrite: @convention(c) (Object, UnsafePointer<UInt8>, Int, ErrorPlace) -> Int32
  let handleClose: @convention(c) (Object, ErrorPlace) -> Int32
  let handleSize: @convention(c) (Object, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>) -> Int32
  /// The viewport is x, y, width, height.
  let handleRender: @convention(c) (Object, Object, UnsafePointer<Double>, ErrorPlace) -> Int32
  let unreference: @convention(c) (Object) -> Void
  let freeError: @convention(c) (Object) -> Void
  let imageSurface: @convention(c) (Int32, Int32, Int32) -> Object?
  let pdfSurface: @convention(c) (Sink, UnsafeMutableRawPointer?, Double, Double) -> Object?
  let writePNG: @convention(c) (Object, Sink, UnsafeMutableRawPointer?) -> Int32
  let surfaceStatus: @convention(c) (Object) -> Int32
  let surfaceFlush: @convention(c) (Object) -> Void
  let surfaceFinish: @convention(c) (Object) -> Void
  let surfaceDestroy: @convention(c) (Object) -> Void
  let surfaceData: @convention(c) (Object) -> UnsafeMutablePointer<UInt8>?
  let surfaceStride: @convention(c) (Object) -> Int32
  let context: @convention(c) (Object) -> Object?
  let contextStatus: @convention(c) (Object) -> Int32
  let contextDestroy: @convention(c) (Object) -> Void
  let scale: @convention(c) (Object, Double, Double) -> Void
  let statusText: @convention(c) (Int32) -> UnsafePointer<CChar>?

  static let found = Result { try PictureLibraries() }

  /// Whether pictures can be drawn here.
  static var areThere: Bool { (try? found.get()) != nil }

  private init() throws {
    let svg = try Self.open("librsvg-2.so.2")
    let cairo = try Self.open("libcairo.so.2")
    let objects = try Self.open("libgobject-2.0.so.0")
    let glib = try Self.open("libglib-2.0.so.0")
    handleWithFlags = try Self.symbol(svg, "rsvg_handle_new_with_flags")
    handleWrite = try Self.symbol(svg, "rsvg_handle_write")
    handleClose = try Self.symbol(svg, "rsvg_handle_close")
    handleSize = try Self.symbol(svg, "rsvg_handle_get_intrinsic_size_in_pixels")
    handleRender = try Self.symbol(svg, "rsvg_handle_render_document")
    unreference = try Self.symbol(objects, "g_object_unref")
    freeError = try Self.symbol(glib, "g_error_free")
    imageSurface = try Self.symbol(cairo, "cairo_image_surface_create")
    pdfSurface = try Self.symbol(cairo, "cairo_pdf_surface_create_for_stream")
    writePNG = try Self.symbol(cairo, "cairo_surface_write_to_png_stream")
    surfaceStatus = try Self.symbol(cairo, "cairo_surface_status")
    surfaceFlush = try Self.symbol(cairo, "cairo_surface_flush")
    surfaceFinish = try Self.symbol(cairo, "cairo_surface_finish")
    surfaceDestroy = try Self.symbol(cairo, "cairo_surface_destroy")
    surfaceData = try Self.symbol(cairo, "cairo_image_surface_get_data")
    surfaceStride = try Self.symbol(cairo, "cairo_image_surface_get_stride")
    context = try Self.symbol(cairo, "cairo_create")
    contextStatus = try Self.symbol(cairo, "cairo_status")
    contextDestroy = try Self.symbol(cairo, "cairo_destroy")
    scale = try Self.symbol(cairo, "cairo_scale")
    statusText = try Self.symbol(cairo, "cairo_status_to_string")
  }

  private static func open(_ file: String) throws -> UnsafeMutableRawPointer {
    if let library = dlopen(file, RTLD_NOW) { return library }
    throw missing(dlerror().map { String(cString: $0) } ?? file)
  }

  private static func symbol<T>(_ library: UnsafeMutableRawPointer, _ name: String) throws -> T {
    guard let address = dlsym(library, name) else { throw missing("\(name) is not in the library") }
    return unsafeBitCast(address, to: T.self)
  }

  private static func missing(_ why: String) -> Failure {
    if Sandbox.isOn {
      return Failure(
        .state, "PNG and PDF cannot be drawn in the sandbox, where no library is loaded; .svg can")
    }
    return Failure(
      .state,
      "PNG and PDF are drawn by librsvg 2.52 or later; on Debian and Ubuntu: apt-get install librsvg2-2 (\(why))"
    )
  }
}

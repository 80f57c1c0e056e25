/// PNG, PDF, sixels: sizes, colours, and what is refused.
import Foundation
import Testing

@testable import Plots

/// The pixels of sixels, by the rules of the VT340's manual: colours in per cent, runs, "$" and "-".
private func decoded(_ sixels: [UInt8]) -> (width: Int, height: Int, pixels: [[Int]]) {
  let text = String(decoding: sixels, as: UTF8.self)
  let body = text.drop { $0 != "q" }.dropFirst().dropLast(2)
  let raster = body.dropFirst().prefix { "0123456789;".contains($0) }.split(separator: ";").compactMap {
    Int($0)
  }
  let (width, height) = (raster[2], raster[3])
  var pixels = [[Int]](repeating: [], count: width * height)
  var colors: [Int: [Int]] = [:]
  var (x, top, color, times) = (0, 0, 0, 1)
  var rest = body.dropFirst().drop { "0123456789;".contains($0) }
  func numbers() -> [Int] {
    let list = rest.prefix { "0123456789;".contains($0) }
    rest = rest.dropFirst(list.count)
    return list.split(separator: ";").compactMap { Int($0) }
  }
  while let sign = rest.popFirst() {
    switch sign {
    case "#":
      let list = numbers()
      color = list[0]
      if list.count == 5 { colors[color] = [list[2], list[3], list[4]] }
    case "!": times = numbers()[0]
    case "$": x = 0
    case "-": (x, top) = (0, top + 6)
    default:
      let bits = Int(sign.asciiValue ?? 63) - 63
      for _ in 0..<times {
        for row in 0..<6 where bits >> row & 1 == 1 && top + row < height {
          pixels[(top + row) * width + x] = colors[color] ?? []
        }
        x += 1
      }
      times = 1
    }
  }
  return (width, height, pixels)
}

private func picture(_ width: Int, _ height: Int, _ color: (Int, Int) -> (UInt8, UInt8, UInt8)) -> Pixmap {
  var bytes: [UInt8] = []
  for y in 0..<height {
    for x in 0..<width {
      let (r, g, b) = color(x, y)
      bytes += [r, g, b]
    }
  }
  return Pixmap(width: width, height: height, bytes: bytes)
}

@Suite struct SixelTests {
  @Test(arguments: [(1, 1), (7, 5), (13, 6), (16, 19)]) func aPictureOfFewColoursIsKept(
    _ width: Int, _ height: Int
  ) {
    let colors: [(UInt8, UInt8, UInt8)] = [(255, 255, 255), (0, 114, 178), (213, 94, 0), (34, 34, 34)]
    let given = picture(width, height) { x, y in colors[(x * 3 + y * y) % 4] }
    let found = decoded(Sixel.encode(given))
    #expect(found.width == width && found.height == height)
    for i in 0..<given.count {
      let wanted = (0..<3).map { (Int(given.bytes[3 * i + $0]) * 100 + 127) / 255 }
      #expect(found.pixels[i] == wanted)
    }
  }

  @Test func manyColoursBecomeNearOnes() {
    let given = picture(96, 96) { x, y in
      (UInt8(x * 255 / 95), UInt8(y * 255 / 95), UInt8((x + y) * 255 / 190))
    }
    let found = decoded(Sixel.encode(given))
    #expect(Set(found.pixels).count <= 256 && Set(found.pixels).count > 200)
    var worst = 0.0
    for i in 0..<given.count {
      for k in 0..<3 {
        worst = max(worst, abs(Double(found.pixels[i][k]) * 2.55 - Double(given.bytes[3 * i + k])))
      }
    }
    #expect(worst < 32)
  }
}

@Suite(.enabled(if: Picture.isPossible)) struct PictureTests {
  let figure = Figure(title: "gap", series: [.line(x: [0, 1], y: [0, 1])])

  private func side(_ png: [UInt8], _ at: Int) -> Int { png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }

  @Test func aPNGHasTheSizeOfTheFigureTimesTheScale() throws {
    for scale in [0.5, 1, 2.5] {
      let png = try Picture(svg: figure.renderSVG()).png(scale: scale)
      #expect(side(png, 16) == Int(640 * scale) && side(png, 20) == Int(420 * scale))
    }
  }

  @Test func pixelsAreInTheOrderRedGreenBlue() throws {
    let svg =
      "<svg xmlns='http://www.w3.org/2000/svg' width='2' height='1'><rect width='1' height='1' fill='#0a141e'/>"
      + "<rect x='1' width='1' height='1' fill='#ff8000'/></svg>"
    #expect(try Picture(svg: svg).pixels(scale: 1).bytes == [10, 20, 30, 255, 128, 0])
  }

  @Test func aPDFBeginsAndEndsAsOne() throws {
    let pdf = try Picture(svg: figure.renderSVG()).pdf()
    #expect(pdf.starts(with: Array("%PDF-".utf8)))
    #expect(String(decoding: pdf.suffix(8), as: UTF8.self).contains("%%EOF"))
  }

  @Test func sizesWithoutEndAndBrokenFilesAreRefused() throws {
    let picture = try Picture(svg: figure.renderSVG())
    for scale in [0, -1, 1e9, .nan, .infinity, 1e-9] {
      #expect(throws: (any Error).self) { try picture.png(scale: scale) }
      #expect(throws: (any Error).self) { try picture.pdf(scale: scale) }
    }
    for svg in ["", "<svg", "<b/>", "<svg xmlns='http://www.w3.org/2000/svg'/>", "\u{0}"] {
      #expect(throws: (any Error).self) { try Picture(svg: svg).png() }
    }
  }

  @Test func aPNGInAnSVGIsDrawn() throws {
    let png = try Picture(svg: figure.renderSVG()).png()
    let svg = try #require(Picture.svg(ofPNG: png))
    #expect(
      try Picture(svg: svg).pixels(scale: 1).bytes == Picture(svg: figure.renderSVG()).pixels(scale: 1).bytes)
    #expect(Picture.svg(ofPNG: Array("GIF89a".utf8)) == nil)
  }

  @Test func theGroundIsAChoice() throws {
    #expect(try figure.renderSVG().contains("fill=\"#ffffff\"/>"))
    #expect(try !figure.renderSVG(background: "none").contains("height=\"420\" fill"))
    #expect(try figure.renderSVG(background: "#102030").contains("fill=\"#102030\"/>"))
    #expect(throws: (any Error).self) { try figure.renderSVG(background: "paper") }
  }
}

import Foundation
import Testing

@testable import Plots

private func extent(_ values: Double...) -> Extent {
  var extent = Extent()
  for value in values { extent.include(value) }
  return extent
}

@Test func ticksCoverTheDataInStepsOfOneTwoOrFive() {
  var noise = Noise()
  for _ in 0..<5000 {
    let size = pow(10, noise.uniform() * 40 - 20)
    let (a, b) = ((noise.uniform() - 0.5) * size, (noise.uniform() - 0.5) * size)
    for count in 2...9 {
      let axis = Axis(extent: extent(a, b), limits: AxisRange(), scale: .linear, count: count)
      #expect(axis.ticks.count >= 2 && axis.ticks.count <= count + 4, "\(a) \(b) \(count)")
      let slack = abs(axis.upper - axis.lower) * 1e-5
      #expect((axis.ticks.first?.place ?? .infinity) <= min(a, b) + slack, "\(a) \(b)")
      #expect((axis.ticks.last?.place ?? -.infinity) >= max(a, b) - slack, "\(a) \(b)")
      #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count, "\(axis.ticks.map(\.label))")
    }
  }
}

@Test func tickLabelsAreTheNumbersTheyStandFor() {
  #expect(
    Step(span: 1, count: 5).ticks(from: 0, to: 1).map(\.label) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
  #expect(
    Step(span: 0.6, count: 3).ticks(from: -0.4, to: 0.2).map(\.label) == ["-0.4", "-0.2", "0.0", "0.2"])
  #expect(
    Step(span: 4000, count: 4).ticks(from: 0, to: 4000).map(\.label) == ["0", "1000", "2000", "3000", "4000"])
  #expect(Step(span: 3e6, count: 2).ticks(from: 0, to: 4e6).map(\.label) == ["0", "2e6", "4e6"])
  #expect(
    Step(span: 2e-7, count: 4).ticks(from: 0, to: 2e-7).map(\.label) == [
      "0", "5e-8", "1e-7", "1.5e-7", "2e-7",
    ])
}

@Test func logTicksArePowersOfTenOrOneTwoFive() {
  #expect(logTicks(from: -3, to: 2, count: 8).map(\.label) == ["0.001", "0.01", "0.1", "1", "10", "100"])
  #expect(logTicks(from: -8, to: 0, count: 4).map(\.label) == ["1e-8", "1e-6", "1e-4", "1e-2", "1e0"])
  #expect(logTicks(from: 0, to: 1, count: 6).map(\.label) == ["1", "2", "5", "10"])
  #expect(
    logTicks(from: log10(2), to: log10(4), count: 4).map(\.label) == ["2.0", "2.5", "3.0", "3.5", "4.0"])
}

@Test func logAxesCoverTheDataAndHaveTicks() {
  var noise = Noise()
  for _ in 0..<5000 {
    let a = pow(10, noise.uniform() * 600 - 300)
    let b = min(max(a * pow(10, noise.uniform() * 10 - 5), 1e-300), 1e300)
    let axis = Axis(extent: extent(a, b), limits: AxisRange(), scale: .log, count: 6)
    #expect(axis.ticks.count >= 1, "\(a) \(b)")
    #expect(axis.unit(a) >= -1e-6 && axis.unit(b) <= 1 + 1e-6, "\(a) \(b)")
  }
}

@Test func equalAndExtremeValuesStillMakeAnAxis() {
  for value in [0, 1, -1, .leastNormalMagnitude, 1e300, -1e306, .leastNonzeroMagnitude, 1e16] {
    let axis = Axis(extent: extent(value), limits: AxisRange(), scale: .linear, count: 5)
    #expect(axis.unit(value) > 0 && axis.unit(value) < 1, "\(value)")
    #expect(axis.ticks.count >= 2, "\(value)")
  }
  let wide = Axis(extent: extent(-1e306, 1e306), limits: AxisRange(), scale: .linear, count: 5)
  #expect(wide.unit(0) == 0.5 && wide.unit(1e306) == 1)
  let both = Axis(extent: extent(1e-300, 1e300), limits: AxisRange(), scale: .log, count: 5)
  #expect(abs(both.unit(1) - 0.5) < 1e-9)
}

@Test func aSetLimitIsKeptAndTheOtherFollowsTheData() {
  let axis = Axis(extent: extent(0.13, 0.87), limits: AxisRange(lower: 0.05), scale: .linear, count: 4)
  #expect(axis.lower == 0.05 && axis.upper == 1.0)
}

@Test func linesAreCutToTheFrame() {
  let pieces = clipped([Point(x: -1, y: 0.5), Point(x: 2, y: 0.5), Point(x: 2, y: 2), Point(x: 0.5, y: 0.5)])
  #expect(
    pieces == [
      [Point(x: 0, y: 0.5), Point(x: 1, y: 0.5)], [Point(x: 1, y: 1), Point(x: 0.5, y: 0.5)],
    ])
  #expect(clipped([Point(x: 3, y: 3)]).isEmpty)
}

@Test func aThinnedLineKeepsItsEndsAndExtremes() {
  var noise = Noise()
  let line = (0..<20_000).map { Point(x: Double($0) / 19_999, y: noise.uniform()) }
  let thin = thinned(line, columns: 100)
  #expect(thin.count <= 404 && thin.first == line.first && thin.last == line.last)
  #expect(thin.map(\.y).max() == line.map(\.y).max() && thin.map(\.y).min() == line.map(\.y).min())
}

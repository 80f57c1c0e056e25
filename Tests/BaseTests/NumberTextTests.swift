/// How numbers stand in text.
import Testing

@testable import Base

@Suite struct NumberTextTests {
  @Test func nanHasNoSignInText() {
    for number in [Double.nan, -Double.nan, 0 * -Double.infinity, Double(nan: 3, signaling: false)] {
      #expect("got \(number), expected" == "got nan, expected")
      #expect("\(Float(number))" == "nan")
    }
  }

  @Test func otherNumbersAreAsSwiftWritesThem() {
    #expect("\(0.1) \(-0.0) \(1e300) \(-Double.infinity)" == "0.1 -0.0 1e+300 -inf")
    #expect("\(Float(0.1)) \(Float(-2)) \(Float.infinity)" == "0.1 -2.0 inf")
    #expect("\(3) \(Int8(-4)) \([0.5, 1])" == "3 -4 [0.5, 1.0]")
  }
}

import Base
import Testing

@Suite struct NearestTests {
  @Test func aSlipFindsItsName() {
    for (given, candidates, expected) in [
      ("keepdims", ["dim", "keepdim"], "keepdim"), ("stpes", ["steps", "seeds"], "steps"),
      ("bate", ["beta", "batch"], "beta"), ("valid", ["train", "validation", "test"], "validation"),
      ("LR", ["lr", "beta"], "lr"),
      ("logsumexpp", ["log", "logsumexp"], "logsumexp"),
    ] {
      #expect(Nearest.name(to: given, in: candidates) == expected, "\(given)")
    }
  }

  @Test func anotherWordFindsNothing() {
    for given in ["temperature", "x", "banana", ""] {
      #expect(Nearest.name(to: given, in: ["steps", "beta", "learning_rate"]) == nil, "\(given)")
    }
    #expect(Nearest.hint("stpes", in: ["steps"]) == "; did you mean 'steps'?")
    #expect(Nearest.hint("banana", in: ["steps"]) == "")
    #expect(Nearest.name(to: String(repeating: "a", count: 1 << 22), in: ["steps"]) == nil)
  }
}

@Suite struct SHA256Tests {
  @Test func theHashIsTheStandardsExample() throws {
    // NIST FIPS 180-4, example of "abc".
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(try SHA256.hash(of: Array("abc".utf8)) == abc)
    let pieces = try SHA256()
    for byte in "abc".utf8 { withUnsafeBytes(of: byte) { pieces.update($0) } }
    #expect(pieces.finish() == abc)
  }
}

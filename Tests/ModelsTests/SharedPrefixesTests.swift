import Base
import Tensors
import Testing

@testable import Models

/// Which states of packed sequences are computed once.
@Suite struct SharedPrefixesTests {
  static let alike = [
    [[5, 1, 2, 9], [5, 1, 2, 3], [7, 1, 2], [5, 1, 4]],
    [[4, 4, 4], [4, 4], [], [4, 4, 4]],
    [[1, 2], [1, 2], [2, 1, 2], [1, 2, 1, 2], [2, 1]],
  ]

  @Test(arguments: alike)
  func twoTokensHaveOneStateWhereTheirBeginningsAreEqual(_ sequences: [[Int]]) throws {
    let shared = try #require(try TokenBatch(sequences).sharedPrefixes())
    let states = try shared.states.elements(Int64.self)
    let beginnings = sequences.flatMap { ids in ids.indices.map { Array(ids[...$0]) } }
    #expect(states.count == beginnings.count)
    for (a, one) in beginnings.enumerated() {
      for (b, other) in beginnings.enumerated() { #expect((states[a] == states[b]) == (one == other)) }
    }
    #expect(Set(states) == Set(0..<Int64(Set(beginnings).count)))
  }

  @Test(arguments: alike)
  func aStateHasTheIdAndThePositionOfItsTokens(_ sequences: [[Int]]) throws {
    let shared = try #require(try TokenBatch(sequences).sharedPrefixes())
    let (ids, positions) = (
      try shared.ids.elements(Int64.self), try shared.positions.elements(Int64.self)
    )
    let tokens = sequences.flatMap { ids in ids.enumerated().map { (position: $0.offset, id: $0.element) } }
    for (token, state) in zip(tokens, try shared.states.elements(Int64.self)) {
      #expect(ids[Int(state)] == Int64(token.id))
      #expect(positions[Int(state)] == Int64(token.position))
    }
    for (state, place) in try shared.places.elements(Int64.self).enumerated() {
      #expect(try shared.states.elements(Int64.self)[Int(place)] == Int64(state))
    }
  }

  @Test func sequencesWithLittleInCommonShareNothing() throws {
    #expect(try TokenBatch([[1, 2, 3, 4, 5, 6], [1, 3, 3, 4, 5, 6]]).sharedPrefixes() == nil)
    #expect(try TokenBatch([[1, 2, 3]]).sharedPrefixes() == nil)
  }
}

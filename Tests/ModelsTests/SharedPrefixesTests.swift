import Base
import Tensors
import Testing

@testable import Models

/// Which states of packed sequences are computed once.
@Suite struct SharedPrefixesTests {
  private func states(_ sequences: [[Int]]) throws -> [Int64]? {
    try TokenBatch(sequences).sharedPrefixes()?.states.elements(Int64.self)
  }

  @Test func equalBeginningsShareTheirStates() throws {
    let sequences = [[5, 1, 2, 9], [5, 1, 2, 3], [7, 1, 2], [5, 1, 4]]
    #expect(try states(sequences) == [0, 1, 2, 3, 0, 1, 2, 4, 5, 6, 7, 0, 1, 8])
  }

  @Test func aSequenceThatAnotherBeginsWithIsSharedWhole() throws {
    #expect(try states([[4, 4, 4], [4, 4], [], [4, 4, 4]]) == [0, 1, 2, 0, 1, 0, 1, 2])
  }

  @Test func sequencesWithLittleInCommonShareNothing() throws {
    #expect(try states([[1, 2, 3, 4, 5, 6], [1, 3, 3, 4, 5, 6]]) == nil)
    #expect(try states([]) == nil || states([])?.isEmpty == true)
  }

  @Test func idsAndPositionsAreThoseOfTheStates() throws {
    let batch = try TokenBatch([[8, 6, 2], [8, 6, 3]])
    let shared = try #require(try batch.sharedPrefixes())
    #expect(try shared.ids.elements(Int64.self) == [8, 6, 2, 3])
    #expect(try shared.positions.elements(Int64.self) == [0, 1, 2, 2])
    #expect(try shared.places.elements(Int64.self) == [0, 1, 2, 5])
  }
}

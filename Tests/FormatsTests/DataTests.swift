import Base
import Foundation
import Tensors
import Testing

@testable import Formats

@Suite struct DataTests {
  // MARK: preference pairs

  @Test func harmlessPairsKeepThoseWithOnePrompt() throws {
    guard let path = sharedData("hh-rlhf/harmless-base/test.jsonl.gz") else { return }
    let data = try PreferenceData.load(path)
    #expect(data.pairs.count == 2307 && data.dropped.count == 5 && data.total == 2312)
    #expect(data.summary == "2307 of 2312 pairs; dropped 5: the prompts of chosen and rejected differ (5)")
    #expect(
      data.pairs.allSatisfy { $0.prompt.hasSuffix("\n\nAssistant:") && $0.prompt.hasPrefix("\n\nHuman:") })
  }

  @Test func bothFormsOfRecordsAreRead() throws {
    let lines = #"""
      {"prompt": "p", "chosen": "a", "rejected": "b", "more": [1]}
      {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"}
      {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: r\n\nAssistant: b"}
      {"chosen": "a", "rejected": "b"}
      """#
    var data = PreferenceData()
    try withTemporaryFolder { folder in
      try AtomicFile.write(Array(lines.utf8), to: folder + "/x.jsonl")
      data = try PreferenceData.load(folder + "/x.jsonl")
      let array = "[" + lines.split(separator: "\n").joined(separator: ",") + "]"
      try AtomicFile.write(Array(array.utf8), to: folder + "/x.json")
      #expect(try PreferenceData.load(folder + "/x.json").pairs == data.pairs)
    }
    #expect(data.pairs[0] == PreferencePair(prompt: "p", chosen: "a", rejected: "b"))
    #expect(
      data.pairs[1] == PreferencePair(prompt: "\n\nHuman: q\n\nAssistant:", chosen: " a", rejected: " b"))
    #expect(data.dropped.map(\.position) == [3, 4])
    #expect(data.dropped.map(\.reason) == [.promptsDiffer, .noAnswer])
  }

  @Test func recordsWithoutAnswersAreRefused() throws {
    try withTemporaryFolder { folder in
      for (name, text, words) in [
        ("x.jsonl", "\n{\"chosen\": \"a\"}", "x.jsonl: line 2 has no 'rejected'"),
        ("x.jsonl", "{\"chosen\": 1}", "line 1: 'chosen' is not a string"),
        ("x.jsonl", "[1]", "line 1 is not an object"),
        ("x.json", "[{\"chosen\": \"a\"}]", "x.json: record 1 has no 'rejected'"),
        ("x.json", "{}", "expected an array of records"),
      ] {
        try AtomicFile.write(Array(text.utf8), to: folder + "/" + name)
        expectFailure(words) { _ = try PreferenceData.load(folder + "/" + name) }
      }
    }
  }

  // MARK: hashes

  @Test func hashesAreSHA256() throws {
    // NIST FIPS 180-4, example of "abc".
    #expect(
      try ContentHash.of(bytes: Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    try withTemporaryFolder { folder in
      let bytes = (0..<2_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try AtomicFile.write(bytes, to: folder + "/x")
      #expect(try ContentHash.of(file: folder + "/x") == ContentHash.of(bytes: bytes))
      try AtomicFile.write([], to: folder + "/empty")
      #expect(try ContentHash.of(file: folder + "/empty") == ContentHash.of(bytes: []))
    }
  }

  @Test func hashOfTensorsFollowsTheirContentsOnly() throws {
    let w = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
    let b = try Tensor([5] as [Float], shape: [1])
    let hash = try ContentHash.of(tensors: [("w", w), ("b", b)])
    #expect(
      try ContentHash.of(tensors: [("b", b), ("w", w.transposed(0, 1).copied().transposed(0, 1))]) == hash)
    let others: [[(name: String, tensor: Tensor)]] = [
      [("w", w)], [("w", w), ("c", b)], [("w", try w.reshaped([4])), ("b", b)],
      [("w", try w.cast(to: .f64)), ("b", b)],
      [("w", try w.transposed(0, 1)), ("b", b)],
    ]
    for other in others { #expect(try ContentHash.of(tensors: other) != hash) }
    expectFailure("used twice") { _ = try ContentHash.of(tensors: [("w", w), ("w", b)]) }
  }

  // MARK: folders

  @Test func cacheFolderFollowsTheEnvironment() throws {
    try withTemporaryFolder { folder in
      func root(_ environment: [String: String]) throws -> String { try Folder.cacheRoot { environment[$0] } }
      let own = try root(["PERILUNE_CACHE": folder + "/own", "XDG_CACHE_HOME": folder])
      let shared = try root(["XDG_CACHE_HOME": folder + "/xdg", "HOME": "/nowhere"])
      let home = try root(["XDG_CACHE_HOME": "relative", "HOME": folder, "PERILUNE_CACHE": ""])
      #expect(own == folder + "/own")
      #expect(shared == folder + "/xdg/perilune")
      #expect(home == folder + "/.cache/perilune")
      #expect(FileManager.default.fileExists(atPath: folder + "/.cache/perilune"))
      expectFailure("set PERILUNE_CACHE or HOME") { _ = try root([:]) }
      expectFailure("cannot use the cache folder") { _ = try root(["PERILUNE_CACHE": "/dev/null/x"]) }
    }
  }
}

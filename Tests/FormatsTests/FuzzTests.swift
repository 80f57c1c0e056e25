/// Damaged files: every reader answers any bytes with a value or a `Failure`, and holds little while it
/// refuses.
import Base
import Foundation
import Tensors
import Testing

@testable import Formats
@testable import Weights

/// glibc's malloc_trim, which Swift's module leaves out: gives freed memory back, so that it hides no growth.
@_silgen_name("malloc_trim") private func trimHeap(_ pad: Int) -> Int32

@Suite(.serialized) struct FuzzTests {
  /// Flips, cuts, copies and overwrites; case i of a stream is always the same bytes.
  private func damaged(_ seed: [UInt8], _ name: String, _ i: Int) -> [UInt8] {
    var random = Philox(seed: 11, stream: name, step: UInt64(i))
    var bytes = seed
    let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, 34, 44, 45, 48, 57, 58, 91, 92, 93, 101, 123, 125]
    for _ in 0...random.below(4) where !bytes.isEmpty {
      let at = random.below(bytes.count)
      switch random.below(6) {
      case 0: bytes[at] ^= 1 << UInt8(random.below(8))
      case 1: bytes[at] = interesting[random.below(interesting.count)]
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.remove(at: at)
      case 4: bytes.insert(interesting[random.below(interesting.count)], at: at)
      default:
        let end = min(at + 1 + random.below(16), bytes.count)
        bytes.insert(contentsOf: bytes[at..<end], at: random.below(bytes.count))
      }
    }
    return bytes
  }

  /// Runs `read` on `count` damaged forms of `seed`.
  private func fuzz(
    _ name: String, _ seed: [UInt8], count: Int = 2000, location: SourceLocation = #_sourceLocation,
    _ read: ([UInt8]) throws -> Void
  ) {
    var refused = 0
    for i in 0..<count {
      do {
        try read(damaged(seed, name, i))
      } catch is Failure {
        refused += 1
      } catch {
        Issue.record("\(name) case \(i): \(error)", sourceLocation: location)
      }
    }
    #expect(refused > count / 20, "\(name): only \(refused) of \(count) refused", sourceLocation: location)
  }

  @Test func damagedSafetensors() throws {
    fuzz("safetensors", try SafetensorsTests.sample().encoded(), count: 4000) { bytes in
      for (_, tensor) in try Safetensors.read(bytes: bytes).tensors { _ = try tensor.doubles() }
    }
  }

  @Test func damagedLlamaModels() throws {
    func header(_ numbers: Int32...) -> [UInt8] {
      numbers.flatMap { n in withUnsafeBytes(of: n.littleEndian) { Array($0) } }
    }
    let seed = header(2, 2, 1, 1, 1, -2, 2) + [UInt8](repeating: 0, count: 4 * 46)
    fuzz("llama model", seed) { _ = try Llama2C(ByteSource($0, name: "llama")) }
    fuzz("llama header", Array(seed.prefix(28))) {
      _ = try Llama2C(ByteSource($0 + [UInt8](repeating: 0, count: 4 * 46), name: "llama"))
    }
  }

  @Test func damagedGGUF() throws {
    var made = MadeGGUF()
    made.add("general.architecture", 8, string("llama"))
    made.add("tokens", 9, u32(8) + u64(3) + string("a") + string("bc") + string(""))
    made.add("kinds", 9, u32(5) + u64(2) + u32(1) + u32(3))
    made.tensor("w", [32, 2], type: 8, offset: 0)
    made.tensor("v", [4], type: 0, offset: 96)
    made.data = [UInt8](repeating: 7, count: 96 + 32)
    fuzz("gguf", made.bytes(), count: 4000) { bytes in
      let file = try GGUFFile(ByteSource(bytes, name: "gguf"))
      _ = (try file.statements(), try file.integers("kinds"))
      _ = try file.forEachString("tokens") { _, _ in }
      for tensor in file.tensors {
        var values = [Float](repeating: 0, count: tensor.sizes.reduce(1, *))
        try values.withUnsafeMutableBufferPointer { try file.read(tensor, from: 0, into: $0) }
      }
    }
    fuzz(
      "gguf model", [UInt8](try Data(contentsOf: URL(fileURLWithPath: goldenPath("gguf/llama-q4_0.gguf"))))
    ) {
      let file = try GGUFWeights(ByteSource($0, name: "gguf"))
      for (index, entry) in file.entries.enumerated() {
        var values = [Float](repeating: 0, count: entry.shape.elementCount)
        try values.withUnsafeMutableBufferPointer { try file.read(index, from: 0, into: $0) }
      }
    }
  }

  @Test func damagedLlamaTokenizers() throws {
    guard let path = sharedData("stories260K/tok512.bin") else { return }
    fuzz("llama tokenizer", [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))), count: 1000) {
      let t = try Llama2CTokenizer(bytes: $0)
      _ = try t.decode(t.encode("Once upon a time") + [t.vocabSize - 1])
    }
  }

  @Test func damagedTokenizerFiles() throws {
    let seed = try ByteLevelBPE.train(
      texts: ["the cat sat on the mat, that cat"], vocabSize: 262, specials: ["<pad>"])
    fuzz("bpe json", try seed.json().encodedBytes(), count: 1500) {
      let t = try TokenizerPipeline(json: $0)
      _ = try t.decode(t.encode("the cat") + [t.vocabSize - 1])
    }
    let vocabulary = try #require(seed.json()["model"]?["vocab"]).encodedBytes()
    fuzz("encoder", vocabulary, count: 1000) {
      _ = try ByteLevelBPE.tokenizer(
        encoder: $0, merges: LineReader(bytes: [], name: "m"), specials: ["<pad>"], source: "e")
    }
    fuzz("merges", Array("#version: 0.2\nt h\na t\nth e\n".utf8), count: 500) {
      _ = try ByteLevelBPE.tokenizer(
        encoder: vocabulary, merges: LineReader(bytes: $0, name: "m"), specials: ["<pad>"], source: "e")
    }
  }

  @Test func damagedJSON() throws {
    let seed = #"{"a":[1,-2.5e3,true,null,{"b":"x\né\ud83e\udd99"}],"é":{"":[[]]}} "#
    fuzz("json", Array(seed.utf8), count: 6000) { bytes in
      let value = try JSONValue(parsing: bytes)
      if try JSONValue(parsing: value.encodedBytes()) != value { Issue.record("not the same after writing") }
    }
  }

  @Test func damagedJSONLinesAndRecords() throws {
    let seed = Array(
      #"{"chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"\n\nHuman: q\n\nAssistant: b"}"#.utf8)
    let lines = seed + [10] + seed + [10]
    let read: ([UInt8]) throws -> Void = { bytes in
      try JSONLines.forEach(bytes: bytes) { _, value in
        _ = [value["chosen"], value["rejected"]].map { $0?.text }
      }
    }
    fuzz("json lines", lines, read)
    fuzz("gzip", try Gzip.packed(lines), count: 4000, read)
  }

  @Test func randomBytesForEveryReader() {
    for i in 0..<2000 {
      var random = Philox(seed: 12, stream: "random bytes", step: UInt64(i))
      let bytes = (0..<random.below(200)).map { _ in UInt8(random.below(256)) }
      #expect(throws: Failure.self) { _ = try Safetensors.read(bytes: bytes) }
      #expect(throws: Failure.self) { _ = try Llama2C(ByteSource(bytes, name: "llama")) }
      #expect(throws: Failure.self) { _ = try Llama2CTokenizer(bytes: bytes) }
      #expect(throws: Failure.self) { _ = try TokenizerPipeline(json: bytes) }
      #expect(throws: Failure.self) { _ = try GGUFFile(ByteSource(Array("GGUF".utf8) + bytes, name: "gguf")) }
    }
  }

  // MARK: memory while refusing

  /// Kilobytes of a line of /proc/self/status.
  private func status(_ key: String) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
      .flatMap { Int($0.split { !"0123456789".contains($0) }.first ?? "") }
  }

  /// Resident bytes may rise by twice the file and 16 MB. Other tests share the process, so they share the
  /// figure.
  @Test func lyingFilesCostLittleMemory() throws {
    let size = 24_000_000
    func filled(_ start: String, _ unit: String) -> [UInt8] {
      var bytes = Array(start.utf8)
      let unit = Array(unit.utf8)
      bytes.reserveCapacity(size + unit.count)
      while bytes.count < size { bytes.append(contentsOf: unit) }
      return bytes
    }
    func safetensors(_ header: [UInt8]) -> [UInt8] {
      withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
    }
    /// Tensors of different names: 84 MB of them took 718 MB when all were kept before the first was refused.
    func tensors() -> [UInt8] {
      var bytes = Array("{".utf8)
      bytes.reserveCapacity(size + 100)
      var number = 0
      while bytes.count < size {
        bytes += Array("\"\(number)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},".utf8)
        number += 1
      }
      return bytes
    }
    func gguf(_ change: (inout MadeGGUF) -> Void) -> [UInt8] {
      var made = MadeGGUF()
      change(&made)
      return made.header
    }
    func open(_ path: String) throws { _ = try GGUFFile(ByteSource(path: path)) }
    func load(_ encoder: String, _ merges: String) throws {
      _ = try ByteLevelBPE.load(encoder: encoder, merges: merges)
    }
    let names = try ByteLevelBPE.train(texts: [], vocabSize: 256).json()
    let vocabulary = try #require(names["model"]?["vocab"]).encoded()
    let start = String(try names.encoded().dropLast(3))
    var number = 0
    let cases: [(String, [UInt8], (String) throws -> Void)] = [
      ("flat array", filled("[0", ",0"), { _ = try JSONValue.load($0) }),
      ("empty arrays", filled("[[]", ",[]"), { _ = try JSONValue.load($0) }),
      ("open string", filled("\"", "é"), { _ = try JSONValue.load($0) }),
      (
        "header of tensors",
        safetensors(filled("{", "\"\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},")),
        { _ = try Safetensors.read($0) }
      ),
      ("header of many tensors", safetensors(tensors()), { _ = try Safetensors.read($0) }),
      (
        "header of sizes", safetensors(filled("{\"a\":{\"shape\":[1", ",1")), { _ = try Safetensors.read($0) }
      ),
      ("header of extras", safetensors(filled("{\"a\":{\"x\":[1", ",1")), { _ = try Safetensors.read($0) }),
      ("empty tokens", filled("\u{7}\0\0\0", "\0\0\0\0\0\0\0\0"), { _ = try Llama2CTokenizer.load($0) }),
      ("one long line", filled("", "["), { try JSONLines.forEach($0) { _, _ in } }),
      ("packed long line", try Gzip.packed(filled("", "[")), { try JSONLines.forEach($0) { _, _ in } }),
      (
        "merges", filled("", "a b\n"),
        { path in
          try AtomicFile.write(Array(vocabulary.utf8), to: path + ".json")
          try load(path + ".json", path)
        }
      ),
      (
        "merge list", filled(start + "[\"a b\"", ",[\"a\",\"b\"]") + Array("]}}".utf8),
        { _ = try TokenizerPipeline.load($0) }
      ),
      ("vocabulary", filled("{\"\":0", ",\"\":1") + [125], { try load($0, $0) }),
      (
        "tokenizer of zeros",
        filled("{\"pre_tokenizer\":[0", ",0") + Array("],\"model\":{\"vocab\":{},\"merges\":[]}}".utf8),
        { _ = try TokenizerPipeline.load($0) }
      ),
      (
        "GGUF of keys",
        gguf { made in
          for i in 1..<Limits.metadataKeysMax { made.add("k\(i % (Limits.metadataKeysMax - 2))", 7, [0]) }
        }
          + filled("", " "),
        open
      ),
      (
        "GGUF of tensors",
        gguf { made in
          for i in 0..<Limits.ggufTensorsMax {
            made.tensor("a name of a tensor\(i)", [1, 1, 1, 1], type: 0, offset: 0)
          }
        }, open
      ),
      (
        "GGUF of texts",
        gguf { $0.add("k", 9, u32(8) + u64(UInt64(size / 8))) } + [UInt8](repeating: 0, count: size - 8)
          + u64(.max),
        open
      ),
      (
        "GGUF of numbers",
        gguf { $0.add("k", 9, u32(0) + u64(UInt64(size))) } + [UInt8](repeating: 0, count: size),
        { _ = try GGUFFile(ByteSource(path: $0)).integers("k") }
      ),
      (
        "model of the wrong size", Array(repeating: 1, count: size), { _ = try Llama2C(ByteSource(path: $0)) }
      ),
    ]
    try withTemporaryFolder { folder in
      for (name, bytes, read) in cases {
        number += 1
        let path = "\(folder)/\(number)"
        try AtomicFile.write(bytes, to: path)
        _ = trimHeap(0)
        // Writing 5 sets the peak back to what is resident now.
        guard let file = fopen("/proc/self/clear_refs", "w") else {
          return print("skipped: no /proc/self/clear_refs")
        }
        fputs("5", file)
        fclose(file)
        guard let before = status("VmHWM") else { return print("skipped: no VmHWM") }
        #expect(throws: Failure.self, "\(name)") { try read(path) }
        // A sanitizer has memory of its own, and holds freed memory back.
        if dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil { continue }
        let grown = ((status("VmHWM") ?? 0) - before) * 1024
        print(
          "refusing \(name): \(bytes.count / 1_000_000) MB file, \(grown / 1_000_000) MB more at the peak")
        // A packed line is unpacked whole, within the limit of a line.
        let held = name.hasPrefix("packed") ? size : bytes.count
        #expect(grown <= 2 * held + 16_000_000, "\(name): \(grown) bytes for \(held)")
      }
    }
  }
}

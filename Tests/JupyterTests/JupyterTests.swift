/// The parts of a kernel that need no client. Tests/jupyter/run tries the whole with Jupyter's own tools.
import Base
import Formats
import Testing

@testable import Jupyter

@Suite struct MessageTests {
  private let key: MessageKey

  init() throws { key = try MessageKey(Array("key".utf8), digest: "sha256") }

  private func frames(_ header: String = "{\"msg_id\":\"1\",\"msg_type\":\"t\"}", content: String = "{}")
    -> [[UInt8]]
  {
    let parts = [header, "{}", "{}", content].map { Array($0.utf8) }
    return [Array("peer".utf8), Message.delimiter, key.signature(of: parts)] + parts
  }

  private func refusal(_ frames: [[UInt8]]) -> String? {
    do {
      _ = try MessageGate(key).message(frames)
      return nil
    } catch { return (error as? MessageGate.Refusal)?.reason }
  }

  /// RFC 4231 has no such short key; the value is that of
  /// `printf 'The quick brown fox jumps over the lazy dog' | openssl dgst -sha256 -hmac key` (OpenSSL 3.0).
  @Test func signatureIsHMACOfAllFrames() {
    let text = "The quick brown fox jumps over the lazy dog"
    let wanted = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    #expect(String(decoding: key.signature(of: [Array(text.utf8)]), as: UTF8.self) == wanted)
    let pieces = [Array(text.utf8.prefix(7)), [], Array(text.utf8.dropFirst(7))]
    #expect(String(decoding: key.signature(of: pieces), as: UTF8.self) == wanted)
  }

  @Test func unknownDigestIsRefused() {
    #expect(throws: Failure.self) { try MessageKey([1], digest: "nothing") }
  }

  @Test func goodMessageComesOnce() throws {
    let gate = MessageGate(key)
    let message = try gate.message(frames(content: "{\"code\":\"x\"}"))
    #expect(message.type == "t")
    #expect(message.identities == [Array("peer".utf8)])
    #expect(message.content["code"]?.text == "x")
    #expect(throws: MessageGate.Refusal.self) { try gate.message(frames(content: "{\"code\":\"x\"}")) }
  }

  @Test func whatIsWrongIsNamed() {
    #expect(refusal([]) == "no delimiter <IDS|MSG> in 0 frames")
    #expect(refusal(Array(frames().dropLast())) == "4 frames after the delimiter, expected 5")
    var unsigned = frames()
    unsigned[2] = []
    #expect(refusal(unsigned) == "it is not signed")
    var changed = frames()
    changed[6] = Array("[]".utf8)
    #expect(refusal(changed) == "its signature is wrong")
    #expect(refusal(frames(content: "[]")) == "its content is no JSON object")
    #expect(refusal(frames("{\"msg_id\":\"1\"}")) == "its header has no text 'msg_type' or 'msg_id'")
    #expect(refusal(frames("{")) != nil)
  }

  @Test func messagesMadeHereAreTaken() throws {
    let maker = MessageMaker(key)
    let made = maker.frames("stream", ["text": "é\n"], parent: nil, to: [])
    let message = try MessageGate(key).message(made)
    #expect(message.type == "stream")
    #expect(message.content["text"]?.text == "é\n")
  }
}

@Suite struct ConnectionFileTests {
  private static let good: [JSONMember] = [
    JSONMember("ip", "127.0.0.1"), JSONMember("key", "k"), JSONMember("shell_port", 1),
    JSONMember("control_port", 2),
    JSONMember("stdin_port", 3), JSONMember("iopub_port", 4), JSONMember("hb_port", 5),
  ]

  private func file(_ changes: JSONMember...) throws -> ConnectionFile {
    try ConnectionFile(.object(Self.good + changes), path: "c.json")
  }

  @Test func endpointsAreThoseOfTheFile() throws {
    #expect(try file().endpoint(.shell) == "tcp://127.0.0.1:1")
    #expect(try file(JSONMember("ip", "::1")).endpoint(.heartbeat) == "tcp://[::1]:5")
    let ipc = try file(JSONMember("transport", "ipc"), JSONMember("ip", "/tmp/k"))
    #expect(ipc.endpoint(.iopub) == "ipc:///tmp/k-4")
  }

  @Test func badFilesAreRefused() {
    for change in [
      JSONMember("key", ""), JSONMember("shell_port", 0), JSONMember("shell_port", 65536),
      JSONMember("hb_port", 1), JSONMember("ip", ""), JSONMember("ip", 5), JSONMember("transport", "udp"),
      JSONMember("signature_scheme", "md5"), JSONMember("curve_secretkey", "short"),
    ] {
      #expect(throws: Failure.self, "\(change)") { try file(change) }
    }
    #expect(throws: Failure.self) { try ConnectionFile([], path: "c.json") }
  }
}

@Suite struct CodeTextTests {
  @Test func nameAtTheCursor() {
    #expect(CodeText.name(at: 2, in: "align.train(x)") == "align.train")
    #expect(CodeText.name(at: 8, in: "f(g(1), 2)") == "f")
    #expect(CodeText.name(at: 10, in: "s:rep(x, { 5 })") == "s:rep")
    #expect(CodeText.name(at: 14, in: "align.train { steps = 1 }") == "steps")
    #expect(CodeText.name(at: 0, in: "") == "")
    #expect(CodeText.name(at: 1, in: "5") == "")
  }

  @Test func indentOfTheNextLine() {
    #expect(CodeText.indent(after: "for i = 1, 2 do") == "  ")
    #expect(CodeText.indent(after: "if x then\n  local f = function(a)") == "    ")
    #expect(CodeText.indent(after: "x = {") == "  ")
    #expect(CodeText.indent(after: "for i = 1, 2 do\n  f()") == "  ")
    #expect(CodeText.indent(after: "for i = 1, 2 do -- remark") == "  ")
  }

  @Test func charactersThatAreCutOffWait() {
    let text = Array("aé𝄞".utf8)
    #expect((0...text.count).map { KernelOutput.incomplete(Array(text[..<$0])) } == [0, 0, 1, 0, 1, 2, 3, 0])
    #expect(KernelOutput.incomplete([0xFF]) == 1)
    #expect(KernelOutput.incomplete([0x80, 0x80, 0x80, 0x80]) == 0)
  }

  @Test func base64IsThatOfRFC4648() {
    let wanted = ["": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foobar": "Zm9vYmFy"]
    for (text, code) in wanted { #expect(base64(Array(text.utf8)) == code) }
  }
}

@Suite struct KernelHistoryTests {
  @Test func entriesOfThisSession() throws {
    let history = try KernelHistory(path: ":memory:")
    for (i, text) in ["a = 1", "b = 2", "a = 1"].enumerated() {
      try history.add(i + 1, text, i == 1 ? "out" : nil)
    }
    func texts(_ request: JSONValue) throws -> [String] {
      try history.entries(request).map { $0[2]?.text ?? $0[2]?[0]?.text ?? "" }
    }
    #expect(try texts(["hist_access_type": "tail", "n": 2]) == ["b = 2", "a = 1"])
    #expect(try texts(["hist_access_type": "range", "session": 0, "start": 2, "stop": 3]) == ["b = 2"])
    #expect(try texts(["hist_access_type": "search", "pattern": "a*"]) == ["a = 1", "a = 1"])
    #expect(try texts(["hist_access_type": "search", "pattern": "a*", "unique": true]) == ["a = 1"])
    #expect(try texts(["hist_access_type": "search", "pattern": "?", "n": 1]) == [])
    let outputs = try history.entries(["hist_access_type": "tail", "n": 2, "output": true])
    #expect(outputs[0][2] == ["b = 2", "out"])
    #expect(outputs[1][2] == ["a = 1", .null])
    #expect(throws: Failure.self) { try history.entries(["hist_access_type": "all"]) }
  }
}

@Suite struct KernelSpecTests {
  private func folder(_ variables: [String: String], home: String? = nil, below prefix: String? = nil) throws
    -> String
  {
    try KernelSpec.dataFolder(
      below: prefix, Folders.Environment(variable: { variables[$0] }, passwordHome: { home }))
  }

  /// jupyter_core 5.9.1: `env -i VARIABLE=... python3 -c "from jupyter_core.paths import *; print(jupyter_data_dir())"`.
  @Test func theFolderIsThatOfJupyter() throws {
    let all = ["JUPYTER_DATA_DIR": "/data", "XDG_DATA_HOME": "/xdg", "HOME": "/home/a"]
    #expect(try folder(all, home: "/home/b") == "/data")
    #expect(try folder(all, below: "/venv") == "/venv/share/jupyter")
    #expect(
      try folder(["XDG_DATA_HOME": "/xdg", "HOME": "/home/a", "JUPYTER_DATA_DIR": ""]) == "/xdg/jupyter")
    #expect(try folder(["HOME": "/home/a"], home: "/home/b") == "/home/a/.local/share/jupyter")
    #expect(try folder([:], home: "/home/b") == "/home/b/.local/share/jupyter")
  }

  @Test func aUserWithoutAHomeFolderIsToldWhatToGive() {
    let failure = #expect(throws: Failure.self) { try folder(["HOME": ""]) }
    #expect(
      failure?.message
        == "no folder for the kernel: the user has no home folder; set JUPYTER_DATA_DIR, or give --prefix DIR"
    )
  }
}

/// Native modules and where `require` finds Lua ones.
///
/// Nothing here touches `package.path` or `package.cpath`: a user's own settings show exactly as they were
/// given.
import Base
import CLua
import CLuaShims
import Foundation

public struct LuaModule {
  var functions: [NativeEntry] = []
  var values: [(String, LuaValue)] = []

  public init() {}
  public init(_ build: (inout LuaModule) -> Void) { build(&self) }

  public mutating func function(_ name: String, _ body: @escaping NativeBody) {
    functions.append(NativeEntry(name: name, body: body))
  }
  public mutating func value(_ name: String, _ value: LuaValue) { values.append((name, value)) }
}

extension Lua {
  /// The module as a fresh table.
  public func table(_ module: LuaModule) throws -> LuaTable {
    try use { L in
      try check(shim_push_table(L, 0, Int32(clamping: module.functions.count + module.values.count)), on: L)
      for entry in module.functions {
        try pushFunction(entry.name, entry.body, on: L)
        try check(shim_raw_set_field(L, -2, entry.name, entry.name.utf8.count), on: L)
      }
      for (name, value) in module.values {
        try push(value, on: L)
        try check(shim_raw_set_field(L, -2, name, name.utf8.count), on: L)
      }
      return LuaTable(try reference(L))
    }
  }

  /// Makes `require(moduleName)` give the module.
  public func preload(_ moduleName: String, _ module: LuaModule) throws {
    let opener = try function(moduleName) { call in
      try call.push(.table(call.lua.table(module)))
      return 1
    }
    try load("local name, opener = ...; package.preload[name] = opener", name: "=perilune")
      .call([.string(moduleName), .function(opener)])
    nativeModules.append(moduleName)
  }

  /// Makes `require "prefix"` load root/prefix.lua and `require "prefix.a.b"` load root/a/b.lua or
  /// root/a/b/init.lua.
  public func addSearcher(root: String, prefix: String) throws {
    let searcher = try function("searcher") { call in
      let name = try call.string(1)
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      // Names become paths: only letters, digits and underscores, so that no path leaves the root.
      guard parts.first.map(String.init) == prefix, parts.allSatisfy(isWord) else { return 0 }
      let file = parts.count == 1 ? prefix : parts.dropFirst().joined(separator: "/")
      let paths = [root + "/" + file + ".lua", root + "/" + file + "/init.lua"]
      let found = paths.lazy.compactMap { path in
        FileManager.default.contents(atPath: path).map { (path: path, source: $0) }
      }.first
      guard let (path, source) = found else {
        try call.pushString(paths.map { "no file '\($0)'" }.joined(separator: "\n\t"))
        return 1
      }
      do {
        let chunk = try call.lua.load(skippingHashLine([UInt8](source)), name: "@" + path, textOnly: true)
        if let environment = call.lua.libraryEnvironment {
          try call.lua.setEnvironment(of: chunk, environment)
        }
        try call.push(.function(chunk))
      } catch let error as LuaError {
        throw LuaError(
          kind: "syntax", message: "error loading module '\(name)' from file '\(path)':\n\t\(error.message)")
      }
      try call.pushString(path)
      return 2
    }
    try load("table.insert(package.searchers, 2, (...))", name: "=perilune").call([.function(searcher)])
  }
}

private func isWord(_ part: Substring) -> Bool {
  !part.isEmpty
    && part.utf8.allSatisfy { ($0 | 32) >= 97 && ($0 | 32) <= 122 || $0 >= 48 && $0 <= 57 || $0 == 95 }
}

/// A first line that starts with `#` is for the shell: it becomes empty, so that line numbers stay true.
public func skippingHashLine(_ source: [UInt8]) -> [UInt8] {
  var start = source.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  if start < source.count, source[start] == UInt8(ascii: "#") {
    start = source[start...].firstIndex(of: UInt8(ascii: "\n")) ?? source.count
  }
  return start == 0 ? source : Array(source[start...])
}

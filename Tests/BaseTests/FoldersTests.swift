import Foundation
import Testing

@testable import Base

@Suite struct FoldersTests {
  private func environment(_ variables: [String: String], passwordHome: String? = nil) -> Folders.Environment
  {
    Folders.Environment(variable: { variables[$0] }, passwordHome: { passwordHome })
  }

  @Test func theCacheFolderFollowsTheEnvironment() throws {
    try withTemporaryFolder { folder in
      func cache(_ variables: [String: String]) throws -> String {
        try Folders.cache(environment(variables, passwordHome: folder + "/password"))
      }
      let own = try cache(["PERILUNE_CACHE": folder + "/own", "XDG_CACHE_HOME": folder])
      let shared = try cache(["XDG_CACHE_HOME": folder + "/xdg", "HOME": "/nowhere"])
      let home = try cache(["XDG_CACHE_HOME": "relative", "HOME": folder, "PERILUNE_CACHE": ""])
      let password = try cache(["HOME": ""])
      #expect(own == folder + "/own")
      #expect(shared == folder + "/xdg/perilune")
      #expect(home == folder + "/.cache/perilune")
      #expect(FileManager.default.fileExists(atPath: home))
      #expect(password == folder + "/password/.cache/perilune")
    }
  }

  @Test func aMissingHomeAndAnUnusableFolderAreNamed() {
    let homeless = #expect(throws: Failure.self) { try Folders.cache(environment([:])) }
    #expect(homeless?.message.contains("set PERILUNE_CACHE or HOME") == true)
    let unusable = #expect(throws: Failure.self) {
      try Folders.cache(environment(["PERILUNE_CACHE": "/dev/null/x"]))
    }
    #expect(unusable?.message.contains("cannot use the cache folder /dev/null/x") == true)
  }

  @Test func aPathBeginsInTheHomeFolder() {
    let password = environment(["HOME": ""], passwordHome: "/home/b")
    #expect(
      Folders.expanded("~/runs", environment(["HOME": "/home/a"], passwordHome: "/home/b")) == "/home/a/runs")
    #expect(Folders.expanded("~", password) == "/home/b")
    #expect(Folders.expanded("~a/runs", password) == "~a/runs")
    #expect(Folders.expanded("runs/~/", password) == "runs/~/")
    #expect(Folders.expanded("~/runs", environment([:])) == "~/runs")
  }

  @Test func stateAndSettingsFollowTheSameRule() {
    let home = environment(["HOME": "/home/a", "XDG_STATE_HOME": "relative", "XDG_CONFIG_HOME": "/etc/b"])
    #expect(home.folder("XDG_STATE_HOME", ".local/state") == "/home/a/.local/state/perilune")
    #expect(home.folder("XDG_CONFIG_HOME", ".config") == "/etc/b/perilune")
    #expect(environment([:]).folder("XDG_STATE_HOME", ".local/state") == nil)
  }
}

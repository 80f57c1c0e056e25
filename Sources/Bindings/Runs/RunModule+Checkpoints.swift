/// `perilune.native.run`: checkpoints without the writer of their run.
import Base
import LuaEngine
import Runs

extension RunModule {
  static func addCheckpoints(_ module: inout NativeModule) {
    module.function(
      "seal",
      Page(
        "native.run.seal(path, step)",
        "Makes a folder of files a checkpoint where it stands: the files are synced, and a manifest with the "
          + "size and SHA-256 of each is written.",
        errors: "a file cannot be read or synced; there is a folder in it", also: "native.run.verify",
        example: start + "folder, system = runs .. '/a/whole', require 'perilune.native.system'\n"
          + "system.make_folder(folder)\nrun.seal(folder, 3)\nprint(run.verify(folder))" + end, prints: "3")
    ) { call in
      try CheckpointFolder.seal(try call.string(1), step: try call.integer(2))
      return 0
    }
    module.function(
      "drop",
      Page(
        "native.run.drop(path)",
        "Removes a folder that was to be a checkpoint or a saved run, with its files. Its name ends in `.new-` and a step "
          + "or hexadecimal digits. Nothing where there is none.",
        errors: "the name is another; a file cannot be removed", also: "native.run.seal",
        example: start + "folder, system = runs .. '/a/.new-3', require 'perilune.native.system'\n"
          + "system.make_folder(folder)\nrun.drop(folder)\nprint(system.exists(folder))" + end,
        prints: "false")
    ) { call in
      try CheckpointFolder.drop(folder: try call.string(1))
      return 0
    }
    module.function(
      "verify",
      Page(
        "native.run.verify(path) -> step", "Reads a checkpoint, and compares every file with its manifest.",
        errors: "a file is missing or damaged", also: "native.run.seal",
        example: start + "print((pcall(run.verify, runs .. '/a')))" + end, prints: "false")
    ) { call in
      try call.pushInteger(try CheckpointFolder.verify(folder: try call.string(1)).step)
      return 1
    }
    module.function(
      "newest",
      Page(
        "native.run.newest(path) -> path, damaged",
        "The newest checkpoint of a run that is whole, nil if there is none; and a list of what is wrong with "
          + "newer ones.",
        example: start + "print((run.newest(runs .. '/a')))" + end, prints: "nil")
    ) { call in
      let checkpoints = CheckpointFolder(try call.string(1) + "/checkpoints")
      let (found, damaged) = try checkpoints.newest()
      try call.push(found.map { .string("\(checkpoints.path)/\($0.name)") } ?? .nil)
      try call.push(.list(damaged.map { .string($0) }))
      return 2
    }
  }
}

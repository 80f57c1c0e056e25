/// Help pages of `perilune.system` and of a forked job.
extension SystemModule {
  static let pages = [
    HelpPage(
      "system.clock", "system", "system.clock()",
      "Seconds since the machine started, for differences of time.",
      "system = require 'perilune.system'\nstart = system.clock()\nprint(system.clock() >= start)",
      prints: "true"),
    HelpPage(
      "system.threads", "system", "system.threads(count = nil)",
      "How many threads the kernels use; with a count, sets it first (1 to 256).",
      errors: "the count is no whole number",
      "system = require 'perilune.system'\nprint(system.threads() >= 1)", prints: "true"),
    HelpPage(
      "system.memory", "system", "system.memory() -> live, peak",
      "Bytes of tensors alive, and the most there were at once.",
      "live, peak = require 'perilune.system'.memory()\nprint(peak >= live)", prints: "true"),
    HelpPage(
      "system.write_file", "system", "system.write_file(path, bytes)",
      "Writes a file so that it is complete or not there: beside it first, synced, then renamed.",
      errors: "the file cannot be written; the message names the step",
      "path = os.tmpname()\nrequire 'perilune.system'.write_file(path, 'moon')\nprint(io.open(path):read 'a')\nos.remove(path)",
      prints: "moon"),
    HelpPage(
      "system.make_folder", "system", "system.make_folder(path)",
      "Makes a folder and those above it; one that is there is fine.",
      errors: "a part of the path is a file, or cannot be made",
      "require 'perilune.system'.make_folder '/tmp'\nprint(require 'perilune.system'.exists '/tmp')",
      prints: "true"),
    HelpPage(
      "system.replace_folder", "system", "system.replace_folder(path, finished)",
      "Renames the folder `finished` to `path`; a folder at `path` is exchanged for it in one step and removed. After a "
        + "crash the old folder or the new one is there, complete.",
      errors: "`finished` is no folder, or is on another file system than `path`",
      "system = require 'perilune.system'\npath = os.tmpname()\nos.remove(path)\n"
        + "system.make_folder(path .. '.new')\nsystem.replace_folder(path, path .. '.new')\n"
        + "print(system.exists(path), system.exists(path .. '.new'), os.remove(path))",
      prints: "true\tfalse\ttrue"),
    HelpPage(
      "system.exists", "system", "system.exists(path)", "Whether there is a file or folder of this name.",
      "print(require 'perilune.system'.exists '/no/such/file')", prints: "false"),
    HelpPage(
      "system.list_folder", "system", "system.list_folder(path)",
      "The names of the files and folders in a folder, sorted.",
      errors: "the folder is missing or cannot be read",
      "print(table.concat(require 'perilune.system'.list_folder '/proc/self', ' '):match 'status')",
      prints: "status"),
    HelpPage(
      "system.cache_folder", "system", "system.cache_folder()",
      "Where files that can be made again are kept, made when missing: $PERILUNE_CACHE, else $XDG_CACHE_HOME/perilune, else "
        + "~/.cache/perilune.",
      errors: "none of the three is set, or the folder cannot be made",
      "ok, path = pcall(require 'perilune.system'.cache_folder)\nprint(not ok or #path > 0)", prints: "true"),
    HelpPage(
      "system.sha256", "system", "system.sha256(bytes)", "The SHA-256 of a string, as 64 hexadecimal digits.",
      source: "FIPS 180-4, sec. 6.2", "print(require 'perilune.system'.sha256('abc'):sub(1, 16))",
      prints: "ba7816bf8f01cfea"),
    HelpPage(
      "system.sha256_file", "system", "system.sha256_file(path)",
      "The SHA-256 of a file's bytes, as 64 hexadecimal digits.",
      errors: "the file cannot be read", source: "FIPS 180-4, sec. 6.2",
      "print((pcall(require 'perilune.system'.sha256_file, '/no/such/file')))", prints: "false"),
    HelpPage(
      "system.is_terminal", "system", "system.is_terminal(descriptor = 2)",
      "Whether a file descriptor is a terminal: 0 input, 1 output, 2 errors.",
      "print(type(require 'perilune.system'.is_terminal(1)))", prints: "boolean"),
    HelpPage(
      "system.ended_by_interrupt", "system", "system.ended_by_interrupt()",
      "Says that Ctrl-C ended long work early and what it had is kept: without a prompt the program then ends with 130.",
      "print(require 'perilune.system'.ended_by_interrupt())", prints: ""),
    HelpPage(
      "system.fork", "system", "system.fork(f) -> Job",
      "Runs f(send) in a child process, a copy of this one; send(text) passes a line to the parent. Nothing else is shared.",
      errors:
        "no process can be started. An error of f is told on the child's standard error, and its status is 1",
      "job = require 'perilune.system'.fork(function(send) send(tostring(6 * 7)) end)\n"
        + "repeat lines = job:lines(1) until lines[1]\nprint(lines[1])", prints: "42"),
    HelpPage(
      "system.uniform", "system", "system.uniform(seed, stream, step)",
      "A number uniform in [0, 1): a function of its three arguments alone (stream is a string).",
      source: "Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3 (Philox4x32-10)",
      "uniform = require 'perilune.system'.uniform\nprint(uniform(1, 'coin', 1) == uniform(1, 'coin', 1))",
      prints: "true"),
    HelpPage(
      "system.permutation", "system", "system.permutation(n, seed, stream, step)",
      "The positions 1..n in random order: a function of its arguments alone.", errors: "n is not 0..2^28",
      source: "Fisher & Yates; Philox as system.uniform",
      "p = require 'perilune.system'.permutation(5, 1, 'epoch', 0)\ntable.sort(p)\nprint(table.concat(p, ' '))",
      prints: "1 2 3 4 5"),
  ]
}

extension ForkedJob {
  private static let started = "job = require 'perilune.system'.fork(function(send) send 'hello' end)\n"

  static let pages = [
    HelpPage(
      "Job:lines", "system", "job:lines(seconds = 0)",
      "The whole lines that have come since the last call, after waiting at most some seconds for the first.",
      started + "repeat lines = job:lines(1) until lines[1]\nprint(lines[1])", prints: "hello"),
    HelpPage(
      "Job:status", "system", "job:status()",
      "Nothing while the child runs; then its exit status: 0, 1 after an error, 130 after Ctrl-C, 128 + n after signal n.",
      started + "repeat job:lines(0.01) until job:status()\nprint(job:status())", prints: "0"),
    HelpPage(
      "Job:stop", "system", "job:stop()", "Kills the child if it still runs, and waits for its end.",
      "job = require 'perilune.system'.fork(function() while true do end end)\njob:stop()\nprint(job:status())",
      prints: "137"),
  ]
}

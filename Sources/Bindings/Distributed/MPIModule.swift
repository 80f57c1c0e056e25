/// `perilune.native.mpi`: the processes of a job, and sums over shards that have the same bits for any number of them.
import Autograd
import Base
import Distributed
import LuaEngine
import Optim
import Tensors
import Weights

enum MPIModule {
  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("mpi", group: "distributed") { module in
        module.function(
          "rank",
          Page(
            "mpi.rank()",
            "The number of this process among those that a launcher of MPI started (mpirun -n 4 perilune "
              + "script.lua), from 0. A process without a launcher is a job of one and loads no library.",
            errors: "a launcher started the process and its library cannot be loaded",
            example: "print(require 'perilune.mpi'.rank())", prints: "0")
        ) { call in
          try call.pushInteger(try Processes.current().rank)
          return 1
        }
        module.function(
          "size",
          Page(
            "mpi.size()", "The number of processes of the job; 1 without a launcher.",
            errors: "as for mpi.rank", example: "print(require 'perilune.mpi'.size())", prints: "1")
        ) { call in
          try call.pushInteger(try Processes.current().size)
          return 1
        }
        module.function(
          "library",
          Page(
            "mpi.library()", "\"Open MPI\", \"MPICH\", or \"\" without a launcher.",
            errors: "as for mpi.rank",
            example: "print(#require 'perilune.mpi'.library())", prints: "0")
        ) { call in
          try call.pushString(try Processes.current().library)
          return 1
        }
        module.function(
          "all_gather",
          Page(
            "mpi.all_gather(value) -> list",
            "What every process gave, that of rank r at r + 1. Every process calls it, with a string or a table "
              + "of Tensors by name.",
            errors: "value is neither; MPI fails, as when a process ended",
            example:
              "mpi = require 'perilune.mpi'\nprint(#mpi.all_gather 'here', mpi.all_gather{w = T{1}}[1].w)",
            prints: "1\t[1]\n[Tensor f32 1]"), allGather)
        module.function(
          "waited",
          Page(
            "mpi.waited()",
            "The seconds that this process has spent in exchanges with the others, which are mostly waits for them.",
            errors: "as for mpi.rank", example: "print(require 'perilune.mpi'.waited())", prints: "0.0")
        ) { call in
          try call.pushNumber(try Processes.current().waited)
          return 1
        }
        module.function(
          "watch",
          Page(
            "mpi.watch(seconds, step)",
            "Ends the job if this process waits longer than seconds for the others; 0 waits for ever. step is "
              + "what the message calls the work at hand.", errors: "seconds is negative or not finite",
            example: "print(pcall(require 'perilune.mpi'.watch, -1, 'step 3'))",
            prints: "false\tbad argument #1 to 'watch' (expected seconds from 0, got -1.0)")
        ) { call in
          let seconds = try call.number(1)
          guard seconds >= 0 && seconds.isFinite else {
            throw call.bad(1, "expected seconds from 0, got \(seconds)")
          }
          try Processes.current().watch(seconds: seconds, step: try call.string(2))
          return 0
        }
        module.function(
          "shard_sum",
          Page(
            "mpi.shard_sum(optimizer, shards) -> ShardSum",
            "The gradient of a step as the sum over shards 1 to shards, added in one fixed tree: it has the same "
              + "bits whichever process computes which shard. A process computes neighbouring shards.",
            errors: "there are fewer shards than processes",
            example: start + "print(sum:own())", prints: "1\t2"), shardSum)
      })
    try library.add(shardSumClass())
  }

  private static let start =
    "optim, mpi, w = require 'perilune.optim', require 'perilune.mpi', T({1, 2}, {requires_grad = true})\n"
    + "adam = optim.adamw({w}, {lr = 0.5})\nsum = mpi.shard_sum(adam, 2)\n"

  private static func allGather(_ call: Call) throws -> Int {
    let processes = try Processes.current()
    guard call.kind(1) == .table else {
      try call.push(.list(try processes.allGather(try call.bytes(1)).map { .bytes($0) }))
      return 1
    }
    let own = try call.table(1).tensorsByName { call.bad(1, "expected \($0)") }
    let all = try processes.allGather(try Safetensors(own.sorted { $0.name < $1.name }).encoded())
    try call.push(
      .list(
        all.map { bytes in
          .record(try Safetensors.read(bytes: bytes).tensors.map { ($0.name, .object(Variable($0.tensor))) })
        }))
    return 1
  }

  private static func shardSum(_ call: Call) throws -> Int {
    let optimizer = try call.object(1, as: Optimizer.self)
    try call.pushObject(
      try ShardSum(optimizer.parameters, shards: try call.integer(2), processes: try Processes.current()))
    return 1
  }

  private static func shardSumClass() -> NativeClass<ShardSum> {
    var sum = NativeClass<ShardSum>("ShardSum", group: "distributed")
    sum.method(
      "own",
      Page(
        "sum:own() -> first, last", "The first and the last shard of this process, counted from 1.",
        example: start + "print(sum:own())", prints: "1\t2")
    ) { call, sum in
      try call.pushInteger(sum.own.lowerBound + 1)
      try call.pushInteger(sum.own.upperBound)
      return 2
    }
    sum.method(
      "add",
      Page(
        "sum:add(shard)",
        "Adds the gradients that the parameters hold as those of a shard, and takes them: the parameters have "
          + "none then.",
        errors: "shard is not the next one of this process",
        example: start
          + "for shard = 1, 2 do (w * shard):sum():backward(); sum:add(shard) end\n"
          + "sum:finish()\nprint(w:grad())", prints: "[3, 3]\n[Tensor f32 2]")
    ) { call, sum in
      try sum.add(try call.integer(2))
      return 0
    }
    sum.method(
      "finish",
      Page(
        "sum:finish()",
        "Gives every parameter the gradient of all shards, on every process. Every process calls it.",
        errors: "a shard of this process is not added; MPI fails",
        example: start + "print((pcall(sum.finish, sum)))", prints: "false")
    ) { _, sum in
      try sum.finish()
      return 0
    }
    return sum
  }
}

--- What `scripts/bench/run` measures: the rows, who runs them, and the ratios that are aimed at.
--
-- A row is a list of processes that take turns, and lines of the table about them. A line names which of our processes
-- it is about, the peers whose fastest it is held against, and the goal. Processes of one row may do different work,
-- where the task allows us less: such a line says so in its name, and another one compares like with like.
local folder = arg[0]:match "^(.*)[/\\]" or "."
local turns = dofile(folder .. "/processes.lua")
local quoted <const>, output_of <const> = turns.quoted, turns.output_of

--- Rows and peers, for the options of table.lua and the path of our program.
return function(o, program)
  --- Pins every command to as many cores as are asked for, where there are more: XLA has no other setting.
  local pinned = ""
  if o.threads < (math.tointeger(output_of "nproc") or o.threads) then pinned = ("taskset -c 0-%d "):format(o.threads - 1) end

  --- Settings that pin OpenBLAS to a kernel are for us: NumPy's own copy is to choose as it likes.
  local unset = ""
  for name in output_of("env"):gmatch "%f[^\n\0](OPENBLAS_[%w_]+)=" do unset = unset .. " -u " .. name end

  local function ours(script, what, threads)
    return function(case)
      return ("%s%s %s/%s.lua --what %s --case %s --data %s --threads %d"):format(
        pinned, quoted(program), folder, script, what, case, quoted(o.data), threads or o.threads)
    end
  end

  local function peer(script, what)
    return function(case)
      return ("%senv%s %s %s/peers/%s.py --what %s --case %s --data %s --threads %d"):format(
        pinned, unset, quoted(o.python), folder, script, what, case, quoted(o.data), o.threads)
    end
  end

  -- Processes of peers by the key of their column.
  local scripts = {
    pytorch = "pytorch", compiled = "compiled", jax = "jax_cpu", transformers = "pytorch", ctranslate = "ctranslate",
    trl = "trl_job", trl_kept = "trl_job", numpy = "pytorch",
  }
  local labels = {
    pytorch = "PyTorch", compiled = "torch.compile", jax = "JAX", transformers = "transformers", ctranslate = "CTranslate2",
    trl = "TRL", trl_kept = "TRL, kept", lua = "Lua", python = "Python", numpy = "NumPy",
  }
  local columns = { "pytorch", "compiled", "jax", "transformers", "ctranslate", "trl", "trl_kept", "lua", "python" }

  local function peers(what, keys, special)
    local all = {}
    for i, key in ipairs(keys) do all[i] = { key = key, command = peer(scripts[key], special and special[key] or what) } end
    return all
  end

  local function core(what) return ours("core", what) end
  local function job(what) return ours("job", what) end

  local trainers = { "pytorch", "compiled", "jax" }
  local train_goals, pair_goals = { tiny = 2, small = 1.5, gpt2 = 1.35 }, { tiny = 2, small = 1.6, gpt2 = 1.5 }
  local sample_goals, generate_goals = { tiny = 4, small = 4, gpt2 = 2.8 }, { tiny = 10, small = 6, gpt2 = 4 }
  local samplers = { "pytorch", "jax", "ctranslate" }

  local rows = {
    {
      name = "train", sized = true, unit = "tokens/s", ours = { ours = core "train" }, peers = peers("train", trainers),
      -- The plain products that a step is held against take turns with it.
      products = {
        { label = "Perilune", command = core "sgemm" }, { label = "PyTorch", command = peer("pytorch", "sgemm") },
        { label = "JAX", command = peer("jax_cpu", "sgemm") }, { label = "NumPy", command = peer("pytorch", "numpy_sgemm") },
      },
      lines = { { name = "train", of = "ours", against = trainers, goals = train_goals } },
    },
    {
      name = "logprob_pair", sized = true, unit = "tokens/s", peers = peers("logprob_pair", trainers),
      ours = { ours = core "logprob_pair", answers = core "logprob_pair_answers" },
      lines = {
        { name = "logprob_pair", of = "ours", against = trainers, goals = pair_goals },
        { name = "logprob_pair, ours: answers alone", short = "answers alone", of = "answers", against = trainers, goals = pair_goals },
      },
    },
    {
      name = "logprob_pair_answers", sized = true, unit = "tokens/s", peers = peers("logprob_pair_answers", trainers),
      ours = { ours = core "logprob_pair_answers" },
      lines = { { name = "logprob_pair_answers, all: answers alone", of = "ours", against = trainers } },
    },
    {
      name = "sample", sized = true, unit = "tokens/s", ours = { ours = core "sample", shared = core "sample_shared" },
      peers = peers("sample", { "pytorch", "jax", "transformers", "ctranslate" }, { transformers = "hf_generate" }),
      lines = {
        { name = "sample", of = "ours", against = samplers, goals = sample_goals },
        { name = "sample against generate()", short = "generate()", of = "ours", against = { "transformers" }, goals = generate_goals },
        { name = "sample, ours: four answers a prompt", of = "shared", against = samplers },
      },
    },
    {
      name = "offline", needs_data = true, unit = "ms a step", ours = { ours = job "offline" }, peers = peers("offline", { "trl" }),
      lines = { { name = "offline", of = "ours", against = { "trl" }, goals = 2.5 } },
    },
    {
      name = "offline_kept", needs_data = true, unit = "ms a step", ours = { ours = job "offline_kept" },
      peers = peers("offline", { "trl", "trl_kept" }, { trl_kept = "offline_kept" }),
      lines = {
        { name = "offline_kept against TRL's plain step", short = "offline_kept", of = "ours", against = { "trl" }, goals = 4 },
        { name = "offline_kept against TRL's kept", of = "ours", against = { "trl_kept" } },
      },
    },
    {
      name = "online", needs_data = true, unit = "ms a step", ours = { ours = job "online" }, peers = peers("online", { "trl" }),
      lines = { { name = "online", of = "ours", against = { "trl" }, goals = 4 } },
    },
  }

  local function plain(name, unit, keys)
    rows[#rows + 1] = {
      name = name, unit = unit, ours = { ours = core(name) }, peers = peers(name, keys), lines = { { name = name, of = "ours", against = keys } },
    }
  end
  plain("sgemm", "GFLOP/s", { "pytorch", "jax" })
  plain("call", "ns a call", { "pytorch" })
  plain("op", "ns a call", { "pytorch" })
  rows[#rows + 1] = {
    name = "startup", unit = "ms", once = ("%s -e ''"):format(quoted(program)),
    peers = {
      { key = "lua", once = "lua5.4 -e ''" }, { key = "python", once = (o.python ~= "" and o.python or "python3") .. " -c ''" },
    },
    lines = { { name = "startup", of = "ours", against = { "lua", "python" } } },
  }

  return { rows = rows, labels = labels, columns = columns, ours = ours, peer = peer, pinned = pinned }
end

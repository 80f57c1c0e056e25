--- What `scripts/bench/run` measures: the rows, who runs them, and their goals.
--
-- A row is a list of processes that take turns, and lines of the table about them. A line names which of our
-- processes it is about, the peers whose fastest is compared with it, and the goal. Processes of one row may
-- do different work, where the task allows us less: such a line says so in its name, and another one compares
-- like with like.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local quoted <const> = dofile(folder .. "/processes.lua").quoted

local rows = {}

--- The heads of the columns, by the key of a peer.
rows.labels = {
  pytorch = "PyTorch", compiled = "torch.compile", jax = "JAX", transformers = "transformers",
  ctranslate = "CTranslate2", trl = "TRL", trl_kept = "TRL, kept", peft = "peft", lua = "Lua",
  python = "Python", numpy = "NumPy", llama = "llama.cpp", ctranslate_int8_ = "CTranslate2, int8",
}

--- Goals of a training step: its share of the best plain product, percent.
rows.shares = { tiny = 80, small = 85, gpt2 = 85 }

--- The keys of the peers, in the order of the columns.
rows.columns = { "pytorch", "compiled", "jax", "transformers", "ctranslate", "ctranslate_int8_", "llama",
  "trl", "trl_kept", "peft", "lua", "python" }

--- The script of each peer.
local scripts <const> = {
  pytorch = "pytorch", compiled = "compiled", jax = "jax_cpu", transformers = "pytorch",
  ctranslate = "ctranslate",
  trl = "trl_job", trl_kept = "trl_job", peft = "peft_lora", numpy = "pytorch",
}

local trainers <const> = { "pytorch", "compiled", "jax" }
local samplers <const> = { "pytorch", "jax", "ctranslate" }

--- The processes of peers for a row; `special` names another row of their script.
local function peers(commands, what, keys, special)
  local all = {}
  for i, key in ipairs(keys) do
    all[i] = { key = key, command = commands.peer(scripts[key], special and special[key] or what) }
  end
  return all
end

local function training(commands)
  local core, peer = function(what) return commands.ours("core", what) end, commands.peer
  local pair_goals = { tiny = 2.2, small = 1.6, gpt2 = 1.5 }
  return {
    {
      name = "train", sized = true, unit = "tokens/s", ours = { ours = core "train" },
      peers = peers(commands, "train", trainers),
      -- Plain matrix products take turns with the step that is compared with them.
      products = {
        { label = "Perilune", command = core "sgemm" },
        { label = "PyTorch", command = peer("pytorch", "sgemm") },
        { label = "JAX", command = peer("jax_cpu", "sgemm") },
        { label = "NumPy", command = peer("pytorch", "numpy_sgemm") },
      },
      lines = {
        { name = "train", of = "ours", against = trainers, goals = { tiny = 2, small = 1.6, gpt2 = 1.5 } },
      },
    },
    {
      name = "logprob_pair", sized = true, unit = "tokens/s",
      peers = peers(commands, "logprob_pair", trainers),
      ours = { ours = core "logprob_pair", answers = core "logprob_pair_answers" },
      lines = {
        { name = "logprob_pair", of = "ours", against = trainers, goals = pair_goals },
        {
          name = "logprob_pair, ours: answers alone", short = "answers alone", of = "answers",
          against = trainers,
          goals = pair_goals,
        },
      },
    },
    {
      name = "logprob_pair_answers", sized = true, unit = "tokens/s",
      peers = peers(commands, "logprob_pair_answers", trainers),
      ours = { ours = core "logprob_pair_answers" },
      lines = { { name = "logprob_pair_answers, all: answers alone", of = "ours", against = trainers } },
    },
  }
end

local function sampling(commands)
  local core = function(what) return commands.ours("core", what) end
  return {
    {
      name = "sample", sized = true, unit = "tokens/s",
      ours = { ours = core "sample", shared = core "sample_shared" },
      peers = peers(commands, "sample", { "pytorch", "jax", "transformers", "ctranslate" },
        { transformers = "hf_generate" }),
      lines = {
        { name = "sample", of = "ours", against = samplers, goals = { tiny = 4, small = 4, gpt2 = 2.8 } },
        {
          name = "sample against generate()", short = "generate()", of = "ours", against = { "transformers" },
          goals = { tiny = 10, small = 6, gpt2 = 4 },
        },
        { name = "sample, ours: four answers a prompt", of = "shared", against = samplers },
      },
    },
  }
end

--- A real model of a GGUF file, with its weights as in the file and as f32.
local function frozen(commands)
  local function row(count)
    local all = {}
    for i, key in ipairs { "llama", "llama_f32_", "transformers", "ctranslate", "ctranslate_int8_" } do
      all[i] = { key = key, command = commands.peer("frozen", key .. count) }
    end
    local name = "frozen" .. count
    return {
      name = name, needs_model = true, unit = "tokens/s", peers = all,
      ours = { ours = commands.ours("frozen", "quantized" .. count),
        f32 = commands.ours("frozen", "f32_" .. count) },
      lines = {
        { name = name .. ": the file's blocks", of = "ours", against = { "llama" }, goals = 1.5 },
        { name = name .. ": f32", of = "f32", against = { "llama_f32_", "transformers", "ctranslate" },
          goals = 1.5 },
        { name = name .. ": the file's blocks beside eight bits", of = "ours",
          against = { "ctranslate_int8_" } },
      },
    }
  end
  return { row "16", row "64" }
end

--- Steps of the whole job, ours and TRL's.
local function jobs(commands)
  local function row(name, of_peers, lines)
    return {
      name = name, needs_data = true, unit = "ms a step", ours = { ours = commands.ours("job", name) },
      peers = of_peers, lines = lines,
    }
  end
  local function against_trl(name, goal)
    return { name = name, of = "ours", against = { "trl" }, goals = goal }
  end
  local both = peers(commands, "offline", { "trl", "trl_kept" }, { trl_kept = "offline_kept" })
  return {
    row("offline", peers(commands, "offline", { "trl" }), { against_trl("offline", 3) }),
    row("offline_kept", both, {
      {
        name = "offline_kept against TRL's plain step", short = "offline_kept", of = "ours",
        against = { "trl" },
        goals = 4,
      },
      { name = "offline_kept against TRL's kept", of = "ours", against = { "trl_kept" } },
    }),
    row("online", peers(commands, "online", { "trl" }), { against_trl("online", 5) }),
  }
end

--- A step of LoRA on a real model, ours and that of peft on transformers.
local function adapters(commands)
  return {
    {
      name = "lora", needs_folder = true, unit = "ms a step", ours = { ours = commands.ours("lora", "lora") },
      peers = peers(commands, "lora", { "peft" }),
      lines = { { name = "lora", of = "ours", against = { "peft" }, goals = 1.5 } },
    },
  }
end

--- A plain product, a call, a small operation, and the start of the program.
local function small(o, program, commands)
  local function row(name, unit, keys)
    return {
      name = name, unit = unit, ours = { ours = commands.ours("core", name) },
      peers = peers(commands, name, keys),
      lines = { { name = name, of = "ours", against = keys } },
    }
  end
  local python = o.python ~= "" and o.python or "python3"
  return {
    row("sgemm", "GFLOP/s", { "pytorch", "jax" }), row("call", "ns a call", { "pytorch" }),
    row("op", "ns a call", { "pytorch" }),
    row("read", "ns a call", { "pytorch" }), row("write", "ns a call", { "pytorch" }),
    {
      name = "startup", unit = "ms", once = ("%s -e ''"):format(quoted(program)),
      peers = { { key = "lua", once = "lua5.4 -e ''" }, { key = "python", once = python .. " -c ''" } },
      lines = { { name = "startup", of = "ours", against = { "lua", "python" } } },
    },
  }
end

--- All rows, for the options of table.lua, the path of our program, and the commands.
function rows.list(o, program, commands)
  local list = {}
  for _, part in ipairs { training(commands), sampling(commands), frozen(commands),
    jobs(commands), adapters(commands), small(o, program, commands) } do
    table.move(part, 1, #part, #list + 1, list)
  end
  return list
end

return rows

--- The figures of Tang et al. 2024 (arXiv:2405.08448), one script each in `scripts/paper`.
--
--   paper.figure {
--     name = "fig04_coverage", arguments = arg,
--     question = "Is it the data that an online run saw, or the order in which it saw them?",
--     found = "Shuffled, the online run's data give little more than offline data.",
--     variants = function(make) return { make.online(), make.replay "all", make.offline() } end,
--     claims = function(claims) return { claims.peak("online", "shuffled") } end,
--   }
--
-- A script takes the options of every experiment, those of its own, and the sizes `--smoke` (20 seconds),
-- `--quick` (5 minutes) and `--full` (overnight). Its report has the figure, the table, and what became of
-- the paper's findings; `verdict.json` beside it is what `paper.page` reads. Runs are shared between figures
-- in the folder `--runs`.
local claims = require "perilune.align.claims"
local cli = require "perilune.cli"
local experiment = require "perilune.align.experiment"
local flags = require "perilune.cli.flags"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local pages = require "perilune.paper.page"
local place = require "perilune.paper.place"
local plain = require "perilune.plain"
local settings = require "perilune.paper.settings"
local processor = require "perilune.processor"
local system = require "perilune.system"
local variants = require "perilune.paper.variants"

local paper = { claims = claims, settings = settings, variants = variants }

--- Options of every figure, over those of every experiment.
local entries <const> = {
  { "lr", "", "learning rates, separated by commas; unless given those of the task's runs" },
  { "beta", "", "betas, separated by commas; unless given those of the task's runs" },
  { "steps", 0, "optimiser steps of each run; 0 for the task's",
    least = 0, most = limits.steps, smoke = 6, quick = 200 },
  { "outer_seeds", 5, "repetitions of the whole pipeline: start, golden pairs, proxy, golden policy",
    least = 1, most = limits.repetitions, smoke = 1, quick = 2, full = 12, pretrained = 1 },
  { "seeds", 1, "runs of each setting in each repetition", least = 1, most = limits.repetitions, full = 2 },
  { "prompts", 256, "training prompts of win rate and KL",
    least = 2, most = limits.rows, smoke = 16, quick = 128, full = 512,
    pretrained = 48 },
  { "runs", "out/paper/runs", "folder of the runs, shared by all figures", folder = true,
    smoke = "out/paper_smoke/runs" },
  { "repetition", 0, "only this repetition is trained, without a report: for an array of jobs; 0 for all",
    least = 0, most = limits.repetitions },
}

local spec = options.spec("paper.figure", {
  { "name", options.required "string", "name of the script and of its folder" },
  { "arguments", options.required "table", "the command line" },
  { "question", options.required "string", "what it asks" },
  { "found", options.required "string", "what the paper found" },
  { "place", options.optional "string", "where it runs, such as \"small worlds\"; unless given the task" },
  { "variants", options.required "function", "function(make, o): list of variants, see paper.variants" },
  { "claims", options.required "function", "function(claims, o): list of claims, see align.claims" },
  { "options", options.optional "table", "entries of its own, or others' with another default" },
  { "after", options.optional "function", "as in experiment.compare" },
  { "section", options.optional "function", "as in experiment.compare" },
  { "stage", options.optional "function", "as in experiment.compare" },
  { "notes", options.optional "table", "sentences for the report" },
})

--- The options of a figure's script from its command line, and their spec.
local function parse(o)
  local out = { "out", "out/paper/" .. o.name, "folder of the reports, each in the folder of its task",
    folder = true, smoke = "out/paper_smoke/" .. o.name }
  local list, at = {}, {}
  for _, part in ipairs { entries, { out }, o.options or {} } do
    for _, entry in ipairs(part) do
      at[entry[1]] = at[entry[1]] or #list + 1
      list[at[entry[1]]] = entry
    end
  end
  return experiment.parse(o.arguments, ("%s.lua: %s"):format(o.name, o.question), list)
end

--- The variants of a figure. A wrong value of one of its own options ends the script with one line that says
-- so, before anything is trained.
local function variants_of(all, o)
  for _, entry in ipairs(all.options or {}) do
    local name, default = entry[1], entry[2]
    if o[name] == "" and default ~= "" then
      cli.refuse("%s is empty; unless given it is %s", flags.of(name), default)
    end
  end
  return cli.checked(function() return all.variants(variants.of(o), o) end)
end

--- A page that also keeps what is added to it in the list `parts`, as plain data: figures, tables and texts.
local function kept_page(page, parts)
  local function keep(kind, make)
    return function(_, ...)
      page[kind](page, ...)
      parts[#parts + 1] = make(...)
      parts[#parts].kind = kind
    end
  end
  return {
    figure = keep("figure", function(figure, caption) return { svg = figure:svg(), caption = caption } end),
    table = keep("table", function(made)
      return { header = made.header, rows = made.rows, caption = made.caption }
    end),
    text = keep("text", function(text) return { text = text } end),
  }
end

--- Runs a figure: its variants, the report, and the verdict. Gives what experiment.compare gives.
--
-- The report of a call with other settings than the one before it is in a folder beside that one's, which is
-- chosen when the report is written: calls at the same time have one each. With `--repetition` there is none,
-- and it gives nil.
--
-- Errors: an option is missing or unknown; what experiment.compare refuses.
--
--   > local paper = require "perilune.paper"
--   > paper.figure {}
--   paper.figure: option 'name' is missing; expected a string
function paper.figure(given)
  local all = spec:fill(given)
  local o, spec_of_o = parse(all)
  local own, parts = place.command(all.name, o, spec_of_o), {}
  local usual = ("%s/%s"):format(o.out, all.place and pages.no_task or o.task)
  --- Chooses the folder of the report, and says so where it is another one than before and not the usual one.
  local function choose()
    local folder, before = place.folder(usual, own, all.name, spec_of_o)
    if before and folder ~= o.out then
      io.stderr:write(("%s is of `%s`: this report is in %s\n"):format(usual, before, folder))
    end
    o.out = folder
    return folder
  end
  choose()
  local made = experiment.compare {
    title = ("%s: %s"):format(all.name, all.place or o.task), family = "paper", options = o,
    notes = all.notes,
    folder = function()
      place.reserve(choose(), own)
      return o.out
    end,
    variants = variants_of(all, o), after = all.after, stage = all.stage,
    section = all.section and function(page, ...) all.section(kept_page(page, parts), ...) end,
    claims = function(findings) return all.claims(claims, o, findings) end,
  }
  if not made then return nil end
  local record = {
    name = all.name, task = o.task, place = all.place, size = o.size,
    question = all.question, found = all.found,
    verdicts = made.verdicts, header = made.header, rows = made.rows, caption = made.caption,
    outer_seeds = o.outer_seeds, beside = made.beside,
    parts = parts, date = os.date "%Y-%m-%d",
    processor = ("%s, %d cores"):format(processor.name(), system.threads()),
    command = own,
  }
  system.write_file(o.out .. "/verdict.json", plain.encode(record, all.name) .. "\n")
  place.release(o.out)
  return made
end

return options.strict("paper", paper)

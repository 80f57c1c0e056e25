--- The table of all losses, made from their definitions: for `help "align.loss"` and for docs/losses.md.
--
--   perilune -e 'require("perilune.align.loss_table").write "docs/losses.md"'
local loss = require "perilune.align.loss"
local options = require "perilune.options"
local system = require "perilune.system"
local text_table = require "perilune.align.evaluate.text_table"

local loss_table = {}

--- A source as text: its name and the options that the loss gives it.
local function source_text(source)
  local names, texts = {}, {}
  for name in pairs(source) do
    if name ~= "name" then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do texts[i] = ("%s = %s"):format(name, tostring(source[name])) end
  return source.name .. (#texts > 0 and (" { %s }"):format(table.concat(texts, ", ")) or "")
end

--- Columns that sources give; what else a loss with `prepare` reads is set there.
local given <const> = {
  label = true, group = true, reward = true, rewards = true, reference_rewards = true, old_logps = true,
  sampling_logps = true, writer = true, role = true, gold = true, finished = true,
}

--- What a loss reads with its default options: its own names, and whether it reads the reference.
local function reads_of(one)
  local names, seen, reference = {}, {}, false
  for _, list in ipairs { one.prepare_reads, one.reads } do
    for _, name in ipairs(list) do
      local of_reference = name:match "^ref_(.*)$"
      if of_reference and loss.outputs[of_reference] then reference = true end
      local own = of_reference or name
      local is_read = loss.outputs[own] or given[own] or not one.definition.prepare
      if is_read and not seen[own] then seen[own], names[#names + 1] = true, own end
    end
  end
  return names, reference
end

--- What a loss says of itself, see `loss_table.rows`.
local function row_of(make)
  local one = make {}
  local reads, reference = reads_of(one)
  return {
    name = make.name, reads = reads, reference = reference, per = one.per, splits = one.splits,
    source = source_text(make.source), offline = make.offline, paper = make.paper, trl = make.trl,
  }
end

--- The losses in the order of their names, each { name, reads, reference, per, splits, source, offline,
-- paper, trl }: `reads` a list, `reference` whether it reads the reference, both with default options.
--
--   > local loss_table = require "perilune.align.loss_table"
--   > for _, row in ipairs(loss_table.rows()) do
--   >>   if row.name == "dpo" then print(row.per, row.reference, row.splits, row.source) end
--   >> end
--   pair	true	true	online
function loss_table.rows()
  local rows = {}
  for i, name in ipairs(loss.names()) do rows[i] = row_of(loss[name]) end
  return rows
end

--- `text` in lines of at most `width` characters, each after `indent`.
local function wrapped(text, indent, width)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line > 0 and #indent + #line + 1 + #word > width then lines[#lines + 1], line = indent .. line, "" end
    line = #line > 0 and line .. " " .. word or word
  end
  lines[#lines + 1] = indent .. line
  return table.concat(lines, "\n")
end

local function yes(value) return value and "yes" or "no" end

--- What the help of one loss shows besides its options: paper, TRL, unit, what it reads, and its source.
--
--   > local bo2 = require "perilune.align.loss".bo2
--   > print(require "perilune.align.loss_table".page(bo2))
--   paper      Tang et al. 2024, arXiv:2405.08448, eq. 3
--   TRL        none; its SFT takes the mean over the tokens of a batch, see sft
--   unit       pair; 8 pieces of a batch give the step of 1
--   reads      logps
--   source     online
function loss_table.page(make)
  local row = row_of(make)
  local splits = row.splits and "8 pieces of a batch give the step of 1" or "a batch cannot be divided"
  local lines = {}
  local function add(title, text)
    if text ~= "" then lines[#lines + 1] = ("%-10s %s"):format(title, text) end
  end
  add("paper", row.paper)
  add("TRL", row.trl)
  add("unit", ("%s; %s"):format(row.per, splits))
  add("reads", table.concat(row.reads, ", ") .. (row.reference and ", and those of the reference" or ""))
  add("source", row.source)
  add("offline", row.offline)
  return table.concat(lines, "\n")
end

--- The table as text: of each loss a line, then paper, TRL, and what stands for it offline.
function loss_table.text()
  local rows, cells = loss_table.rows(), {}
  for i, row in ipairs(rows) do
    cells[i] = {
      row.name, row.per, yes(row.reference), yes(row.splits), table.concat(row.reads, " "), row.source,
    }
  end
  local header = { "loss", "unit", "reference", "splits", "reads", "source online" }
  local lines, i = {}, 0
  for line in text_table(header, cells):gmatch "[^\n]+" do
    lines[#lines + 1] = line
    local row = rows[i]
    if row then
      local origin = row.paper .. (row.trl ~= "" and ". TRL: " .. row.trl or "")
      if row.offline ~= "" then origin = ("%s. Offline: %s"):format(origin, row.offline) end
      lines[#lines + 1] = wrapped(origin, "    ", 110)
    end
    i = i + 1
  end
  lines[#lines + 1] = "reference: whether it reads it, with default options"
  lines[#lines + 1] = "splits: whether 8 pieces of a batch give the step of 1"
  return table.concat(lines, "\n")
end

--- A paper with its arXiv id as a link.
local function linked(paper)
  return (paper:gsub("arXiv:(%d+%.%d+)", "[arXiv:%1](https://arxiv.org/abs/%1)"))
end

--- The table as Markdown.
function loss_table.markdown()
  local lines = {
    "| loss | unit | reference | splits | source online | paper |", "|---|---|---|---|---|---|",
  }
  for _, row in ipairs(loss_table.rows()) do
    lines[#lines + 1] = ("| `%s` | %s | %s | %s | %s | %s |"):format(
      row.name, row.per, yes(row.reference), yes(row.splits), row.source, linked(row.paper))
  end
  return table.concat(lines, "\n")
end

-- What is around the table in a file.
local before <const>, after <const> = "<!-- losses -->\n", "\n<!-- end of losses -->"

--- The text of a file with the table of today between its marks. Errors: it has no marks.
function loss_table.updated(text)
  local _, from = text:find(before, 1, true)
  local to = from and text:find(after, from, true)
  if not to then error("loss_table: the text has no marks <!-- losses -->, <!-- end of losses -->", 2) end
  return text:sub(1, from) .. loss_table.markdown() .. text:sub(to)
end

--- Writes the table of today into a file with its marks, such as docs/losses.md.
function loss_table.write(path)
  local file <close> = assert(io.open(path, "rb"))
  system.write_file(path, loss_table.updated(file:read "a"))
end

return options.strict("align.loss_table", loss_table)

--- Claims: what a paper found, as tests whose rule is set before the numbers are seen.
--
--   local claims = align.claims
--   local list = {
--     claims.peak("online", "offline", { expect = "above", paper = "online's peak is higher" }),
--     claims.at_kl("online", "offline", 4, { expect = "above" }),
--     claims.fall("online", { expect = "above", paper = "online rises and falls" }),
--   }
--   local verdicts = claims.judge(list, sides)
--
-- A claim expects a number to be "above" 0, "below" 0, or "equal" to 0 within its `margin` (0.05). A
-- difference below the margin is none. By its 95 % interval a claim
--
--   "equal"   holds within the margin, and does not hold wholly outside of it
--   "above"   holds above 0, and does not hold below the margin
--   "below"   holds below 0, and does not hold above minus the margin
--
-- and else it is not resolved at this size: the verdict says how many repetitions would resolve it. An
-- interval between 0 and the margin does not hold either. "not above" and "not below" hold where "above" and
-- "below" do not, and the other way round.
--
-- Intervals are those of `align.evaluate.bootstrap`, over repetitions, seeds and prompts together; those of
-- numbers that are no win rates (`value`, `change`, `since_peak`, `beyond_peak`, `at_end`) are Student's,
-- over repetitions alone. With one repetition no claim is resolved, nor is a finding that was measured in
-- fewer than half of them. They are not corrected for the number of claims.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local checks = require "perilune.align.claims.check"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local kinds = require "perilune.align.claims.kinds"
local options = require "perilune.options"
local reading = require "perilune.align.compare.sides"
local rule = require "perilune.align.claims.rule"

local claims = {}
for name, kind in pairs(kinds) do claims[name] = kind end

--- The number and its interval, and of how many of `all` repetitions it is.
local function shown(found, all)
  local count = #found.values
  if count < 2 then return all > 1 and ("%.3f (1 of %d)"):format(found.mean, all) or interval.text(found) end
  local text = interval.text(found) .. (found.note or "")
  return count < all and ("%s (%d of %d)"):format(text, count, all) or text
end

--- The largest number of repetitions of a side.
local function repetitions(sides)
  local most = 0
  for _, side in ipairs(sides) do
    most = math.max(most, bootstrap.repetitions(side.by_seed))
  end
  return most
end

--- The bootstrap draws of sides, for whole lists of prompts and for halves of them.
local function resampling_of(sides, draws)
  local whole = frontier.resampling_of(sides, draws)
  return { whole = whole, halved = whole:halved() }
end

--- Refuses what is no list of claims, and claims about sides that are not among `labels`. A claim of
-- `claims.value` names none beforehand.
--
--   > claims.check({ claims.peak("online", "shufled") }, { "online", "shuffled" })
--   align.claims: there is no side 'shufled'; did you mean 'shuffled'?
function claims.check(list, labels)
  checks.list(list)
  local known = {}
  for _, label in ipairs(labels) do known[label] = true end
  for _, claim in ipairs(list) do
    for _, about in ipairs(claim.about) do
      for _, label in ipairs(type(about) == "table" and about or { about }) do
        if not known[label] then
          error(("align.claims: there is no side '%s'; %s"):format(
            tostring(label), options.suggest(tostring(label), labels)), 0)
        end
      end
    end
  end
end

--- Several sides as one: the runs of each seed that all of them have, pooled as those of several settings.
local function pooled(sides)
  local list = {}
  for i, item in ipairs(frontier.paired(table.unpack(sides))) do
    list[i] = { outer = item.outer }
    for s = 1, #sides do table.move(item[s], 1, #item[s], #list[i] + 1, list[i]) end
  end
  return list
end

--- Judges claims by the sides of a comparison: { label =, by_seed = } as in `evaluate.report`. `results` is
-- passed to the claims of `claims.value`. Gives a list of { name, paper, by, kind, verdict, mean, low, high,
-- seeds, values, text }; the verdict is "holds", "does not hold", "not resolved" or "not measured".
--
-- Errors: `list` is no list of claims; a side is one that align.compare refuses; a claim names a side that is
-- not there, or has a value that is not finite.
--
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function run(win) return { point(1, 1, win), point(2, 3, win) } end
--   > local sides = { { label = "online", by_seed = { { run(0.7) }, { run(0.8) } } },
--   >>   { label = "offline", by_seed = { { run(0.5) }, { run(0.6) } } } }
--   > local function kl(at) return at.kl end
--   > local function mine() return { 0.1, 0.2 } end
--   > local function last(item, win) return win(item[1][1][2]) end
--   > local list = { claims.peak("online", "offline"), claims.at_kl("online", "offline", 2),
--   >>   claims.on_average("online", "offline"), claims.fall("online", { expect = "equal" }),
--   >>   claims.quantile("online", "offline"), claims.change("online", "KL", kl, { unit = "nats" }),
--   >>   claims.at_end("online", "offline", "KL", kl), claims.value("mine", mine),
--   >>   claims.falls("online", "offline"), claims.since_peak("online", "KL", kl),
--   >>   claims.interaction { "online", "offline", "online", "online" }, claims.past_peak "online",
--   >>   claims.pooling "online", claims.meanwhile("offline", "online"),
--   >>   claims.beyond_peak("online", "KL", kl), claims.measure("the end", { "online" }, last),
--   >>   claims.even_peak("online", "offline") }
--   > local verdicts = claims.judge(list, sides)
--   > verdicts[1].verdict, #verdicts, ("%.1f"):format(verdicts[11].mean)
--   holds	17	0.2
--   > #claims.cells(verdicts)
--   4
function claims.judge(list, sides, results)
  checks.list(list)
  local read, by_label = reading.read(sides, 1, "align.claims"), {}
  for _, side in ipairs(read) do by_label[side.label] = side.by_seed end
  local side_of
  function side_of(label)
    if type(label) == "table" then
      local all = {}
      for i, one in ipairs(label) do all[i] = side_of(one) end
      return pooled(all)
    end
    if not by_label[label] then
      error(("align.claims: there is no side '%s'; %s"):format(label, options.suggest(label, by_label)), 0)
    end
    return by_label[label]
  end
  local resampling, verdicts, all = resampling_of(read, 300), {}, repetitions(read)
  for i, o in ipairs(list) do
    local found = o.estimate(side_of, resampling, results)
    if found and #found.values < 2 then found.low, found.high = -math.huge, math.huge end
    local verdict = {
      name = o.name, paper = o.paper, by = o.by, kind = o.kind, expect = o.expect,
      margin = o.margin, verdict = "not measured",
    }
    if found then
      local is_rare = 2 * #found.values < all
      verdict.verdict = is_rare and "not resolved" or rule.verdict(o, found)
      verdict.mean, verdict.seeds, verdict.values = found.mean, found.seeds, found.values
      if #found.values > 1 then verdict.low, verdict.high = found.low, found.high end
      verdict.is_rare = is_rare or nil
      verdict.text = shown(found, all) .. (o.unit ~= "" and " " .. o.unit or "")
      if is_rare and #found.values > 1 then
        verdict.remedy = ("it was measured in %d of %d repetitions"):format(#found.values, all)
      elseif verdict.verdict == "not resolved" then
        verdict.remedy = rule.remedy(o, found)
      end
    else
      verdict.missing = o.missing
    end
    verdicts[i] = verdict
  end
  return verdicts
end

-- Who found what a claim says, unless it is said.
local the_paper <const> = options.specs["align.claims"].by_name.by.default

-- The size below which a difference is none, unless a claim has one of its own.
claims.margin = options.specs["align.claims"].by_name.margin.default

--- Whether a verdict is on a finding of Tang et al. 2024, and not of others or of nobody.
--
--   > local of_others = { paper = "A KL gains.", by = "Song et al. 2024" }
--   > claims.is_of_paper { paper = "It falls.", by = "Tang et al." }, claims.is_of_paper(of_others)
--   true	false
function claims.is_of_paper(verdict)
  return (verdict.paper or "") ~= "" and (verdict.by or the_paper) == the_paper
end

--- What was found before, as a cell: who found it stands before it where it is not the paper.
local function found_before(one)
  if (one.paper or "") == "" then return "-" end
  return claims.is_of_paper(one) and one.paper or ("%s: %s"):format(one.by, one.paper)
end

--- What a verdict is called. Of a number that nobody has found before nothing holds: it is above 0, below 0,
-- or not found, where the interval has 0.
--
--   > claims.called { verdict = "holds", paper = "It falls.", low = 0.1, high = 0.2 }
--   holds
--   > claims.called { verdict = "holds", low = 0.1, high = 0.2 }
--   above 0
function claims.called(one)
  if not one.low or (one.paper or "") ~= "" then return one.verdict end
  if one.is_rare then return "not resolved" end
  return one.low > 0 and "above 0" or one.high < 0 and "below 0" or "not found"
end

--- The words of a verdict: what it is called, and what would resolve it or why there is no number.
local function words(one)
  local text = claims.called(one)
  local holds_0 = one.low and one.low <= 0 and one.high >= 0
  if text == "does not hold" and holds_0 then
    local side = one.expect == "below" and "above -%.2g" or "below %.2g"
    local stays = "%s: not found, the interval holds 0 and stays " .. side
    return stays:format(text, one.margin or claims.margin)
  end
  if one.remedy and (text == "not found" or text == one.verdict) then
    return ("%s at this size: %s"):format(text, one.remedy)
  end
  return one.missing and ("%s: %s"):format(text, one.missing) or text
end

--- Header and rows of a table of verdicts. Findings of others than Tang et al. 2024 begin with their names.
--
--   > local of_others = { paper = "A KL gains.", by = "Song et al. 2024", name = "KL", verdict = "holds" }
--   > select(2, claims.cells { of_others })[1][1]
--   Song et al. 2024: A KL gains.
function claims.cells(verdicts)
  local rows = {}
  for i, one in ipairs(verdicts) do
    rows[i] = { found_before(one), one.name, one.text or "-", words(one) }
  end
  return { "the paper or others found", "measured", "value, 95 %", "verdict" }, rows
end

return options.strict("align.claims", claims)

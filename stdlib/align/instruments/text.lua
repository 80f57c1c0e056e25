--- What responses look like, own ones and those of the data, from their token ids alone.
--
--   text/own_length, text/data_length          tokens of a response
--   text/own_ended, text/data_ended            share of the responses that a stop token ends
--   text/own_distinct_2, text/data_distinct_2  different runs of 2 tokens over all runs of 2; also of 1 and 3
--   text/own_equal, text/data_equal            share of the pairs whose two responses are the same
--   text/own_edit, text/data_edit              edits that make one response of a pair the other, over the
--                                              tokens of the longer one
--
-- Distinct n-grams: Li et al. 2016, arXiv:1510.03055, sec. 5.1. An edit inserts, removes or replaces a token.
local edits = require "perilune.align.edits"
local instruments = require "perilune.align.instruments"

local function add_distinct(m, name, responses)
  for n = 1, 3 do
    local seen, different, all = {}, 0, 0
    for _, ids in ipairs(responses) do
      for i = 1, #ids - n + 1 do
        local gram = table.concat(ids, " ", i, i + n - 1)
        if not seen[gram] then
          seen[gram], different = true, different + 1
        end
        all = all + 1
      end
    end
    m:add(("%s_distinct_%d"):format(name, n), different, all)
  end
end

--- Adds the figures of responses; where they are `paired`, 2i - 1 and 2i are a pair.
local function add(m, name, responses, stop, paired)
  local is_stop = {}
  for _, id in ipairs(stop) do is_stop[id] = true end
  for i, ids in ipairs(responses) do
    m:add(name .. "_length", #ids, 1)
    if #stop > 0 then m:add(name .. "_ended", is_stop[ids[#ids]] and 1 or 0, 1) end
    local other = paired and i % 2 == 1 and responses[i + 1]
    if other then
      local count = edits(ids, other)
      m:add(name .. "_equal", count == 0 and 1 or 0, 1)
      m:add(name .. "_edit", count, math.max(#ids, #other))
    end
  end
  add_distinct(m, name, responses)
end

return instruments.define {
  name = "text",
  evaluation = function(context, _, m)
    local stop = context.drawing.stop
    add(m, "text/own", context.own:responses(), stop, true)
    add(m, "text/data", context.data:responses(), stop, context.batch:has_pairs())
  end,
}

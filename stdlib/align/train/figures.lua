--- What a step logs, under TRL's names, each as a sum and a count.
local figures = {}

--- Figures of a batch of pairs. `beta` scales the rewards: the loss's own, or 1.
local function add_pairs(m, piece, beta)
  local chosen, rejected = piece.chosen:detach(), piece.rejected:detach()
  m:add_all("logps/chosen", chosen)
  m:add_all("logps/rejected", rejected)
  if piece.ref_chosen then
    local c, r = chosen - piece.ref_chosen, rejected - piece.ref_rejected
    m:add_all("rewards/chosen", c * beta)
    m:add_all("rewards/rejected", r * beta)
    m:add_all("rewards/margins", (c - r) * beta)
    m:add_all("rewards/accuracies", (c:gt(r):to("f32") + c:ge(r):to("f32")) / 2)
    m:add_all("log_ratios/chosen", c)
    m:add_all("log_ratios/rejected", r)
  end
end

local function add_rows(m, piece)
  local logps = piece:sums("logps"):detach()
  m:add_all("logps", logps)
  if piece.ref_logps then m:add_all("log_ratios", logps - piece:sums "ref_logps") end
end

--- Adds losses or figures of `count` units: one each, or their mean.
local function add_units(m, name, values, count)
  if values:numel() == 1 then return m:add(name, values:item() * count, count) end
  m:add_all(name, values)
end

--- Adds the figures of a piece of a batch. `found` is a list of { term, losses, own } for the terms of the
-- loss; a figure of its own is a number, or a tensor of which the mean over all pieces is logged. Where the
-- loss has several terms, those of a term are logged under its name.
function figures.add(m, piece, found)
  for _, f in ipairs(found) do
    local prefix = #found > 1 and f.term.loss.name .. "/" or ""
    local count = f.term.loss:count(piece)
    add_units(m, prefix .. "loss", f.losses:detach(), count)
    for name, value in pairs(f.own or {}) do
      if type(value) == "userdata" then
        add_units(m, prefix .. name, value:detach(), count)
      else
        m:add(prefix .. name, value, 1)
      end
    end
  end
  if piece.age then m:add_all("age/steps", piece.age) end
  if piece.age_nats then m:add_all("age/nats", piece.age_nats) end
  if piece:has_pairs() then
    if piece.true_label then
      m:add_all("labels/accuracies", piece.true_label:narrow(1, 1, #piece))
    end
    if piece.logps then add_pairs(m, piece, tonumber(found[1].term.loss.options.beta) or 1) end
    m:add_all("lengths/chosen", piece.chosen_lengths)
    m:add_all("lengths/rejected", piece.rejected_lengths)
  else
    if piece.logps then add_rows(m, piece) end
    m:add_all("lengths", piece.lengths)
    if piece.reward then m:add_all("reward", piece.reward) end
  end
end

return figures

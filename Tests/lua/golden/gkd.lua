--- GKD: logits of the tokens that the mask keeps; `num_items_in_batch` is another number of tokens to
-- divide by.
local align = require("perilune").align
local tensor = require "perilune.tensor"
local pack = require "golden.pack"

return function(case)
  local i, o = case.inputs, case.inputs.options
  local teacher, places, all = {}, {}, {}
  for row, mask in ipairs(i.mask) do
    for at, seen in ipairs(mask) do
      all[#all + 1] = i.student_logits[row][at]
      teacher[#teacher + 1] = i.teacher_logits[row][at]
      if seen == 1 or seen == true then places[#places + 1] = #all end
    end
  end
  local index = tensor(places, "i64")
  local student = pack.f64(all, true)
  local loss = align.loss.gkd { beta = o.beta, temperature = o.temperature }
  local value = loss {
    logits = student:index_select(1, index), ref_logits = pack.f64(teacher):index_select(1, index),
  }
  local items = o.num_items_in_batch or value:numel()
  return { loss = value:sum() / items, inputs = { student_logits = student } }
end

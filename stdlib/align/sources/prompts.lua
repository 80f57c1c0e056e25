--- The different prompts of pairs, in order: an online run draws from them what an offline run sees.
--
--   align.sources.online { task = task, judge = proxy, prompts = align.sources.prompts(golden) }
--
--   > #prompts { { prompt = { 1 } }, { prompt = { 2 } }, { prompt = { 1 } } }
--   2
return function(dataset)
  local seen, prompts = {}, {}
  for i = 1, #dataset do
    local prompt = dataset.rows and dataset.rows:prompt(i) or dataset[i].prompt
    local key = table.concat(prompt, " ")
    if not seen[key] then seen[key], prompts[#prompts + 1] = true, prompt end
  end
  return prompts
end

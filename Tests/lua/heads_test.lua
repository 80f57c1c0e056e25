--- The ensemble of linear reward heads: its optimum, its spread, and how a source fits it.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local models = require "perilune.models"
local plain = require "perilune.plain"
local tensor = require "perilune.tensor"
local acquisition = require "perilune.align.acquisition"

local judge, source = align.judge, align.sources
local policy, frozen = toy.model(5), toy.model(6)

local function sampled(count, seed)
  return source.sample(policy, toy.sampling { count = count, seed = seed, quiet = true })
end

local data, held_out = sampled(400, 9), sampled(200, 10)

local function first_of(count)
  local places = {}
  for i = 1, count do places[i] = i end
  return data:select(places)
end

--- The mean of the hidden states of a response and its last token again, of norm 4 = sqrt(dim), as a list.
local function feature(prompt, response)
  local longer = { table.unpack(response) }
  longer[#longer + 1] = response[#response]
  local hidden = frozen:outputs(models.rows({ prompt }, { longer }), { "hidden" }).hidden:detach():totable()
  local f, squares = {}, 0
  for k = 1, 16 do
    f[k] = 0
    for _, state in ipairs(hidden) do f[k] = f[k] + state[k] / #hidden end
    squares = squares + f[k] ^ 2
  end
  for k = 1, 16 do f[k] = f[k] * 4 / math.sqrt(squares) end
  return f
end

local function dot(a, b)
  local sum = 0
  for k, x in ipairs(a) do sum = sum + x * b[k] end
  return sum
end

TestHeads = {}

--- At the optimum precision (w - prior) = sum_i b_i sigmoid(-m_i) d_i: checked along the features of rows.
function TestHeads:test_every_head_is_at_the_optimum_of_its_objective()
  local heads, count, scale = judge.heads { model = frozen, heads = 3, scale = 2.0, seed = 4 }, 30, 2.0
  local batch = first_of(count)
  local before = heads:scores(batch.rows)
  heads:fit { batch }
  local after = heads:scores(batch.rows)
  local differences, features = {}, {}
  for i = 1, count do
    local pair = batch[i]
    local a, b = feature(pair.prompt, pair.chosen), feature(pair.prompt, pair.rejected)
    features[i], differences[i] = a, {}
    for k = 1, 16 do differences[i][k] = a[k] - b[k] end
  end
  for e = 1, 3 do
    local drawn = tensor.rand({ count, 1 }, { seed = 4, stream = "heads/pairs " .. e }):flatten():totable()
    for row = 1, count do
      local sum = 0
      for i = 1, count do
        local margin = after[e][i] - after[e][count + i]
        sum = sum + (drawn[i] < 0.5 and 2 or 0) / (1 + math.exp(margin)) * dot(features[row], differences[i])
      end
      support.close(after[e][row] - before[e][row], sum * scale ^ 2 / 16, 1e-5)
    end
  end
end

--- The prior has rewards of standard deviation `scale`: |f|^2 / dim = 1.
function TestHeads:test_rewards_under_the_prior_have_the_given_scale()
  local lists = judge.heads { model = frozen, heads = 400, scale = 2.0 }:scores(first_of(1).rows)
  local squares = 0
  for _, list in ipairs(lists) do squares = squares + list[1] ^ 2 / 400 end
  -- The variance of a sample of 400 normal numbers deviates by sqrt(2 / 400) = 7 %.
  support.close(squares, 4, 0.28)
end

function TestHeads:test_labels_raise_the_accuracy_and_narrow_the_spread()
  local heads, rows = judge.heads { model = frozen }, held_out.rows
  local function measured()
    local scores, spread = heads:scores(rows), 0
    for i = 1, 200 do spread = spread + acquisition.spread(scores, i, 200 + i) / 200 end
    return judge.accuracy(heads, held_out).mean, spread
  end
  local accuracy, spread = measured()
  for _, count in ipairs { 40, 400 } do
    heads:fit { first_of(count) }
    local better, narrower = measured()
    lu.assertTrue(narrower < spread / 2, ("%g after %d, %g before"):format(narrower, count, spread))
    accuracy, spread = better, narrower
  end
  -- Ties are ordered by a coin, so no judge reaches 1.
  lu.assertTrue(accuracy > 0.65, tostring(accuracy))
end

function TestHeads:test_they_refuse_the_pairs_that_they_were_fitted_to()
  local heads = judge.heads { model = frozen, heads = 3 }
  lu.assertNil(heads.trained_on)
  heads:fit { first_of(30) }
  lu.assertEquals(heads.trained_on.count, 30)
  lu.assertStrContains(support.message(judge.accuracy, heads, first_of(40)),
    "judge 3 heads was trained on 30 of the 40 pairs")
end

function TestHeads:test_the_fit_depends_on_the_pairs_alone()
  local one, other = judge.heads { model = frozen }, judge.heads { model = frozen }
  one:fit { first_of(10) }
  one:fit { first_of(40), held_out }
  other:fit { first_of(40), held_out }
  lu.assertEquals(one:scores(held_out.rows), other:scores(held_out.rows))
  one:fit {}
  lu.assertEquals(one:scores(held_out.rows), judge.heads { model = frozen }:scores(held_out.rows))
end

TestActiveHeads = {}

local function active()
  return source.active(toy.sampling {
    batch = 6, seed = 3, choose = "thompson", ensemble = judge.heads { model = frozen }, responses = 5,
  })
end

function TestActiveHeads:test_a_source_fits_them_to_what_it_labelled_and_goes_on_after_a_save()
  local whole, cut, again = active(), active(), active()
  local expected = {}
  for step = 1, 4 do expected[step] = whole:batch(step, policy, "p@0"):list() end
  for step = 1, 2 do cut:batch(step, policy, "p@0") end
  again:restore(plain.decode(plain.encode(cut:state())), {}, policy)
  for step = 3, 4 do lu.assertEquals(again:batch(step, policy, "p@0"):list(), expected[step]) end
  lu.assertEquals(whole.name, "active { max_new_tokens = 6, stop = { 1 }, seed = 3, choose = thompson, "
    .. "responses = 5, batch = 6, ensemble = 8 heads }")
  -- Without what was labelled before, another pair would be chosen.
  lu.assertNotEquals(active():batch(4, policy, "p@0"):list(), expected[4])
end

os.exit(lu.LuaUnit.run())

--- What holds of every task whose texts the program writes.
local lu = require "luaunit"
local support = require "support"

--- Tests of a task's interface, as a class of luaunit.
return function(make)
  local task, tests = make { seed = 1 }, {}

  function tests.test_a_text_is_its_prompt_and_one_of_two_responses()
    for i = 1, 100 do
      for k = 0, 1 do
        local text, learned_from = task:text("train", 2 * i - 1 + k)
        local joined = task:prompt("train", i)
        lu.assertEquals(learned_from, #joined)
        table.move(task:response("train", i, k), 1, 1000, #joined + 1, joined)
        lu.assertEquals(text, joined)
        lu.assertTrue(#task:prompt("train", i) <= task.max_prompt)
        lu.assertTrue(#task:response("train", i, k) <= task.max_response)
        lu.assertTrue(#joined <= task.model.max_length)
      end
    end
  end

  function tests.test_no_prompt_is_in_two_splits_for_any_seed()
    local owner = {}
    for _, seed in ipairs { 1, 2 } do
      for _, split in ipairs { "train", "validation", "test" } do
        for _, prompt in ipairs(make({ seed = seed }):prompts(split, 500)) do
          local key = table.concat(prompt, " ")
          lu.assertEquals(owner[key] or split, split)
          owner[key] = split
        end
      end
    end
  end

  function tests.test_the_corpus_has_few_errors_few_ties_and_ends()
    local errors, ties, n = 0, 0, 500
    for i = 1, n do
      local prompt, a, b = task:prompt("test", i), task:response("test", i, 0), task:response("test", i, 1)
      local parts = task:gold_parts(prompt, a)
      errors = errors + parts.errors / n
      lu.assertEquals(parts.unfinished, 0)
      local wins = task:gold_prefers(prompt, a, b)
      lu.assertEquals(wins + task:gold_prefers(prompt, b, a), 1)
      ties = ties + (wins == 0.5 and 1 / n or 0)
    end
    lu.assertTrue(errors < 0.01 and ties < 0.12, ("errors %g, ties %g"):format(errors, ties))
  end

  function tests.test_the_cost_is_of_errors_and_of_a_missing_end()
    local free = make { cost = 0 }
    local prompt, response = task:prompt("train", 1), task:response("train", 1)
    local cut = table.move(response, 1, #response - 1, 1, {})
    support.close(task:gold_score(prompt, response) - task:gold_score(prompt, cut), 0.3, 1e-12)
    lu.assertEquals(free:gold_score(prompt, response), free:gold_score(prompt, cut))
    local broken = table.move(response, 1, #response, 2, { response[1] })
    local parts = task:gold_parts(prompt, broken)
    lu.assertTrue(parts.errors > 0)
    support.close(parts.score, parts.content - 0.15 * parts.errors, 1e-12)
  end

  function tests.test_longer_does_not_score_more_by_itself()
    local function mean(list)
      local sum = 0
      for _, x in ipairs(list) do sum = sum + x / #list end
      return sum
    end
    local lengths, scores = {}, {}
    for i = 1, 1500 do
      local prompt, response = task:prompt("train", i), task:response("train", i)
      lengths[i], scores[i] = #response, task:gold_score(prompt, response)
    end
    local l, s, lls, ll, ss = mean(lengths), mean(scores), 0, 0, 0
    for i = 1, #lengths do
      lls = lls + (lengths[i] - l) * (scores[i] - s)
      ll, ss = ll + (lengths[i] - l) ^ 2, ss + (scores[i] - s) ^ 2
    end
    local correlation = lls / math.sqrt(ll * ss)
    print(("# correlation of length and score in the corpus: %.2f"):format(correlation))
    lu.assertTrue(correlation < 0.35, correlation)
  end

  function tests.test_settings_tell_golds_apart_and_starts_do_not()
    local other = make { cost = 0 }
    lu.assertNotEquals(other.settings(), task.settings())
    lu.assertEquals(other.start_settings(), task.start_settings())
    lu.assertNotEquals(make({ seed = 2 }).start_settings(), task.start_settings())
  end

  function tests.test_wrong_arguments_are_named()
    local where = "tasks." .. task.name
    lu.assertStrContains(support.message(task.prompt, task, "valid", 1), where .. ": unknown split 'valid'")
    lu.assertStrContains(support.message(task.gold_score, task, { 1 }, { -1 }), "the response has id -1")
    lu.assertStrContains(support.message(make, { cost = -1 }), "cost")
    lu.assertStrContains(support.message(make, { sed = 1 }), "did you mean 'seed'?")
  end

  return tests
end

--- The table of losses: in help, in docs/losses.md, and against the losses themselves.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local help = require "perilune.help"
local loss = require "perilune.align.loss"
local loss_table = require "perilune.align.loss_table"

local function stored()
  local file <close> = assert(io.open(support.root .. "/docs/losses.md", "rb"))
  return (file:read "a")
end

TestLossTable = {}

function TestLossTable:test_the_readme_has_the_table_of_today()
  lu.assertTrue(stored() == loss_table.updated(stored()), "docs/losses.md has another table of losses: run "
    .. "bin/perilune -e 'require(\"perilune.align.loss_table\").write \"docs/losses.md\"'")
end

function TestLossTable:test_help_shows_every_loss_with_its_paper()
  local page = help.page "align.loss"
  for _, row in ipairs(loss_table.rows()) do
    lu.assertStrContains(page, "\n" .. row.name .. " ")
    lu.assertNotEquals(row.paper, "", row.name .. " names no paper")
    lu.assertStrContains(page:gsub("\n%s*", " "), row.paper)
  end
end

function TestLossTable:test_rows_are_what_the_losses_say()
  local by_name = {}
  for _, row in ipairs(loss_table.rows()) do by_name[row.name] = row end
  lu.assertEquals({ by_name.dpo.reference, by_name.bo2.reference }, { true, false })
  lu.assertEquals({ by_name.dpo.splits, by_name.ipo.per, by_name.ipo.source }, { true, "pair", "online" })
  lu.assertEquals(#loss_table.rows(), #loss.names())
end

function TestLossTable:test_a_text_without_marks_is_refused()
  lu.assertEquals(loss_table.updated("a\n<!-- losses -->\nold\n<!-- end of losses -->\nb"),
    "a\n<!-- losses -->\n" .. loss_table.markdown() .. "\n<!-- end of losses -->\nb")
  lu.assertStrContains(support.message(loss_table.updated, "none"), "loss_table: the text has no marks")
end

os.exit(lu.LuaUnit.run())

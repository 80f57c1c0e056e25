--- Comma-separated values: quotes, numbers, and what is refused. The texts follow section 2 of RFC 4180.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local csv = require "perilune.csv"

TestCsv = {}

function TestCsv:test_quoted_cells_have_commas_line_ends_and_quotes()
  lu.assertEquals(csv.decode 'a,b\r\n"x, ""y""\nz",w\r\n', { { a = 'x, "y"\nz', b = "w" } })
  lu.assertEquals(csv.decode '\u{FEFF}a,b\n"",\nu,"v"', { {}, { a = "u", b = "v" } })
  lu.assertEquals(csv.decode "", {})
end

function TestCsv:test_a_column_of_numbers_is_of_numbers()
  local records = csv.decode "id,win\n1,0.5\n2,\n"
  lu.assertEquals(records, { { id = 1, win = 0.5 }, { id = 2 } })
  lu.assertEquals(math.type(records[1].id), "integer")
  lu.assertEquals(csv.decode("id\n1\nx\n")[1].id, "1")
end

function TestCsv:test_what_is_written_is_read_back()
  local records = { { name = 'a, "b"', win = 0.25 }, { name = "c\nd" } }
  local path = os.tmpname()
  csv.save(path, records, { "name", "win" })
  lu.assertEquals(csv.load(path), records)
  os.remove(path)
end

--- OWASP, "CSV Injection": a spreadsheet runs such a cell.
function TestCsv:test_formulas_are_written_as_text_and_numbers_as_numbers()
  local text = csv.encode({ { a = "=1+1", b = -0.5 }, { a = "@x", b = "-x" } }, { "a", "b" })
  lu.assertEquals(text, "a,b\r\n'=1+1,-0.5\r\n'@x,'-x\r\n")
end

function TestCsv:test_wrong_text_is_refused_with_its_line()
  lu.assertEquals(support.message(csv.decode, 'a,b\n"x\ny",1\n2\n'),
    "csv: line 4: the row has 1 cells, the header 2")
  lu.assertEquals(support.message(csv.decode, 'a\n"x'), "csv: line 2: a quoted cell is not closed")
  lu.assertEquals(support.message(csv.decode, 'a\n"x"y\n'),
    "csv: line 2: a quoted cell that no comma follows")
  lu.assertEquals(support.message(csv.decode, "a,b\r1,2\r"),
    "csv: line 1: a line end of \\r alone, expected \\n or \\r\\n")
  lu.assertEquals(support.message(csv.decode, "a,a\n1,2\n"), "csv: the header has 'a' twice")
  lu.assertStrContains(support.message(csv.load, "/no/such/file"), "csv.load: /no/such/file")
  lu.assertStrContains(support.message(csv.load, "/"), "csv.load: /: Is a directory")
end

function TestCsv:test_what_is_no_cell_is_refused_with_its_record()
  lu.assertEquals(support.message(csv.encode, { { a = 1 }, { a = {} } }, { "a" }),
    "csv.encode: record 2, 'a': a cell is a text, number or boolean, not a table")
  lu.assertEquals(support.message(csv.encode, { 5 }, { "a" }), "csv.encode: record 1 must be a table, not 5")
  lu.assertEquals(support.message(csv.encode, 5), "csv.encode: expected a list of records, got 5")
  lu.assertEquals(support.message(csv.encode, {}), "csv.encode: expected a list of columns, got nil")
end

os.exit(lu.LuaUnit.run())

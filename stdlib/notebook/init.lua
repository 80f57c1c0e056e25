--- Scripts with cells: reports of them, conversion from and to notebooks of Jupyter.
--
-- A script with lines `-- %%` is a plain script and a notebook: `perilune --report out.html script.lua` runs
-- it and writes what its cells showed. docs/notebooks.md has the whole; this module is for scripts.
--
--   > local notebook = require "perilune.notebook"
--   > local cells = notebook.cells "-- %% [markdown]\n-- # Title\n-- %% Sum\nprint(1 + 1)\n"
--   > cells[1].kind, cells[2].title, cells[2].source
--   markdown	Sum	print(1 + 1)
local cell_text = require "perilune.notebook.cell_text"
local convert = require "perilune.notebook.convert"
local index_page = require "perilune.notebook.index_page"
local options = require "perilune.options"
local script = require "perilune.notebook.script"

local notebook = {}

--- The cells of the text of a script: tables with `kind` ("code", "markdown", "raw"), `title`, `metadata`,
-- `source` and the number of its first `line`.
function notebook.cells(text)
  if type(text) ~= "string" then
    error("notebook.cells: expected the text of a script, got " .. options.show(text), 2)
  end
  local read, cells = script.read(text), {}
  for i, cell in ipairs(read.cells) do
    local source, first = script.body(read.lines, cell.first, cell.last)
    if cell.kind ~= "code" then source = cell_text.read(cell.kind, script.lines(source .. "\n")) end
    cells[i] = { kind = cell.kind, title = cell.title, metadata = cell.metadata, source = source }
    cells[i].line = first
  end
  return cells
end

--- Converts a file between .lua and .ipynb, by the endings; without `to` it is written beside `from`.
-- Errors: an ending is another; a file cannot be read or written.
--
--   > notebook.convert "a.txt"
--   --convert: a file that ends in .lua or .ipynb is converted, not 'a.txt'
function notebook.convert(from, to) convert.files { from, to } end

--- Writes the page `index.html` of the reports in a folder; returns its path.
--
--   > local folder = os.tmpname() .. ".reports"
--   > require("perilune.system").make_folder(folder)
--   > require("perilune.notebook").index(folder):match "[^/]*$"
--   index.html
function notebook.index(folder)
  if type(folder) ~= "string" then
    error("notebook.index: expected the path of a folder, got " .. options.show(folder), 2)
  end
  return index_page.write((folder:gsub("(.)/+$", "%1")))
end

return options.strict("notebook", notebook)

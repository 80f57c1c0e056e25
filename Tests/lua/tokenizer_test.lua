--- Tokenizers from Lua: files of Hugging Face's tokenizers, folders, control tokens, streams, refusals.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local system = require "perilune.system"
local tokenizer = require "perilune.tokenizer"

TestTokenizer = {}

local golden = here .. "/../Golden/tokenizers/"
local texts = formats.load_json(golden .. "texts.json")

local folders = {}

function TestTokenizer:tearDown()
  for _, folder in ipairs(folders) do
    os.remove(folder .. "/tokenizer.json")
    os.remove(folder .. "/tokenizer_config.json")
    os.remove(folder)
  end
  folders = {}
end

--- A fixture's cases, and a folder with its tokenizer.json.
local function fixture(name, config)
  local cases = formats.load_json(golden .. name .. ".json")
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  folders[#folders + 1] = folder
  -- The text as it stands: a table of Lua would lose null.
  local text = assert(io.open(golden .. name .. ".json", "rb")):read "a"
  local from, to = text:find('"file":', 1, true), text:find(',%s*"ids":%[%[')
  system.write_file(folder .. "/tokenizer.json", text:sub(from + 7, to - 1))
  if config then system.write_file(folder .. "/tokenizer_config.json", config) end
  return cases, folder
end

function TestTokenizer:test_a_folder_gives_the_ids_of_tokenizers_and_the_names_of_its_config()
  local config = '{"bos_token":"<s>","eos_token":{"content":"<|end|>"},"pad_token":null}'
  local cases, folder = fixture("llama3", config)
  local tok = tokenizer.load(folder)
  lu.assertEquals(tok.bos, 1)
  lu.assertEquals(tok.eos, 0)
  lu.assertEquals(tok.pad, nil)
  for i, text in ipairs(texts) do
    local ids = tok:encode(text, { add_special_tokens = true, split_special_tokens = false })
    lu.assertEquals(ids, cases.ids[i])
    lu.assertEquals(tok:encode(text, { split_special_tokens = false }), cases.ids_plain[i])
    -- Here bytes that are not UTF-8 stay as they are; there they are U+FFFD.
    if not cases.decoded[i]:find("\u{FFFD}", 1, true) then
      lu.assertEquals(tok:decode(ids, { skip_special_tokens = false }), cases.decoded[i])
      lu.assertEquals(tok:decode(ids), cases.decoded_skip[i])
    end
  end
  lu.assertEquals(tokenizer.load(folder .. "/tokenizer.json").eos, nil)
end

function TestTokenizer:test_text_spells_a_control_token_only_where_asked()
  local _, folder = fixture "gpt2"
  local tok = tokenizer.load(folder)
  lu.assertEquals(tok:encode("a<|end|>", { split_special_tokens = false })[2], tok:id "<|end|>")
  for _, id in ipairs(tok:encode "a<|end|>") do lu.assertNotEquals(id, tok:id "<|end|>") end
end

function TestTokenizer:test_a_stream_gives_whole_characters()
  local _, folder = fixture "llama2"
  local tok = tokenizer.load(folder)
  local stream, parts = tok:decode_stream(), {}
  for _, id in ipairs(tok:encode "né 🦙!") do
    local part = stream:step(id)
    lu.assertTrue(utf8.len(part) ~= nil)
    parts[#parts + 1] = part
  end
  lu.assertEquals(table.concat(parts), "né 🦙!")
end

function TestTokenizer:test_a_loaded_tokenizer_saves_what_it_read()
  local cases, folder = fixture "t5"
  tokenizer.load(folder):save(folder .. "/tokenizer.json")
  local tok = tokenizer.load(folder)
  for i, text in ipairs(texts) do
    local ids = tok:encode(text, { add_special_tokens = true, split_special_tokens = false })
    lu.assertEquals(ids, cases.ids[i])
  end
end

function TestTokenizer:test_refusals_name_the_file_and_the_key()
  local _, folder = fixture("gpt2", '{"bos_token":"<nothing>"}')
  local message = support.message(tokenizer.load, folder)
  lu.assertStrContains(message, "tokenizer_config.json: bos_token: '<nothing>' is not a token")
  lu.assertStrContains(support.message(tokenizer.load, "/no/such/file"), "/no/such/file")
  system.write_file(folder .. "/tokenizer.json", '{"model":{"type":"WordLevel","vocab":{}}}')
  message = support.message(tokenizer.load, folder)
  lu.assertStrContains(message, "tokenizer.json: model: the model 'WordLevel' is not supported")
end

--- A WordPiece whose words may have a million characters; looking up every part of the rest of one would
-- take days.
function TestTokenizer:test_a_word_of_a_million_characters_is_read_in_time()
  local path = os.tmpname()
  system.write_file(path, '{"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",'
    .. '"max_input_chars_per_word":1000000,"vocab":{"[UNK]":0,"a":1,"##a":2,"##aa":3}}}')
  local tok = tokenizer.load(path)
  os.remove(path)
  local ids = tok:encode(("a"):rep(1000000))
  lu.assertEquals({ #ids, ids[1], ids[2], ids[500000], ids[500001] }, { 500001, 1, 3, 3, 2 })
  lu.assertEquals(tok:encode(("a"):rep(999999) .. "b"), { 0 })
end

os.exit(lu.LuaUnit.run())

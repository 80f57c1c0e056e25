--- What a tokenizer is refused for beyond tokenizer_refusals_test.lua: models without what they need, tokens
-- that are no tokens, and limits.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local system = require "perilune.system"
local tokenizer = require "perilune.tokenizer"

local path

--- The tokenizer of a table, or of a JSON text.
local function load(made)
  system.write_file(path, type(made) == "string" and made or formats.json_encode(made))
  return tokenizer.load(path)
end

local function refusal(made) return support.message(load, made) end

local bpe <const> = { type = "BPE", vocab = { a = 0 }, merges = {} }

TestTokenizerFaults = {}

function TestTokenizerFaults:setUp() path = os.tmpname() end
function TestTokenizerFaults:tearDown() os.remove(path) end

local patterns <const> = {
  { "[[:space", "an unclosed class at character 9" },
  { "\\pL", "a '\\p' without braces at character 3" },
  { "\\x{41", "an unclosed '\\x{' at character 6" },
}

local function split(regex)
  return { model = bpe, pre_tokenizer = {
    type = "Split", pattern = { Regex = regex }, behavior = "Isolated", invert = false,
  } }
end

--- The ways through nested repeats double with each character.
function TestTokenizerFaults:test_a_regular_expression_that_never_ends()
  local tok = load(split "^(?:.+?)+$%")
  lu.assertEquals(#tok:encode(("a"):rep(12)), 12)
  lu.assertStrContains(support.message(tok.encode, tok, ("a"):rep(60)),
    "a regular expression of the tokenizer tries more than 1000960 ways to match a text of 60 bytes")
end

function TestTokenizerFaults:test_regular_expressions()
  for _, row in ipairs(patterns) do
    lu.assertEquals(refusal(split(row[1])),
      ("%s: pre_tokenizer.pattern: regular expression '%s': %s"):format(path, row[1], row[2]))
  end
  local characters = {}
  for i = 1, 4097 do characters[i] = utf8.char(0x4E00 + i) end
  lu.assertEquals(refusal(split(table.concat(characters))),
    path .. ": pre_tokenizer.pattern: the regular expression has more than 4096 classes")
end

--- Each may have as much as all: 900 KB of patterns took 890 MB before the decoder was refused.
function TestTokenizerFaults:test_regular_expressions_of_a_part_share_their_limits()
  local function sequence(regex)
    local parts = {}
    for i = 1, 3 do parts[i] = split(regex(i)).pre_tokenizer end
    return { model = bpe, pre_tokenizer = { type = "Sequence", pretokenizers = parts } }
  end
  local function classes(part)
    local list = {}
    for i = 1, 2000 do list[i] = utf8.char(0x4E00 + part * 2000 + i) end
    return table.concat(list)
  end
  local place <const> = ": pre_tokenizer.pretokenizers[2].pattern: "
  lu.assertEquals(refusal(sequence(classes)),
    path .. place .. "the regular expressions to this one have more than 4096 classes")
  lu.assertEquals(refusal(sequence(function() return "(?:abcdefgh){1000}" end)),
    path .. place .. "the regular expressions to this one have more than 20000 steps")
end

local function added(id, content)
  return { id = id, content = content, special = true, single_word = false, lstrip = false, rstrip = false,
    normalized = false }
end

local entry <const> = "an entry of vocab is a token and its score (line 1, column %d)"
local files <const> = {
  { { version = "1.0" }, "the key 'model' is missing" },
  { { model = { type = "Unigram", unk_id = 0 } }, "model: the key 'vocab' is missing" },
  { '{"model": {"type": "Unigram", "vocab": [["a"]]}}', entry:format(46) },
  { { model = bpe, added_tokens = { added(1, "a") } },
    "added_tokens: 'a' has the id 1, but 0 in the vocabulary" },
  -- The count of bytes of the trie, 4; a trie of zeros; and the byte 0xFF for the texts.
  { { model = bpe, normalizer = { type = "Precompiled", precompiled_charsmap = "BAAAAAAAAAD/" } },
    "normalizer.precompiled_charsmap: its texts are not UTF-8" },
}

function TestTokenizerFaults:test_files()
  for _, row in ipairs(files) do lu.assertEquals(refusal(row[1]), path .. ": " .. row[2]) end
end

function TestTokenizerFaults:test_more_tokens_than_are_read()
  local most <const> = 1 << 20
  local function unigram(count, more)
    local rest = ('["", 0],'):rep(count - 1)
    return ('{"model": {"type": "Unigram", "vocab": [%s["", 0]]}%s}'):format(rest, more)
  end
  lu.assertEquals(refusal(unigram(most + 1, "")), path .. ": model: vocab: more than 1048576 tokens")
  local one = ', "added_tokens": [' .. formats.json_encode(added(most, "x")) .. "]"
  lu.assertEquals(refusal(unigram(most, one)), path .. ": 1048577 tokens, more than the limit of 1048576")
end

--- Such a tokenizer is read, since a text of known characters has ids.
local unknown <const> = {
  { { type = "BPE", unk_token = "<unk>", vocab = { a = 0 }, merges = {} },
    "unk_token '<unk>' is not in the vocabulary" },
  { { type = "WordPiece", unk_token = "[UNK]", continuing_subword_prefix = "##", vocab = { a = 0 },
    max_input_chars_per_word = 100 }, "unk_token '[UNK]' is not in the vocabulary" },
  { { type = "Unigram", vocab = { { "a", -1 } } },
    "the character 'b' has no token, and there is no unk_id" },
}

function TestTokenizerFaults:test_a_character_without_a_token()
  for _, row in ipairs(unknown) do
    local tok = load { model = row[1] }
    lu.assertEquals(tok:encode "a", { 0 })
    lu.assertEquals(support.message(tok.encode, tok, "b"), row[2])
  end
end

--- The printable characters of the 256 bytes, in order, as GPT-2 writes them.
local function alphabet()
  local names, others = {}, 0
  for byte = 0, 255 do
    local isPrintable = byte > 32 and byte < 127 or byte > 160 and byte ~= 173
    names[#names + 1] = utf8.char(isPrintable and byte or 256 + others)
    others = others + (isPrintable and 0 or 1)
  end
  return names
end

function TestTokenizerFaults:test_names_in_the_files_of_gpt2()
  local encoder, empty = os.tmpname(), os.tmpname()
  local function message(name)
    local parts = {}
    for id, character in ipairs(alphabet()) do
      parts[id] = ("%s: %d"):format(formats.json_encode(character), id - 1)
    end
    parts[257] = ("%s: 256"):format(formats.json_encode(name))
    system.write_file(encoder, "{" .. table.concat(parts, ", ") .. "}")
    return support.message(tokenizer.load, encoder, empty)
  end
  lu.assertEquals(message "", encoder .. ": token 256 has no name")
  lu.assertEquals(message "a", encoder .. ": tokens 97 and 256 are both 'a'")
  local long = message(("x"):rep(2049))
  lu.assertStrMatches(long, ".*: token 256 %('x+%.%.%.'%) has more than 1024 characters")
  os.remove(encoder)
  os.remove(empty)
end

function TestTokenizerFaults:test_a_tokenizer_with_scores_for_merges_is_not_written()
  local tok = tokenizer.load(support.root .. "/Tests/Golden/gguf/vocab/llama-spm.gguf")
  lu.assertEquals(support.message(tok.save, tok, path),
    "a tokenizer that merges by score, as SentencePiece in a GGUF file, has no merges for a "
    .. "tokenizer.json: keep the GGUF file")
end

os.exit(lu.LuaUnit.run())

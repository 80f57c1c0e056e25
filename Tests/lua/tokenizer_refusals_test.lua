--- What a tokenizer.json is refused for: its regular expression, or one of its parts.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local formats = require "perilune.formats"
local tokenizer = require "perilune.tokenizer"

local path

--- The error of a tokenizer with these parts, without the name of its file.
local function refusal(parts)
  local made = { model = { type = "BPE", vocab = { a = 0, b = 1, ab = 2 }, merges = { { "a", "b" } } } }
  for name, part in pairs(parts) do made[name] = part end
  local file <close> = assert(io.open(path, "wb"))
  file:write(formats.json_encode(made))
  file:close()
  return support.refusal(tokenizer.load, path)
end

TestTokenizerRefusals = {}

function TestTokenizerRefusals:setUp()
  path = os.tmpname()
end

function TestTokenizerRefusals:tearDown() os.remove(path) end

local patterns <const> = {
  { "(a", "an unclosed group at character 3" },
  { "(?", "an unclosed group at character 3" },
  { "a)", "an unmatched ')' at character 2" },
  { "(?#a)", "the group '(?#', which is not supported, at character 3" },
  { "(?<a>b)", "the group '(?<', which is not supported, at character 3" },
  { "[a", "an unclosed class at character 3" },
  { "[a&&b]", "the set intersection '&&', which is not supported, at character 3" },
  { "[b-a]", "a bad range in a class at character 5" },
  { "[a-\\s]", "a bad range in a class at character 6" },
  { "[[^a]b]", "a negated class inside of a class, which is not supported, at character 6" },
  { "[[:nope:]]", "the class [:nope:], which is not supported, at character 10" },
  { "(?i)[a-\\x{9999}]", "a range of more than 1,024 characters under (?i), not supported, at character 16" },
  { "\\p{L", "an unclosed '\\p{' at character 5" },
  { "\\p{Nope}", "the property 'Nope', which is not supported, at character 9" },
  { "\\q", "the escape '\\q', which is not supported, at character 3" },
  { "\\x{110000}", "a bad hexadecimal escape at character 10" },
  { "\\xg", "a bad hexadecimal escape at character 3" },
  { "\\", "a '\\' at the end at character 1" },
  { "*", "a '*' with nothing to repeat at character 1" },
  { "a{3,2}", "a repetition beyond {0,1000} at character 7" },
}

local function split(regex)
  return { pre_tokenizer = {
    type = "Split", pattern = { Regex = regex }, behavior = "Isolated", invert = false,
  } }
end

function TestTokenizerRefusals:test_regular_expressions()
  for _, row in ipairs(patterns) do
    lu.assertEquals(refusal(split(row[1])),
      ("pre_tokenizer.pattern: regular expression '%s': %s"):format(row[1], row[2]))
  end
  lu.assertEquals(refusal(split "(a?)*"), "pre_tokenizer.pattern: a repetition of what can be empty is not "
    .. "supported in a regular expression")
  lu.assertEquals(refusal(split "(?<=a*)"),
    "pre_tokenizer.pattern: a look behind that has no one length is not supported")
end

local function template(single, special)
  return { type = "TemplateProcessing", single = { single }, pair = {}, special_tokens = { a = special } }
end
local piece <const> = { SpecialToken = { id = "a", type_id = 0 } }

local function added(id, content)
  return { id = id, content = content, special = true, single_word = false, lstrip = false, rstrip = false,
    normalized = false }
end

local parts <const> = {
  { { pre_tokenizer = { type = 3 } }, "pre_tokenizer.type: expected a string, got 3" },
  { { pre_tokenizer = { type = "Sequence", pretokenizers = 3 } },
    "pre_tokenizer.pretokenizers: expected a list, got 3" },
  { { pre_tokenizer = { type = "Split", pattern = { Other = "x" }, behavior = "Isolated", invert = false } },
    "pre_tokenizer.pattern: expected a 'String' or a 'Regex'" },
  { { pre_tokenizer = { type = "FixedLength", length = 0 } },
    "pre_tokenizer.length: expected a length from 1, got 0" },
  { { pre_tokenizer = { type = "Metaspace", replacement = "ab", prepend_scheme = "always" } },
    "pre_tokenizer.replacement: expected one character, got 'ab'" },
  { { pre_tokenizer = {
    type = "Metaspace", replacement = "_", prepend_scheme = "always", add_prefix_space = false,
  } }, "pre_tokenizer: add_prefix_space is false, but prepend_scheme is always" },
  { { normalizer = { type = "Precompiled", precompiled_charsmap = "AAAA" } },
    "normalizer.precompiled_charsmap: the table has 3 bytes" },
  { { post_processor = { type = "BertProcessing", sep = { "x" }, cls = { "a", 1 } } },
    "post_processor.sep: expected a token and its id, got a list" },
  { { post_processor = template { Sequence = { id = "B", type_id = 0 } } },
    "post_processor.single[0].Sequence: expected the sequence 'A', once" },
  { { post_processor = template(piece, { id = "a", ids = 3, tokens = { "a" } }) },
    "post_processor.special_tokens.a.ids: expected a list, got 3" },
  { { post_processor = template(piece, { id = "a", ids = { "x" }, tokens = { "a" } }) },
    "post_processor.special_tokens.a.ids: expected token ids" },
  { { post_processor = template(piece, { id = "a", ids = { 0 }, tokens = { "a" } }) },
    "post_processor: the template 'single' has no sequence" },
  { { added_tokens = { added(0, "zz") } },
    "added_tokens: 'zz' has the id 0, which the vocabulary gives to 'a'" },
  { { added_tokens = { added(3, "x"), added(3, "y") } }, "added_tokens: two tokens have the id 3" },
}

function TestTokenizerRefusals:test_parts()
  for _, row in ipairs(parts) do lu.assertEquals(refusal(row[1]), row[2]) end
end

function TestTokenizerRefusals:test_merges_are_of_two_tokens()
  local function merges(list)
    return { model = { type = "BPE", vocab = { a = 0, b = 1, ab = 2 }, merges = list } }
  end
  for _, merge in ipairs { { "a", "b", "c" }, "a b c", "ab" } do
    lu.assertStrContains(refusal(merges { merge }), "a merge is of two tokens (line 1, column ")
  end
  lu.assertEquals(refusal(merges { { "a", "b" }, { "a", "b" } }), "model: merge 2 ('a' 'b') occurs twice")
end

os.exit(lu.LuaUnit.run())

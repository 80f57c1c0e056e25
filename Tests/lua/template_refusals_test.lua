--- What a chat template is refused for, in the words of Python where it has any.
--
-- A row is a template and what its error says before "(line 1)". Those of jinja2 itself are in
-- chat_template_test.lua.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local formats = require "perilune.formats"

local rows <const> = {
  -- Numbers
  { "{{ 0 ** -1 }}", "0.0 cannot be raised to a negative power" },
  { "{{ 3 ** 80 }}", "a whole number beyond 64 bits" },
  { "{{ 9223372036854775807 + 1 }}", "a whole number beyond 64 bits" },
  { "{{ 99999999999999999999 }}", "a number beyond 64 bits" },
  { "{{ 0xFFFFFFFFFFFFFFFFF }}", "a number beyond 64 bits" },
  { "{{ 1 // 0 }}", "division by zero" },
  { "{{ 'a' | abs }}", "bad operand type for abs(): 'str'" },
  { "{{ (1e308 * 10) | int }}", "cannot convert float infinity to integer" },
  { "{{ 1.5 | round(400) }}", "round takes a precision of at most 300" },
  { "{{ '%d' % 'a' }}", "%d format: a real number is required, not str" },
  { "{{ '%x' % 1 }}", "a format other than %s, %r, %d and %% is not supported" },
  -- Calls
  { "{{ 'x'() }}", "'str' object is not callable" },
  { "{{ range() }}", "range expected 1 to 3 arguments, got 0" },
  { "{{ range('a') }}", "'str' object cannot be interpreted as an integer" },
  { "{{ dict(1, 2) }}", "dict expected at most 1 argument, got 2" },
  { "{{ dict([[1, 2, 3]]) }}", "dictionary update sequence element is not a pair" },
  { "{{ dict(**1) }}", "argument after ** must be a mapping" },
  { "{{ dict(**{1: 2}) }}", "keywords must be strings" },
  { "{{ f(**a, **b) }}", "a second '**' among the arguments" },
  { "{{ f(*a, *b) }}", "a second '*' among the arguments" },
  { "{{ cycler() }}", "at least one item has to be provided" },
  { "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}", "no items for cycling given" },
  { "{{ strftime_now() }}", "strftime_now() takes a format" },
  { "{{ strftime_now('a' * 2000) }}", "strftime_now takes a format of at most 1000 bytes" },
  { "{% macro f(a=1, b) %}{% endmacro %}", "a parameter without default follows one with a default" },
  { "{% macro f(a) %}{% endmacro %}{{ f(1, a=1) }}", "macro 'f' takes no keyword argument 'a'" },
  { "{% call 1 %}{% endcall %}", "expected a call after 'call'" },
  { "{% endfor %}", "unknown tag 'endfor'" },
  { "{{ 1 if 1 if 1 if 1 if 1 if 1 }}", "more than 4 conditions without brackets" },
  -- Lists and dictionaries
  { "{{ [1] | map | list }}", "map requires a filter argument" },
  { "{{ [1] | map(attribute='a', b=1) | list }}", "Unexpected keyword argument 'b'" },
  { "{{ [1] | selectattr | list }}", "Missing parameter for attribute name" },
  { "{{ 1 | dictsort }}", "'int' object has no attribute 'items'" },
  { "{{ {'a': 1} | dictsort(by='x') }}", 'You can only sort by either "key" or "value"' },
  { "{{ [{'a': 1}] | groupby }}", "groupby takes an attribute" },
  { "{{ [1] | batch(0) | list }}", "batch takes a number above 0" },
  { "{{ [1] | slice(0) | list }}", "slice takes a number above 0" },
  { "{{ 1 | items | list }}", "Can only get item pairs from a mapping." },
  { "{{ {}.get() }}", "get expected at least 1 argument, got 0" },
  { "{{ [].index() }}", "index expected at least 1 argument, got 0" },
  { "{{ [1].index(2) }}", "2 is not in list" },
  { "{{ [1]['a':] }}", "slice indices must be integers or None or have an __index__ method" },
  { "{{ {} | attr }}", "attr takes a name" },
  { "{{ {[]: 1} }}", "unhashable type: 'list'" },
  { "{{ {(1, 2): 3} | tojson }}", "keys must be str, int, float, bool or None, not tuple" },
  { "{{ [1] | tojson(indent=100) }}", "tojson takes an indent of at most 64" },
  { "{{ [1] | tojson(separators=[1]) }}", "tojson takes separators of two texts" },
  -- Texts
  { "{{ 'a }}", "a string without its closing quote" },
  { "{{ '\\N{DASH}' }}", "a character by its name (\\N) is not supported" },
  { "{{ 'a'.removeprefix() }}", "removeprefix() takes a text" },
  { "{{ 'a'.startswith() }}", "startswith takes a text" },
  { "{{ 'a'.startswith(1) }}", "startswith first arg must be str or a tuple of str, not int" },
  { "{{ 'a b'.rsplit(none, 1) }}", "rsplit() without a separator takes no maxsplit here" },
  { "{{ 'a'.split('') }}", "empty separator" },
  { "{{ 'a'.center('b') }}", "'str' object cannot be interpreted as an integer" },
  { "{{ 'a'.center(9, 'bc') }}", "The fill character must be exactly one character long" },
  { "{{ 'a' | center('b') }}", "'str' object cannot be interpreted as an integer" },
  { "{{ 'a' | replace('b') }}", "replace takes old and new" },
  { "{{ 'a' | indent([]) }}", "indent takes a width or a text" },
  { "{{ 'abc' | truncate(1) }}", "expected length >= 3, got 1" },
  { "{{ '{'.format(1) }}", "expected '}' before end of string" },
  -- Powers of floats
  { "{{ 0.0 ** -1 }}", "0.0 cannot be raised to a negative power" },
  { "{{ 10.0 ** 400 }}", "(34, 'Numerical result out of range')" },
  { "{{ (-8.0) ** 0.5 }}", "a negative number to the power of a fraction is complex" },
  { "{{ (-8) ** 0.5 }}", "a negative number to the power of a fraction is complex" },
}

TestRefusals = {}

function TestRefusals:test_each_says_what_is_wrong()
  for _, row in ipairs(rows) do
    local ok, problem = pcall(formats.render_template, row[1], {})
    lu.assertFalse(ok, row[1])
    lu.assertEquals(tostring(problem), ("template: %s (line 1)"):format(row[2]), row[1])
  end
end

os.exit(lu.LuaUnit.run())

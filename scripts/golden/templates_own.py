"""Small templates that use each construct of Jinja once, and what is refused."""

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  What is 1 < 2?\n"},
        {"role": "assistant", "content": "Yes.", "tool_calls": [{"name": "f", "arguments": {"a": [1, 2.0, None]}}]},
        {"role": "user", "content": "Thanks"},
    ],
    "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True,
    "n": 7, "x": 2.5, "zero": 0, "empty": "", "nothing": None, "yes": True, "no": False,
    "words": ["pear", "Apple", "fig", "apple"], "numbers": [3, 1, 2, 1], "nested": [[1, 2], [3], []],
    "person": {"name": "Ada", "age": 36, "items": "own key", "tags": ["x", "y"]},
    "mixed": {"b": 2, "A": 1, "c": [True, None, "q\"uo'te"]},
    "text": "Hello, big wide World", "lines": "one\ntwo\n\nthree\n", "unicode": "caf\u00e9 \u4f60\u597d \U0001f600 \u00df",
    "people": [{"name": "Bo", "age": 3, "city": {"name": "Rome"}}, {"name": "al", "age": 1, "city": {"name": "Oslo"}},
               {"name": "Cy", "age": 3}],
}

CHAT = """{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ bos_token + message['content'] }}
{%- elif message.role == 'user' %}
[{{ loop.index0 }}|{{ message.content | trim }}]
{%- else %}{% generation %}{{ message.content }}{{ eos_token }}{% endgeneration %}{% endif %}
{%- endfor %}
{% if add_generation_prompt %}assistant:{% endif %}
"""

CASES = [
    CHAT,
    # White space.
    "  {% if yes %}\n  a\n  {% endif %}\nb\n", "  {%- if yes %} a {% endif -%}  b", "{% if yes +%}\na{% endif %}",
    "x  {%+ if yes %}y{% endif %}", "a {# note #} b\n{# line #}\nc\n", "  {# indented #}\nz", "{#- x -#} y", "a\r\nb\rc\n\n",
    "{{ 'a\\n' }}\n{{ n }}\n", "{{- n -}}  q", "{% raw %}{{ x }} {% if %}{% endraw %}!", "{%- raw -%} a {%- endraw -%} b",
    "{% raw %}\n a\n {% endraw %}\nb", "\n{% set a = 1 %}\n\n{{ a }}\n", "a\n   {% set q = 1 %}   b", "{% if yes %}\n\n{% endif %}",
    "\t{% set q = 1 %}{{ q }}", "a{{ n }}\n\n", "{{ n }}   {% if yes %}x{% endif %}",
    # Values and how they print.
    "{{ nothing }}|{{ yes }}|{{ no }}|{{ n }}|{{ x }}|{{ 1e3 }}|{{ 1.0 }}|{{ 1e16 }}|{{ 1e-5 }}|{{ 0.1 + 0.2 }}|{{ 1_000 }}",
    "{{ 0x1F }}|{{ 0b101 }}|{{ 0o17 }}|{{ 1.5e2 }}|{{ 00 }}", "{{ words }}|{{ person }}|{{ mixed }}|{{ (1,) }}|{{ () }}|{{ [] }}|{{ {} }}",
    "{{ 'it\\'s' }}|{{ \"q\\\"\" }}|{{ ['it\\'s', 'a\"b', 'a\\'b\"', '\\n\\t\\\\', '\u00e9\u200b\\x07'] }}",
    "{{ 'a\\x41\\u00e9\\101\\q' }}|{{ 'a' 'b' }}|{{ '\\\nx' }}", "{{ undefined_thing }}|{{ person.nope }}|{{ words[9] }}|{{ text[50] }}",
    "{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}", "{{ 1, 2 }}|{{ (1, 'a') }}|{{ {'a': 1, 2: [3], none: true} }}",
    "{{ -n }}|{{ - -n }}|{{ +n }}|{{ -x }}|{{ not n }}|{{ not not n }}|{{ -yes }}",
    # Operators.
    "{{ n + 1 }}|{{ n - 10 }}|{{ n * 2 }}|{{ n / 2 }}|{{ 8 / 2 }}|{{ n // 2 }}|{{ -n // 2 }}|{{ n % 3 }}|{{ -n % 3 }}|{{ n ** 2 }}|{{ 2 ** -1 }}|{{ 2 ** 3 ** 2 }}",
    "{{ x + n }}|{{ x // 1 }}|{{ x % 2 }}|{{ -x % 2 }}|{{ x ** 2 }}|{{ yes + yes }}|{{ 7.0 // 2 }}|{{ 1 - 2 - 3 }}|{{ 2 + 3 * 4 }}",
    "{{ 'a' + 'b' }}|{{ 'ab' * 3 }}|{{ 2 * [1] }}|{{ [1] + [2] }}|{{ 'x' * -1 }}|{{ (1,) + (2,) }}", "{{ 'a' ~ 1 ~ none ~ [1] ~ nope }}",
    "{{ 1 == 1.0 }}|{{ yes == 1 }}|{{ 'a' == 'a' }}|{{ [1] == [1.0] }}|{{ (1,) == [1] }}|{{ none == no }}|{{ {'a': 1} == {'a': 1} }}|{{ nope == nope2 }}|{{ nope == none }}",
    "{{ 1 < 2 < 3 }}|{{ 1 < 3 < 2 }}|{{ 'a' < 'b' }}|{{ [1, 2] < [1, 3] }}|{{ 2 >= 2.0 }}|{{ 1 != 1 }}|{{ 3 > 2 > 1 }}|{{ 'B' < 'a' }}",
    "{{ 'fig' in words }}|{{ 'kiwi' not in words }}|{{ 'ell' in text }}|{{ 'name' in person }}|{{ 1 in [1.0] }}|{{ '' in text }}|{{ 1 in nope }}|{{ none in [none] }}",
    "{{ 0 or 'x' }}|{{ 1 and 'y' }}|{{ '' and 'y' }}|{{ none or [] or 0 }}|{{ 1 and 2 or 3 }}|{{ not 1 == 2 }}",
    "{{ 'a' if yes else 'b' }}|{{ 'a' if no }}|{{ 'a' if no else 'b' if no else 'c' }}|{{ ('a' if yes) ~ 'z' }}",
    "{{ words[0] }}|{{ words[-1] }}|{{ words[1:3] }}|{{ words[::-1] }}|{{ text[7:] }}|{{ text[:-6] }}|{{ text[::2] }}|{{ numbers[-2:] }}|{{ numbers[5:] }}|{{ numbers[::-2] }}|{{ numbers[3:0:-1] }}|{{ text[none:5] }}",
    "{{ person.name }}|{{ person['age'] }}|{{ person.tags.0 }}|{{ person['tags'][1] }}|{{ words.1 }}|{{ nested[0][1] }}|{{ unicode[5] }}|{{ unicode[-1] }}",
    "{{ person.items() | list }}|{{ person['items'] }}|{{ mixed.keys() | list }}|{{ mixed.values() | list }}|{{ person.get('age') }}|{{ person.get('zip') }}|{{ person.get('zip', 0) }}",
    # Statements.
    "{% for w in words %}{{ loop.index }}/{{ loop.length }}:{{ w }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for w in words %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.depth }}{{ loop.previtem }}-{{ loop.nextitem }};{% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}|{% for x in nope %}a{% else %}nope{% endfor %}|{% for c in 'abc' %}{{ c }}.{% endfor %}|{% for k in person %}{{ k }} {% endfor %}",
    "{% for k, v in mixed.items() %}{{ k }}={{ v }};{% endfor %}|{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for n in numbers if n > 1 %}{{ loop.index }}:{{ n }} {% endfor %}{{ n }}", "{% for n in numbers %}{% if n == 1 %}{% continue %}{% endif %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}",
    "{% for p in nested recursive %}{% if p is iterable %}[{{ loop(p) }}]{% else %}{{ p }}{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for n in numbers %}{{ loop.cycle('a', 'b') }}{{ loop.changed(n > 1) }} {% endfor %}", "{% for a in [1, 2] %}{% for b in [3, 4] %}{{ a }}{{ b }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% set a = 1 %}{% for x in [1, 2] %}{{ a }}{% set a = x + 5 %}{{ a }} {% endfor %}{{ a }}", "{% set ns = namespace(c=0, t='') %}{% for w in words %}{% set ns.c = ns.c + 1 %}{% set ns.t = ns.t ~ w[0] %}{% endfor %}{{ ns.c }}{{ ns.t }}{{ ns.zip }}",
    "{% if no %}a{% elif n > 5 %}b{% else %}c{% endif %}{% if yes %}{% set z = 3 %}{% endif %}{{ z }}{% if no %}{% set y = 3 %}{% endif %}{{ y }}",
    "{% set a, b = 1, [2] %}{{ a }}{{ b }}{% set (c, d) = words[:2] %}{{ c }}{{ d }}", "{% set block %}x{{ n }}\n{% endset %}[{{ block }}]{% set up | upper | trim %} y {% endset %}[{{ up }}]",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}|{% with %}{% set q = 2 %}{{ q }}{% endwith %}{{ q }}",
    "{% macro f(a, b='d', c=a) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(a='x', c=0) }}{{ f() }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, z=4) }}", "{% macro outer(n) %}{{ n }}{% if n > 0 %}{{ outer(n - 1) }}{% endif %}{% endmacro %}{{ outer(4) }}",
    "{% set k = 1 %}{% macro f() %}{{ k }}{{ late }}{% endmacro %}{{ f() }}{% set late = 'L' %}{{ f() }}", "{% macro box(t) %}[{{ t }}:{{ caller('in') }}]{% endmacro %}{% call(x) box('b') %}{{ x }}{{ n }}{% endcall %}",
    "{% macro f() %}a{% endmacro %}{% set g = f %}{{ g() ~ f() }}{{ f.name }}", "{% filter upper %}a{{ text }}{% endfilter %}|{% filter replace('a', 'b') | trim %} aa {% endfilter %}",
    "{% generation %}x{% set q = 5 %}{{ q }}{% endgeneration %}{{ q }}", "{% print n %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner('|') %}{{ j() }}x{{ j() }}y{{ j() }}",
    "{{ range(4) | list }}|{{ range(1, 4) | list }}|{{ range(9, 2, -3) | list }}|{{ dict(a=1, b=2) }}|{{ dict([('k', 1)]) }}",
    "{{ strftime_now('%d %b %Y') }}", "{% if n is divisibleby 7 %}a{% endif %}{% if n is odd %}b{% endif %}{% if n is not even %}c{% endif %}",
    # Tests.
    "{{ n is defined }}{{ nope is defined }}{{ nope is undefined }}{{ nothing is none }}{{ text is string }}{{ n is string }}{{ person is mapping }}{{ words is iterable }}{{ n is iterable }}{{ text is iterable }}{{ words is sequence }}{{ person is sequence }}{{ n is sequence }}",
    "{{ n is number }}{{ yes is number }}{{ yes is boolean }}{{ n is boolean }}{{ n is integer }}{{ yes is integer }}{{ x is float }}{{ yes is true }}{{ no is false }}{{ n is true }}{{ range is callable }}{{ n is callable }}{{ text.strip is callable }}",
    "{{ n is eq 7 }}{{ n is equalto(7) }}{{ n is ne 7 }}{{ n is lt 8 }}{{ n is ge 7 }}{{ n is gt(9) }}{{ 'fig' is in words }}{{ 'ab' is lower }}{{ 'AB' is upper }}{{ nothing is sameas none }}{{ 'upper' is filter }}{{ 'odd' is test }}{{ nope is none }}{{ n is not none }}",
    "{{ nope is iterable }}{{ nope is string }}{{ nope is mapping }}{{ (words | map('upper')) is sequence }}{{ (words | map('upper')) is iterable }}",
    # Filters.
    "{{ text | upper }}|{{ text | lower }}|{{ 'hELLO wORLD' | capitalize }}|{{ 'hELLO wORLD-x it\\'s' | title }}|{{ '  a ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ text | replace('o', '0') }}|{{ text | replace('o', '0', 1) }}|{{ n | string | length }}",
    "{{ words | join(', ') }}|{{ numbers | join }}|{{ people | join('/', attribute='name') }}|{{ words | first }}|{{ words | last }}|{{ text | first }}|{{ [] | first }}|{{ words | length }}|{{ person | count }}|{{ unicode | length }}|{{ nope | length }}",
    "{{ nope | default('d') }}|{{ '' | default('d') }}|{{ '' | default('d', true) }}|{{ nothing | d('d') }}|{{ nope | default }}|{{ nope.a | default(1) if nope is defined else 2 }}",
    "{{ mixed | tojson }}|{{ unicode | tojson }}|{{ [1, 1.0, none, true, '<&>\\'\"'] | tojson }}|{{ mixed | tojson(indent=2) }}|{{ [] | tojson(indent=2) }}|{{ {} | tojson }}|{{ [[]] | tojson(indent=1) }}",
    "{{ mixed | tojson(sort_keys=true) }}|{{ unicode | tojson(ensure_ascii=true) }}|{{ mixed | tojson(separators=(',', ':')) }}|{{ {1: 2, true: 3, none: 4} | tojson }}|{{ '\\x07\\x7f\\b\\f' | tojson }}|{{ (1, 2) | tojson }}",
    "{{ words | sort }}|{{ words | sort(case_sensitive=true) }}|{{ numbers | sort(reverse=true) }}|{{ people | sort(attribute='age') | map(attribute='name') | list }}|{{ people | sort(attribute='age,name') | map(attribute='name') | list }}|{{ mixed | dictsort }}|{{ mixed | dictsort(true) }}|{{ {'a': 2, 'b': 1} | dictsort(by='value', reverse=true) }}",
    "{{ words | unique | list }}|{{ words | unique(true) | list }}|{{ words | min }}|{{ numbers | max }}|{{ [] | max }}|{{ numbers | sum }}|{{ people | sum('age') }}|{{ numbers | sum(start=10) }}|{{ words | reverse | list }}|{{ text | reverse }}",
    "{{ words | map('upper') | join('-') }}|{{ people | map(attribute='city.name', default='?') | list }}|{{ numbers | select('odd') | list }}|{{ numbers | reject('gt', 1) | list }}|{{ [0, 1, ''] | select | list }}|{{ people | selectattr('age', 'equalto', 3) | map(attribute='name') | list }}|{{ people | rejectattr('city') | list }}|{{ people | selectattr('city', 'defined') | list | length }}",
    "{{ words | map('replace', 'p', 'b') | list }}|{{ nested | map('length') | list }}|{{ nested | map('first') | map('default', 0) | list }}|{{ messages | map(attribute='role') | unique | list }}",
    "{% for g, list in people | groupby('age') %}{{ g }}:{{ list | map(attribute='name') | join }} {% endfor %}|{{ numbers | batch(3) | list }}|{{ numbers | batch(3, 0) | list }}|{{ numbers | slice(3) | list }}|{{ numbers | slice(3, 'f') | list }}",
    "{{ lines | indent }}|{{ lines | indent(2, true) }}|{{ lines | indent(2, blank=true) }}|{{ 'a\\nb' | indent('> ') }}|{{ '' | indent(2, true) }}",
    "{{ '12' | int }}|{{ '1.9' | int }}|{{ 'q' | int }}|{{ 'q' | int(5) }}|{{ '0x1f' | int(0, 16) }}|{{ x | int }}|{{ nothing | int }}|{{ '2.5' | float }}|{{ 'q' | float }}|{{ ' 3 ' | int }}|{{ -3.7 | abs }}|{{ yes | int }}",
    "{{ 2.567 | round(2) }}|{{ 2.5 | round }}|{{ 3.5 | round }}|{{ 7 | round }}|{{ 2.1 | round(method='ceil') }}|{{ 2.99 | round(1, 'floor') }}|{{ 1234.5 | round(-2) }}|{{ 0.125 | round(2) }}",
    "{{ text | truncate(10) }}|{{ text | truncate(10, true) }}|{{ text | truncate(9, false, '~', 0) }}|{{ text | wordcount }}|{{ 'a' | center(6) }}|{{ '<a href=\"x\">\\'&' | escape }}|{{ 'a b/\u00e9?' | urlencode }}|{{ '%s-%d' | format('a', 3) }}|{{ text | list | length }}|{{ person | items | list }}",
    "{{ person | attr('name') is defined }}|{{ text | safe }}|{{ nope | upper }}|{{ none | upper }}|{{ numbers | string }}|{{ nope | list }}|{{ nope | join }}|{{ x | string }}",
    "{{ words[] | default('x') }}|{{ words | sort(attribute='nope') | join }}|{{ nested | sort | list }}", "{{ n | indent }}", "{{ nope | indent }}", "{{ [nope, nope2] | min }}",
    # Methods.
    "{{ '  a '.strip() }}|{{ 'xax'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ text.startswith('Hell') }}|{{ text.endswith(('x', 'World')) }}|{{ 'a,b,c'.split(',') }}|{{ 'a,b,c'.split(',', 1) }}|{{ ' a  b '.split() }}|{{ 'a b c'.split(none, 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ lines.splitlines() }}",
    "{{ 'a</t>b</t>c'.split('</t>')[-1].lstrip('\\n') }}|{{ 'aXbX'.replace('X', '-') }}|{{ 'aa'.replace('', '.') }}|{{ text.upper() }}|{{ text.lower() }}|{{ 'ab cd'.title() }}|{{ 'it\\'s'.title() }}|{{ 'aBC'.capitalize() }}|{{ 'aB'.swapcase() }}|{{ ', '.join(words) }}",
    "{{ text.find('big') }}|{{ text.find('q') }}|{{ text.rfind('i') }}|{{ text.index('b') }}|{{ text.count('l') }}|{{ '12'.isdigit() }}|{{ 'ab'.isalpha() }}|{{ 'a1'.isalnum() }}|{{ ' '.isspace() }}|{{ ''.isdigit() }}|{{ 'AB'.isupper() }}|{{ 'ab1'.islower() }}|{{ '\u00b2'.isdigit() }}",
    "{{ 'prefix-x'.removeprefix('prefix-') }}|{{ 'x.txt'.removesuffix('.txt') }}|{{ 'k=v=w'.partition('=') }}|{{ 'k=v=w'.rpartition('=') }}|{{ 'a'.center(4) }}|{{ 'a'.ljust(3, '.') }}|{{ 'a'.rjust(3) }}|{{ '-7'.zfill(4) }}|{{ '{} {1}'.format(1, 2) if no else '{}-{}'.format(1, 'b') }}|{{ '{a}{{}}'.format(a=1) }}",
    "{{ words.index('fig') }}|{{ numbers.count(1) }}|{{ '%s %r' % ('a', 'b') }}|{{ '%d%%' % 5 }}|{{ '\u00df'.upper() }}|{{ 'A\u0301B'.lower() }}",
    "{{ person['name'].upper() }}|{{ messages[-1]['content'][0:3] }}|{{ messages[1].content.strip().split(' ')[0] }}|{{ (text | upper).lower() }}|{{ 'a'['upper']() }}",
    # Errors.
    "{{ nope.attribute }}", "{{ nope['x'] }}", "{{ nope() }}", "{{ nope + 1 }}", "{{ 1 + nope }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}", "{{ [1] + (1,) }}", "{{ person.zip.code }}", "{{ 1 < 'a' }}", "{{ none + 1 }}",
    "{{ -'a' }}", "{{ 1 / 0 }}", "{{ 5 % 0 }}", "{{ raise_exception('Only ' ~ 'this') }}", "{% if no %}{{ raise_exception('x') }}{% endif %}fine", "{{ words.append('x') }}", "{{ person.update({}) }}", "{{ person.pop('name') }}", "{{ words.append }}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a in 5 %}{% endfor %}", "{% for a in none %}{% endfor %}", "{{ range(1000000) }}", "{{ n | length }}", "{{ (words | map('upper')) | length }}", "{{ none | tojson }}{{ nope | tojson }}", "{{ text | nofilter }}", "{% if no %}{{ text | nofilter }}{% endif %}ok",
    "{% if yes %}{{ text | nofilter }}{% endif %}", "{{ text is notest }}", "{{ text | nofilter if no }}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{% endmacro %}{{ f(z=2) }}", "{{ 'a'.nomethod() }}", "{{ n() }}", "{{ [1, 'a'] | sort }}", "{{ {[1]: 2} }}",
    "{% set n.x = 1 %}", "{% set nope.x = 1 %}", "{{ text.strip(1) }}", "{{ ','.join([1]) }}", "{{ 'x'.index('q') }}", "{{ person | first }}", "{{ loop }}", "{{ text[::0] }}", "{{ 'a'.split('') }}", "{{ 1 in 5 }}", "{{ 1 in 'a' }}", "{{ namespace(_x=1) }}", "{{ person.__class__ }}", "{{ person.__class__.x }}",
    "{% if %}{% endif %}", "{% for x words %}{% endfor %}", "{{ }}", "{{ 1 + }}", "{% if yes %}", "{% endif %}", "{% nosuchtag %}", "{{ 'a }}", "{{ (1 }}", "{{ [1) }}", "{% break %}", "{{ a b }}", "{# open", "{% raw %}", "{% set true = 1 %}", "{% set 1 = 2 %}", "{{ f(a=1, 2) }}", "{{ 1 is odd is even }}", "{% include 'x' %}", "{{ {'a' 1} }}", "{% for x in words %}", "{% macro 1() %}{% endmacro %}", "{{ x | }}", "{{ 'a' if }}", "{% elif x %}", "{{ @ }}", "{% set x %}{% endfor %}",
]

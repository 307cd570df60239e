#!/usr/bin/env python3
"""Renders chat templates with Jinja2, set up as Hugging Face's transformers do it.

usage: jinja_oracle.py < cases.json > results.json     any cases: [{"template", "context"}]
       jinja_oracle.py --golden > jinja-cases.json     the snippets below, with what Jinja2 makes of them

A result is {"output": text} or {"error": message}.
"""
import datetime
import functools
import json
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """{% generation %}: the part of a template that the model writes; prints as it stands."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


@functools.lru_cache(maxsize=None)
def compiled(source, now):
    return environment(now).from_string(source)


def environment(now):
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: (now or datetime.datetime.now()).strftime(f)
    return env


def render(case):
    now = datetime.datetime.fromtimestamp(case["now"]) if "now" in case else None
    try:
        return {"output": compiled(case["template"], now).render(**case["context"])}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


# What every snippet may use.
CONTEXT = {
    "n": 7, "x": 2.5, "s": "Hello wide World", "u": "Straße 東京 é", "empty": "", "yes": True, "nothing": None,
    "list": [3, 1, 2], "names": ["b", "A", "c", "a"], "none_list": [],
    "d": {"b": 1, "a": {"c": [1, "two", None, True, 1.5]}, "items": "own"},
    "people": [
        {"name": "Ann", "age": 41, "tags": ["x", "y"]},
        {"name": "bob", "age": 9, "tags": []},
        {"name": "Cid", "age": 41},
    ],
}

SNIPPETS = r"""
plain text
{{ n }} {{ x }} {{ s }} {{ yes }} {{ nothing }} {{ missing }}|
{{ list }} {{ d }} {{ people[0] }} {{ names[1:] }} {{ (1,) }} {{ () }} {{ 1, 2 }}
{{ 'a' "b" }} {{ "q'q" }} {{ ['q\'q', "it's \"so\"", 'tab\t', 'nl\n', '\x01', 'é', '\u2028'] }}
{{ "\n\t\\\'\"\x41\u00e9\q" }}
{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 6 / 2 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1e3 }} {{ 1e16 }} {{ 1e15 }} {{ 0.1 + 0.2 }} {{ 1_000 }} {{ 1.5e-7 }} {{ 100000000000000000000.0 }}
{{ -2 ** 2 }} {{ (-2) ** 2 }} {{ 2 ** 3 ** 2 }} {{ -x }} {{ +n }} {{ - -n }}
{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ [1] * 2 + [2] }} {{ 3 * 'x' }} {{ 'n=' ~ n ~ none ~ x ~ true }} {{ 1 ~ 2 }}
{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ none == missing }} {{ missing == other }}
{{ 'ell' in s }} {{ 3 in list }} {{ 'b' in d }} {{ 5 not in list }} {{ not 3 in list }} {{ 'x' in missing }} {{ 1 in (1, 2) }}
{{ yes and n }} {{ none or 'b' }} {{ '' or 0 }} {{ not yes }} {{ not missing }} {{ n and missing }}|
{{ 'a' if yes else 'b' }} {{ 'a' if missing }}| {{ 'a' if none else 'b' if 0 else 'c' }}
{{ s[0] }} {{ s[-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ s[:-1] }} {{ s[100:] }} {{ s[-3:] }} {{ s[::2] }} {{ u[7:9] }} {{ u[::-1] }}
{{ list[0] }} {{ list[-1] }} {{ list[1:] }} {{ list[::-1] }} {{ list[9] }}| {{ list[-9:2] }} {{ list[2:0:-1] }} {{ people.0.name }}
{{ d.b }} {{ d['b'] }} {{ d.a.c[1] }} {{ d['items'] }} {{ d.nope }}| {{ d['nope'] is defined }} {{ d.nope is defined }}
{{ d.keys() | list }} {{ d.values() | list | length }} {{ d.get('b') }} {{ d.get('z') }} {{ d.get('z', 5) }} {{ d.items() | list }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ x }} {% endfor %}
{% for x in list %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b') }} {{ loop.changed(x > 1) }} {% endfor %}
{% for x in none_list %}no{% else %}empty{% endfor %} {% for x in missing %}no{% else %}none{% endfor %}
{% for x in list if x > 1 %}{{ x }}{{ loop.length }}{{ loop.last }}{% endfor %}
{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}
{% for a, (b, c) in [(1, (2, 3)), (4, (5, 6))] %}{{ a }}{{ b }}{{ c }} {% endfor %}
{% for c in u %}{{ c }}.{% endfor %} {% for k in d %}{{ k }} {% endfor %}
{% for p in people %}{% for t in p.tags %}{{ loop.index }}{{ t }}{% endfor %}{{ loop.index }}{% endfor %}
{% for n in [[1, [2, [3]]], 4] recursive %}{{ loop.depth }}{% if n is sequence %}[{{ loop(n) }}]{% else %}{{ n }}{% endif %}{% endfor %}
{% set a = 1 %}{{ a }}{% if true %}{% set a = 2 %}{% endif %}{{ a }}{% for i in list %}{% set a = 9 %}{{ a }}{% endfor %}{{ a }}
{% for i in list %}{{ y }}{% set y = i %}{{ y }} {% endfor %}{{ y }}|
{% set a, b = 1, [2] %}{{ a }}{{ b }} {% set t = 1, %}{{ t }}
{% set ns = namespace(a=1) %}{% for i in list %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }} {{ ns.nope is defined }} {{ ns['a'] }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }} {{ ns }}
{% set body %}a {{ n }} b{% endset %}[{{ body }}] {% set body | upper | trim %} x y {% endset %}[{{ body }}]
{% macro m(a, b=2, c='z') %}({{ a }},{{ b }},{{ c }}){% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(b=4, a=5) }}{{ m() }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}
{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call wrap('b') %}in {{ n }}{% endcall %}
{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) each(list) %}[{{ i }}]{% endcall %}
{% set g = 1 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ m() }} {% macro k(a) %}{% set g = a %}{{ g }}{% endmacro %}{{ k(5) }}{{ g }}
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}| {% filter upper %}x {{ s }}{% endfilter %}
{% raw %}{{ not }} {% this %}{% endraw %} {#- comment -#} x {# another one #} y
{{ s | upper }} {{ s | lower }} {{ s | title }} {{ 'aB cD-eF (gh' | title }} {{ u | upper }} {{ 'ÉA' | lower }} {{ 'hELLO x' | capitalize }}
[{{ '  a b ' | trim }}] [{{ 'xxaxx' | trim('x') }}] {{ s | length }} {{ u | length }} {{ list | length }} {{ d | count }} {{ missing | length }}
{{ missing | default('d') }} {{ none | default('d') }} {{ '' | default('d', true) }} {{ none | d('e', boolean=true) }} {{ n | default(1) }}
{{ list | join(', ') }} {{ list | join }} {{ people | join('-', attribute='name') }} {{ [1, none, 'a'] | join('|') }}
{{ list | first }} {{ list | last }} {{ s | first }} {{ none_list | first }}| {{ none_list | last }}|
{{ list | sort }} {{ names | sort }} {{ names | sort(case_sensitive=true) }} {{ names | sort(reverse=true) }} {{ people | sort(attribute='name') | map(attribute='name') | list }}
{{ people | sort(attribute='age,name') | map(attribute='name') | join(' ') }} {{ d | dictsort | map('first') | list }} {{ {'B': 1, 'a': 0} | dictsort }} {{ {'B': 1, 'a': 0} | dictsort(by='value') }}
{{ list | max }} {{ list | min }} {{ names | max }} {{ list | sum }} {{ people | sum(attribute='age') }} {{ people | max(attribute='age') }} {{ none_list | max }}|
{{ list | reverse | list }} {{ s | reverse }} {{ names | unique | list }} {{ [1, 1.0, 2, true] | unique | list }}
{{ names | map('upper') | list }} {{ people | map(attribute='tags', default='no') | list }} {{ ['a b', 'c d'] | map('replace', ' ', '_') | join }}
{{ list | select('odd') | list }} {{ list | reject('odd') | list }} {{ [0, 1, '', 'a'] | select | list }} {{ list | select('>', 1) | list }}
{{ people | selectattr('age', 'equalto', 41) | map(attribute='name') | list }} {{ people | rejectattr('tags') | map(attribute='name') | list }} {{ people | selectattr('tags', 'defined') | list | length }}
{{ range(5) | list }} {{ range(2, 5) | list }} {{ range(10, 0, -3) | list }} {% for i in range(3) %}{{ i }}{% endfor %}
{{ list | batch(2) | list }} {{ list | batch(2, 'x') | list }} {{ range(7) | slice(3) | list }} {{ range(7) | slice(3, 'z') | list }}
{{ '3' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ '3.7' | int }} {{ '1_0' | int }} {{ 'ff' | int(base=16) }} {{ 2.9 | int }} {{ -2.9 | int }} {{ none | int }} {{ true | int }}
{{ '2.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ -3 | abs }} {{ -2.5 | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 42.55 | round(1) }} {{ 42.51 | round(1, 'floor') }} {{ 42.51 | round(1, 'ceil') }} {{ 42 | round }} {{ 1234 | round(-2) }}
{{ s | replace('l', 'L') }} {{ s | replace('l', 'L', 1) }} {{ 'aaa' | replace('', '-') }} {{ s.replace('o', '0') }} {{ 'aXbX'.replace('X', '', 1) }}
{{ 'a\nb\n\nc' | indent }} | {{ 'a\nb\n\nc' | indent(2, true) }} | {{ 'a\n\nb' | indent(2, blank=true) }} | {{ 'a\nb' | indent('> ') }}
{{ s * 20 | int }} {{ 'foo bar baz qux' | truncate(9) }} {{ 'foo bar baz qux' | truncate(9, true) }} {{ 'foo bar baz qux' | truncate(11) }} {{ 'foo bar baz qux' | truncate(11, false, '...', 0) }}
[{{ 'ab' | center(7) }}] [{{ 'abc'.center(8) }}] [{{ 'ab'.center(5, '*') }}] [{{ 'ab'.ljust(4) }}] [{{ 'ab'.rjust(4, '.') }}] {{ '-4'.zfill(5) }} {{ 'a b  c_d' | wordcount }}
{{ '%s is %d and %5.2f|%-5s|%05d|%x|%%' | format('a', 3, 2.345, 'b', 42, 255) }} {{ '%s' % 'x' }} {{ '%s-%s' % (1, 'b') }} {{ '%(a)s' | format(a=3) }} {{ '%r' % 'q' }} {{ '%+d' % 3 }}
{{ '{} {1}'.format(1) if false else '{} {}'.format(1, 'b') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{a}-{b}'.format(a=1, b=2) }} {{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}'.format('a', 'b', 'c', 42, 3.14159, 1234567) }} {{ '{{}}'.format() }} {{ '{0[1]} {1.a}'.format(list, {'a': 3}) if false else '' }}
{{ d | tojson }} {{ u | tojson }} {{ [1.0, 1e20, true, none, 'a"b\\c\n\u0001/'] | tojson }} {{ u | tojson(ensure_ascii=true) }}
{{ d | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=2) }} {{ [1, {'a': []}] | tojson(indent=4) }}
{{ d | tojson(separators=(',', ':')) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }} {{ (1, 2) | tojson }} {{ '<&>' | tojson }}
{{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ "they're x2y" | title }} {{ "they're x2y".title() }} {{ s.swapcase() }} {{ s.capitalize() }} {{ 'Ab'.casefold() }}
{{ s.split() }} {{ s.split('o') }} {{ s.split('o', 1) }} {{ s.rsplit('o', 1) }} {{ ' a  b '.split() }} {{ ' a  b '.split(' ') }} {{ 'a b c'.split(None, 1) }} {{ 'a b c'.rsplit(None, 1) }} {{ s.split(' ')[0] }}
{{ s.startswith('He') }} {{ s.endswith(('x', 'ld')) }} {{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('zz') }} {{ s.index('W') }} {{ s.count('l') }} {{ u.find('é') }} {{ s.find('o', 5) }} {{ s.startswith('e', 1) }}
[{{ ' a '.strip() }}] [{{ ' a '.lstrip() }}] [{{ ' a '.rstrip() }}] [{{ 'xxaxy'.strip('xy') }}] {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ ','.join(names) }} {{ 'a\nb\r\nc'.splitlines() }}
{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }} {{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islower() }} {{ ''.isdigit() }}
{{ list.index(1) }} {{ list.count(1) }} {{ d.copy() == d }} {{ people[0] == people[0] }} {{ people[0] != people[1] }} {{ [1, 2] == (1, 2) }}
{{ n is defined }} {{ missing is undefined }} {{ nothing is none }} {{ n is number }} {{ n is integer }} {{ x is float }} {{ s is string }} {{ yes is boolean }} {{ yes is true }} {{ n is true }} {{ d is mapping }} {{ list is sequence }} {{ s is iterable }} {{ n is iterable }} {{ missing is iterable }} {{ range is callable }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(3) }} {{ n is eq 7 }} {{ n is ge(8) }} {{ n is gt 6 }} {{ n is lt 6 }} {{ n is ne 6 }} {{ n is sameas 7 }} {{ n is in [7] }} {{ s is not none }} {{ 'A' is upper }} {{ 'a' is lower }} {{ 'upper' is filter }} {{ 'odd' is test }}
{{ n is not defined }} {{ n is defined and missing is not defined }} {{ not n is odd }} {{ n is odd or x }} {{ 'a' if n is odd else 'b' }} {{ -1 | abs }} {{ (n + 1) | string + 'x' }}
{{ d | items | list }} {{ missing | items | list }} {% for k, v in d | items %}{{ k }}{% endfor %} {{ d | list }} {{ 'abc' | list }} {{ 1 | string }} {{ [1] | string }}
{{ dict(a=1, b='x') }} {{ dict([('a', 1)]) }} {{ {'a': 1, 'a': 2} }} {{ {1: 'a', 'b': [2]}[1] }} {% set j = joiner(', ') %}{% for i in list %}{{ j() }}{{ i }}{% endfor %}
{% if list %}a{% elif n %}b{% else %}c{% endif %}{% if none_list %}a{% elif 0 %}b{% elif n %}c{% else %}d{% endif %}{% if missing %}{% else %}e{% endif %}
{{- n -}} x {%- if n %} y {%- endif -%} z
{% if 'x' is string %}s{% endif %}{{ '}}' }}{{ "{%" }}{{ {'a': {'b': 1}} }}{{ {'a': {'b': 1}}.a.b }}
{{ people | map(attribute='name') | map('lower') | join(',') }} {{ people | map(attribute='age') | select('gt', 10) | sum }} {{ people | selectattr('name', 'in', ['Ann']) | list | length }}
{{ (list | select('odd')) | length if false else 'lazy' }} {% set g = list | select('odd') %}{% if none_list | select %}true{% endif %} {{ g | list }} {{ g | list }}
{{ 'é' | urlencode }} {{ 'a b/c?d=e&f' | urlencode }} {{ '<a href="x">' | e }} {{ 'x' | safe }}
{{ lipsum2 }}|{{ missing.foo if missing is defined else 'no' }}
{{ [missing] }} {{ [none, missing] | select('defined') | list }}
{{ 'abc' | attr('upper') is callable }} {{ d | attr('b') is defined }}
{% generation %}gen {{ n }}{% endgeneration %}
{{ strftime_now('%Y') | length }} {{ strftime_now('%d %b %Y') == strftime_now('%d %b %Y') }}
{{ foo.bar }}
{{ missing + 1 }}
{{ 'a' + 1 }}
{{ none | length }}
{{ n.foo.bar }}
{{ list.append(4) }}
{{ d.update({}) }}
{{ 1 / 0 }}
{{ s.nope() }}
{{ missing() }}
{{ raise_exception('no good') }}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{{ 5 in 5 }}
{{ 'a' < 1 }}
{{ missing | tojson }}
{{ list | sort(attribute='x.y') }}
{% set list.x = 1 %}
{% if %}x{% endif %}
{% for x in list %}
{{ n | nope }}
{{ n is nope }}
{{ n
{{ (1, 2 }}
{% endif %}
{% include 'x' %}
{{ 'a }}
{{ range(1000000) | list }}
{{ m(1) }}{% macro m(a) %}{% endmacro %}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
""".strip("\n")


def snippets():
    """One a line, and those that need several lines."""
    several = [
        "{#- c -#}\n  a\n{%- if n %}\n  b\n  {%- else %}\n  c\n{%- endif %}\n",
        "  {% if n %}\nline\n  {% endif %}\n  {{ n }}\n  {%+ if n %} kept {%+ endif %}\nend\n\n",
        "{% for i in list -%}\n  {{ i }}\n{%- endfor %}\n  {# a comment line #}\nlast\n",
        "a\r\nb\rc\n{% set a %}\n  text\n{% endset %}[{{ a }}]\n",
        "{% raw -%}\n  {{ x }}\n{%- endraw %}\n x\n   {% raw %}\n y {% endraw %}\nz",
        "{{ '''x''' if false else 'two\nlines' }}",
    ]
    return SNIPPETS.split("\n") + several


def main():
    if sys.argv[1:] == ["--golden"]:
        cases = [{"template": t, **render({"template": t, "context": CONTEXT})} for t in snippets()]
        json.dump({"context": CONTEXT, "cases": cases}, sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        json.dump([render(case) for case in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()

"""Templates that would hang, or take gigabytes: each is refused soon, in one error."""

# ruff: noqa: E501 - a template is easier to read on one line

from __future__ import annotations

import resource
import time

import pytest
from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.errors import JobFileError
from runner.jobfile.render import Templates
from runner.jobfile.template import _finalize, compile_template

ROW = {"text": "hello", "words": ["one", "two"], "deep": {"a": [1, {"b": "c"}]}}

ATTACKS = {
    "nested range": "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}",
    "filtered range": "{% for a in range(99999) %}{% for b in range(99999) if false %}x{% endfor %}{% endfor %}",
    "mul": "{{ 'a' * 10**9 }}",
    "mul2": "{{ 10**9 * 'a' }}",
    "listmul": "{{ [1] * 10**9 }}",
    "listlen": "{{ ([1] * 10**9)|length }}",
    "%d": "{{ '%1000000000d' % 1 }}",
    "%*d": "{{ '%*d' % (1000000000, 1) }}",
    "%.f": "{{ '%.1000000000f' % 1 }}",
    "%s filter": "{{ '%1000000000s'|format('a') }}",
    "% map": "{{ ('%(a)s' * 100000) % {'a': 'b' * 1000000} }}",
    "format": "{{ '{:>1000000000}'.format('a') }}",
    "format nested": "{{ '{:{w}}'.format('a', w=1000000000) }}",
    "format_map": "{{ '{a:>1000000000}'.format_map({'a':1}) }}",
    "format many": "{{ ('{0}' * 1000000).format('b' * 100000) }}",
    "center": "{{ 'a'|center(1000000000) }}",
    "center m": "{{ 'a'.center(1000000000) }}",
    "ljust": "{{ 'a'.ljust(10**9) }}",
    "zfill": "{{ 'a'.zfill(10**9) }}",
    "center text": "{{ text|center(10**9) }}",
    "map center": "{{ [1]|map('center', 10**9)|join }}",
    "kw": "{{ 'a'|center(width=10**9) }}",
    "indent": "{{ 'a\nb'|indent(10**9) }}",
    "indent first": "{{ 'a'|indent(10**9, true) }}",
    "indent s": "{{ ('a\n' * 100000)|indent('b' * 100000) }}",
    "wordwrap": "{{ ('a ' * 100000)|wordwrap(1, wrapstring='b' * 100000) }}",
    "join": "{{ range(100000)|join('b' * 100000) }}",
    "join m": "{{ ('b' * 100000).join(['a'] * 100000) }}",
    "join gen": "{{ range(100000)|map('string')|join('b' * 100000) }}",
    "pow2": "{{ (10 ** 10000) ** 10000 }}",
    "pow loop": "{% set ns = namespace(x=3) %}{% for i in range(100) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
    "replace": "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
    "replace m": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "double": "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "double+": "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    "double block": "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set y %}{{ns.x}}{{ns.x}}{% endset %}{% set ns.x = y %}{% endfor %}{{ ns.x }}",
    "dag": "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "dag eq": "{% set ns = namespace(x='ab', y='ab') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
    "dag tuple": "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ ns.x|string }}",
    "dag dict": "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = {'a':ns.x, 'b':ns.x} %}{% endfor %}{{ ns.x|tojson }}",
    "zip": "{% set ns = namespace(x=['ab']) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x]|map('list')|list %}{% endfor %}{{ ns.x }}",
    "macro": "{% macro f(n) %}{{ f(n-1) }}{{ f(n-1) }}{% endmacro %}{{ f(100) }}",
    "macro exp": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(40) }}",
    "recursive": "{% for x in [1,2] recursive %}{{ loop([1,2]) }}{% endfor %}",
    "recursive big": "{% for x in range(99999) recursive %}{% if loop.depth0 < 3 %}{{ loop(range(99999)) }}{% endif %}{% endfor %}",
    "self block": "{% block a %}{{ self.a() }}{% endblock %}",
    "scoped": "{% for i in range(99999) %}{% block a scoped %}{% for j in range(9999) %}{% endfor %}{% endblock %}{% endfor %}",
    "batch": "{{ [1]|batch(10**9, 0)|list|length }}",
    "slice": "{{ [1]|slice(10**9)|list|length }}",
    "slice x": "{{ [1]|slice(10**9)|first }}",
    "tojson": "{{ [[1]]|tojson(indent=10**9) }}",
    "round": "{{ 2.5|round(10**9, 'ceil') }}",
    "round negative": "{{ 12345|round(-10**9) }}",
    "round0": "{{ 2.5|round(10**7, 'floor') }}",
    "expandtabs": "{{ '\t'.expandtabs(10**9) }}",
    "translate": "{{ ('a'*1000000).translate({97: 'b' * 1000000}) }}",
    "to_bytes": "{{ (1).to_bytes(10**9, 'big') }}",
    "sum": "{{ ([[1]] * 100000)|sum(start=[]) }}",
    "sort": "{% for i in range(99999) %}{% set x = range(99999)|sort %}{% endfor %}",
    "consume": "{% for i in range(99999) %}{% set x = range(99999)|map('upper')|max %}{% endfor %}",
    "sum loop": "{% for i in range(99999) %}{% set x = range(99999)|sum %}{% endfor %}",
    "select in": "{{ range(99999)|select('in', range(99999)|list|sort)|list|length }}",
    "reject chain": "{% for i in range(9999) %}{% set x = range(99999)|reject('odd')|reject('even')|list %}{% endfor %}",
    "in loop": "{% set t = 'ab' * 1000000 %}{% for i in range(99999) %}{% if 'zz' in t %}{% endif %}{% endfor %}",
    "in list": "{% set t = range(99999)|list %}{% for i in range(99999) %}{% if -1 in t %}{% endif %}{% endfor %}",
    "slices": "{% set t = 'ab' * 1000000 %}{% for i in range(99999) %}{% set x = t[1:] %}{% endfor %}",
    "urlize": "{{ ('http://a.b ' * 100000)|urlize(rel='b' * 100000) }}",
    "urlize2": "{{ ('www.' * 1000000)|urlize }}",
    "striptags": "{{ ('<!--' * 500000)|striptags }}",
    "striptags2": "{{ ('<' * 1000000)|striptags }}",
    "wordwrap2": "{{ ('a-' * 300000)|wordwrap(79) }}",
    "wordwrap4": "{{ ('a' * 1000000)|wordwrap(1) }}",
    "title": "{{ ('-a' * 500000)|title }}",
    "pprint": "{{ (range(99999)|list)|pprint }}",
    "int hex": "{{ ('f' * 1000000)|int(base=16) }}",
    "bigdiv": "{{ (1).from_bytes(('a'*3000000).encode(), 'big') // 7 }}",
    "xmlattr": "{{ {'a':'&'*3000000}|xmlattr }}",
    "escape": "{{ ('&'*3000000)|e|string|e }}",
    "urlencode": "{{ ('é'*3000000)|urlencode }}",
    "groupby": "{% for i in range(9999) %}{% set x = range(9999)|map('string')|groupby(0)|list %}{% endfor %}",
    "unique": "{{ range(99999)|map('string')|unique|list|length }}",
    "truncate": "{{ ('a '*1000000)|truncate(1999999) }}",
    "cycle": "{% for i in range(99999) %}{{ loop.cycle('a'*40, 'b'*40) }}{% endfor %}",
    "changed": "{% set t = range(99999)|list %}{% for i in range(99999) %}{% if loop.changed(t) %}{% endif %}{% endfor %}",
    "strformat loop": "{% for i in range(99999) %}{{ '{:>3999}'.format(i) }}{% endfor %}",
    "concat many": "{% set t = 'ab' * 1000000 %}{{ " + " ~ ".join(["t"] * 5000) + " }}",
    "output many": "{% set t = 'ab' * 1000000 %}" + "{{ t }}" * 5000,
    "data loop": "{% for i in range(99999) %}" + "x" * 100_000 + "{% endfor %}",
    "deep for": "{% for i in range(9) %}" * 19 + "{% endfor %}" * 19,
}


def rendered(source: str, row: object = ROW) -> str:
    return Templates("job", {"user": source}).render("user", row)


@pytest.mark.parametrize("source", ATTACKS.values(), ids=ATTACKS)
def test_a_template_that_does_too_much_is_refused_soon_and_takes_little_memory(
    source: str,
) -> None:
    started, before = time.process_time(), most_memory()
    with pytest.raises(JobFileError, match=r"too much work|recursion depth") as told:
        rendered(source)
    assert told.value.remedy
    assert time.process_time() - started < 10, "a second or two on a slow machine"
    assert most_memory() - before < 150_000_000


def most_memory() -> int:
    """The most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{% if a %}b{% endif %}" * 9_999, "more than 2,000 statements"),
        ("{% set x = 1 %}" * 50_000, "more than 2,000 statements"),
        ("{{ " + "9" * 10_000 + " }}", "a number that is too long"),
    ],
)
def test_a_template_that_cannot_be_compiled_soon_is_refused(source: str, what: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateSyntaxError, match=what):
        compile_template(source)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "source", ["{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% if 1 %}" * 5000]
)
def test_a_template_that_is_nested_too_deeply_is_refused(source: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        compile_template(source)


def test_what_refers_to_itself_is_written_out_without_end_of_time() -> None:
    itself = "{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ [ns]|string }}"
    assert rendered(itself) == "[<namespace>]"
    twice = "{% set ns = namespace(x=1) %}{% for i in range(99) %}{% set ns.x = namespace(a=ns.x, b=ns.x) %}{% endfor %}{{ [ns.x]|string }}"
    assert rendered(twice) == "[<namespace>]"


MODEST = [
    "{% for w in words %}{{ loop.index }}/{{ loop.length }} {{ w }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for w in words if w != 'one' %}{{ w }}{% else %}none{% endfor %}",
    "{{ text|center(11) }}|{{ text.ljust(7) }}|{{ '%05.1f' % 2.25 }}|{{ '{:>7}'.format(text) }}",
    "{{ words|join(', ') }} {{ words|map('upper')|list }} {{ ', '.join(words) }}",
    "{{ 'a' * 3 ~ 1 + 2 ~ [1, text] }} {{ 2 ** 10 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ [1] + [2] }}",
    "{% macro m(x, n=2) %}{{ x * n }}{% endmacro %}{{ m('ab') }}{{ m('c', n=3) }}",
    "{% macro box() %}<{{ caller() }}>{% endmacro %}{% call box() %}{{ text }}{% endcall %}",
    "{% set x %}{{ text }}!{% endset %}{% set y | upper %}{{ x }}{% endset %}{{ x }}{{ y }}",
    "{% set ns = namespace(n=0) %}{% for w in words %}{% set ns.n = ns.n + w|length %}{% endfor %}{{ ns.n }}",
    "{% filter upper %}{{ text }}{% endfilter %}{{ text[1:3] }}{{ text[-1] }}{{ text[::-1] }}",
    "{% for k, v in deep.items() %}{{ k }}={{ v }}{% endfor %} {{ deep|tojson(indent=1)|length }}",
    "{{ 'x' in text }}{{ 'ell' in text }}{{ words == ['one', 'two'] }}{{ 'one' is in words }}",
    "{{ words|select('equalto', 'one')|list }}{{ words|first }}{{ words|last }}{{ words|sort(reverse=true) }}",
    "{{ [3, 1]|sum }} {{ [[1], [2]]|sum(start=[]) }} {{ 2.567|round(1) }} {{ 'a b'|replace(' ', '-') }}",
    "{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}",
    "{{ 'a\nb'|indent(2) }}|{{ 'aa bb cc'|wordwrap(5) }}|{{ [1, 2, 3]|batch(2, 0)|list }}",
    "{{ ['c', 'a']|groupby(0)|map('first')|list }}{{ {'b': 1, 'a': 2}|dictsort }}",
    "{{ '{a}-{b[0]}'.format(a=1, b=words) }} {{ '{x}'.format_map({'x': 2}) }} {{ '%s/%s' | format(1, 2) }}",
]


@pytest.mark.parametrize("source", MODEST)
def test_a_modest_template_is_rendered_as_by_jinja_itself(source: str) -> None:
    jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_finalize)
    assert rendered(source) == jinja.from_string(source).render(ROW)


def test_a_long_row_allows_more() -> None:
    """A document of some megabytes goes through filters, line by line if need be."""
    lines = [f"line {number} of a long document" for number in range(100_000)]
    row = {"text": "\n".join(lines)}
    source = "{% for line in text.splitlines() %}{{ line | trim | upper }}\n{% endfor %}{{ text|trim|length }}"
    assert len(rendered(source, row)) > len(row["text"])

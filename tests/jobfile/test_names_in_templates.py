"""Which value a name in a template finds: a column or a key first, a method only in a call."""

import pytest

from runner import exact_json
from runner.errors import JobFileError
from runner.jobfile import Prompt, parse
from runner.jobfile.template import compile_template

ORDER = {"items": ["tea", "milk"], "total": 4, "get": "yes", "lines": [{"count": 2, "index": 7}]}


def rendered(template: str, **row: object) -> str:
    return compile_template(template).render(row)


def refusal(template: str, **row: object) -> str:
    text = f"[job]\nmodel = 'm'\n[prompt]\nuser = '''{template}'''"
    with pytest.raises(JobFileError) as caught:
        Prompt(parse(text, "job.toml")).messages(row)
    return str(caught.value)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ order.items }}", '["tea", "milk"]'),
        ("{{ order['items'] }}", '["tea", "milk"]'),
        ("{{ order.items[0] }} {{ order.items.1 }}", "tea milk"),
        ("{{ order.get }}", "yes"),
        ("{{ order.get('total') }}", "4"),
        ("{% for k, v in order.items() %}{{ k }};{% endfor %}", "items;total;get;lines;"),
        ("{{ order.lines[0].count }} {{ order.lines.0.index }}", "2 7"),
        ("{{ order.lines | map(attribute='count') | join }}", "2"),
        ("{{ order | attr('items') }}", '["tea", "milk"]'),
        ("{{ order.keys() }}", '["items", "total", "get", "lines"]'),
        ("{{ order.items | map('upper') }}", '["TEA", "MILK"]'),
        ("{{ (order.items | first).upper() }}", "TEA"),
    ],
)
def test_a_key_goes_before_a_method_of_its_name(template: str, text: str) -> None:
    assert rendered(template, order=ORDER) == text


@pytest.mark.parametrize(
    "name", ["values", "keys", "items", "copy", "update", "get", "pop", "title"]
)
def test_a_column_is_read_by_its_name_from_the_row(name: str) -> None:
    template = compile_template(f"{{{{ row.{name} }}}}")
    assert template.render({name: "tea"}) == "tea"
    assert template.required == template.columns_read == {name}


@pytest.mark.parametrize(
    "name",
    ["loop", "range", "namespace", "self", "row", "for", "if", "in", "class", "import", "caller"],
)
def test_a_column_may_have_the_name_of_a_word_of_the_language(name: str) -> None:
    assert rendered(f'{{{{ row["{name}"] }}}}', **{name: "tea"}) == "tea"
    if name != "row":
        assert rendered(f"{{{{ {name} }}}}", **{name: "tea"}) == "tea"


def test_a_function_works_beside_a_column_of_its_name() -> None:
    template = "{% for n in range(2) %}{{ n }}{{ range }}{% endfor %}"
    assert rendered(template, range="x") == "0x1x"
    template = "{% set box = namespace(n=1) %}{% set box.n = 2 %}{{ box.n }}{{ namespace }}"
    assert rendered(template, namespace="x") == "2x"


@pytest.mark.parametrize(
    "template",
    [
        "{{ text.title }}",
        "{{ order.values }}",
        "{{ order.lines.append }}",
        "{{ order.total.real }}",
        "{{ order | attr('values') }}",
        "{{ order['values'] ~ '' }}",
        "{{ [order.values] }}",
        "{{ order.values | string }}",
    ],
)
def test_a_method_that_is_not_called_is_a_value_that_does_not_exist(template: str) -> None:
    assert "does not exist" in refusal(template, text="x", order=ORDER)


@pytest.mark.parametrize(
    "template", ["{{ text.title() }}", "{% macro m() %}{% endmacro %}{{ m }}", "{{ text.upper }}"]
)
def test_only_data_reaches_a_prompt(template: str) -> None:
    if template == "{{ text.title() }}":
        assert rendered(template, text="tea") == "Tea"
    else:
        assert "[prompt] user" in refusal(template, text="tea")


@pytest.mark.parametrize(
    "template",
    ["{{ NAME }}", '{{ row["NAME"] }}', "{{ row.NAME | upper }}", '{{ row.get("NAME", 1) }}'],
)
def test_canonically_equivalent_names_are_one_column(template: str) -> None:
    one, other = "r\u00e9sum\u00e9", "re\u0301sume\u0301"
    for written, stored in ((one, other), (other, one)):
        compiled = compile_template(template.replace("NAME", written))
        assert compiled.render({stored: "TEA"}) == "TEA"
        assert compiled.columns_read == {one}


def test_canonically_equivalent_keys_are_one_at_every_depth() -> None:
    assert rendered("{{ a.r\u00e9 }}", a={"re\u0301": 1}) == "1"


@pytest.mark.parametrize(
    "spelled", ["0.1000", "1e400", "-0", "-0.0", "1E5", "80241446968629135069"]
)
def test_a_number_is_written_as_it_is_spelled(spelled: str) -> None:
    row = exact_json.loads(f'{{"n": {spelled}, "in": {{"list": [{spelled}]}}}}')
    assert rendered("{{ n }}", **row) == spelled
    assert rendered("{{ n | string }}{{ n ~ '' }}", **row) == spelled * 2
    assert rendered("{{ row['in'] }}", **row) == f'{{"list": [{spelled}]}}'
    assert rendered("{{ row['in'] | tojson }}", **row) == f'{{"list": [{spelled}]}}'

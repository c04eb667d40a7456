"""The language of messages: how it is chosen, and that every message has a translation."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer.core
from babel.messages.pofile import read_po

from runner import language
from runner.app.running import reasons
from runner.cli import translated_help

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("zh_TW", "zh_CN")
PLACE = re.compile(r"(?<!\{)\{(\w+)")


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages_tool", ROOT / "tools" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return _tool()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"LANG": "C"}, None),
        ({"LANG": "C.UTF-8"}, None),
        ({"LANG": "en_GB.UTF-8"}, None),
        ({"LANG": "de_DE.UTF-8"}, None),
        ({"LANG": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_HK"}, "zh_TW"),
        ({"LANG": "zh-Hant"}, "zh_TW"),
        ({"LANG": "zh_Hant_MO@x.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_CN.GB18030"}, "zh_CN"),
        ({"LANG": "zh_SG"}, "zh_CN"),
        ({"LANG": "zh"}, "zh_CN"),
        ({"LANG": "en_US", "LC_MESSAGES": "zh_TW"}, "zh_TW"),
        ({"LANG": "zh_CN", "LC_ALL": "en_US.UTF-8"}, None),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_TW:en"}, "zh_TW"),
        ({"LANG": "zh_CN", "LANGUAGE": "en:zh_CN"}, None),
        ({"LC_ALL": "C", "LANGUAGE": "zh_TW", "LANG": "zh_TW"}, None),
        ({"LANG": "de_DE", "MIDNIGHT_LANG": "zh-TW"}, "zh_TW"),
        ({"LANG": "zh_TW", "MIDNIGHT_LANG": "en"}, None),
    ],
)
def test_the_language_is_what_the_environment_asks_for(
    environment: dict[str, str], expected: str | None
) -> None:
    assert language.chosen(environment) == expected


def test_the_template_has_every_message_of_the_sources(tool: ModuleType) -> None:
    assert tool.TEMPLATE.read_bytes() == tool.spelt(tool.collected()), "run: make messages"


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_message_is_translated_and_none_is_left_over(tool: ModuleType, name: str) -> None:
    with tool.po_path(name).open("rb") as file:
        found = read_po(file, locale=name)
    wanted = {one.id for one in tool.collected() if one.id}
    assert {one.id for one in found if one.id} == wanted, "run: make messages"
    assert [one.id for one in found if one.id and not tool.translated(one.string)] == []
    assert [one.id for one in found if one.id and one.fuzzy] == []
    assert not found.obsolete


@pytest.mark.parametrize("name", LANGUAGES)
def test_what_is_compiled_is_what_is_written(tool: ModuleType, name: str) -> None:
    path = tool.po_path(name)
    with path.open("rb") as file:
        found = read_po(file, locale=name)
    assert path.with_suffix(".mo").read_bytes() == tool.compiled(found), "run: make messages"


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_translation_has_the_places_of_its_message(tool: ModuleType, name: str) -> None:
    with tool.po_path(name).open("rb") as file:
        found = read_po(file, locale=name)
    for one in found:
        source = one.id if isinstance(one.id, tuple) else (one.id,)
        forms = one.string if isinstance(one.string, tuple) else (one.string,)
        for form in forms:
            assert set(PLACE.findall(form)) == set(PLACE.findall(source[-1])), one.id
            assert form.startswith("\n") == source[0].startswith("\n"), one.id


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_word_of_the_other_script_slips_in(tool: ModuleType, name: str) -> None:
    """A few characters that only one of the two has, and the terms that only one of them uses."""
    others = {"zh_TW": "这个们对单设数据库", "zh_CN": "這個們對單設數據庫"}
    wrong = {
        "zh_TW": ("默認", "文件夾", "質量"),
        "zh_CN": ("资料库", "档案", "预设", "呼叫", "帐号"),
    }
    text = tool.po_path(name).read_text(encoding="utf-8")
    told = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    foreign = set(others[name]) - set(others["zh_CN" if name == "zh_TW" else "zh_TW"])
    assert foreign.isdisjoint(told)
    assert [word for word in wrong[name] if word in told] == []


# The rooms whose messages also reach programs, which are answered in English.
ANSWERING_PROGRAMS = ("store", "files", "engine")


@pytest.mark.parametrize("room", ANSWERING_PROGRAMS)
def test_a_message_that_programs_may_get_is_translated_where_it_is_used(room: str) -> None:
    """What a module translates as it is loaded keeps the language of the process."""
    early = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "runner" / room).rglob("*.py"))
        for statement in ast.parse(path.read_text()).body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for call in ast.walk(statement)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "_"
    ]
    assert early == []


def test_what_typer_hands_to_gettext_is_in_the_catalogue() -> None:
    tree = ast.parse(Path(typer.core.__file__).read_text(encoding="utf-8"))
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    said = {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "_"
        and isinstance(call.args[0], ast.Constant)
    }
    assert said <= set(translated_help.OF_TYPER)


def _reasons_in(path: str, makers: set[str]) -> Iterator[str]:
    """The sentences handed to `makers` in a module, with ``{}`` for what stands in their places."""
    for call in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if getattr(call.func, "id", "") not in makers:
            continue
        match call.args[0]:
            case ast.Constant(str(text)):
                yield text
            case ast.JoinedStr(parts):
                yield "".join(p.value if isinstance(p, ast.Constant) else "{}" for p in parts)


@pytest.mark.parametrize(
    "path",
    [
        "runner/jobfile/answers/reply.py",
        "runner/engine/call.py",
    ],
)
def test_every_reason_that_is_stored_can_be_told_again(path: str) -> None:
    known = {re.sub(r"\{\w+\}", "{}", one) for one in reasons.REASONS}
    said = set(_reasons_in(path, {"Invalid", "UnreadableError", "Fail"}))
    assert said
    assert said <= known


@pytest.mark.parametrize(
    "template",
    [
        "the reply contains half a character",
        "the reply broke off at its limit of tokens: {shown}; {remedy}",
        "the reply broke off at its limit of tokens",
        "the provider's filter of contents stopped the reply",
    ],
)
def test_a_reason_that_an_earlier_release_stored_is_still_translated(template: str) -> None:
    assert template in reasons.REASONS


def test_a_reason_in_english_is_told_as_it_is() -> None:
    assert reasons.translated("the reply is empty") == "the reply is empty"
    assert reasons.translated("") == ""


@pytest.mark.parametrize("name", ["README.zh-TW.md", "README.zh-CN.md"])
def test_a_translated_readme_says_as_much_as_the_original(name: str) -> None:
    """The same headings, rows of tables, links, and blocks of code to the letter."""
    original, translated = ((ROOT / one).read_text(encoding="utf-8") for one in ("README.md", name))

    def of(pattern: str, text: str) -> list[str]:
        return re.findall(pattern, text, re.MULTILINE | re.DOTALL)

    code = r"^```.*?^```$"
    assert of(code, translated) == of(code, original)
    prose, told = (
        re.sub(code, "", text, flags=re.MULTILINE | re.DOTALL) for text in (original, translated)
    )
    for pattern in (r"^#+ ", r"^\| ", r"^- ", r"^\d\. "):
        assert len(of(pattern, told)) == len(of(pattern, prose)), pattern
    pages = r"\]\((docs/[^)]*)\)"
    assert set(of(pages, told)) == set(of(pages, prose))
    for other in {"README.md", "README.zh-TW.md", "README.zh-CN.md"} - {name}:
        assert f"({other})" in translated.split("\n## ")[0]

"""What holds for every kind of TOML file, shown with one that is nobody's."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from runner.errors import RunnerError
from runner.tomlfile import TomlFile, first_message, problem


class RecipeError(RunnerError):
    pass


def not_salty(text: str) -> str:
    if text == "salt":
        raise problem("too {salty}", "use sugar")
    if text == "sand":
        raise problem("not food")
    return text


def no_spaces(text: str) -> str:
    if " " in text:
        raise problem("must be one word")
    return text


def cooked(recipe: "Recipe") -> "Recipe":
    if not recipe.steps:
        raise problem("nothing is cooked", "add a step")
    return recipe


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Oven(Table):
    heat: int = 180


class JobAction(Table):
    verb: Annotated[str, AfterValidator(not_salty)]
    oven: Oven = Oven()
    tools: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Recipe(Table):
    title: str = ""
    toppings: Annotated[tuple[Oven, ...], Field(strict=False)] = ()
    steps: dict[Annotated[str, AfterValidator(no_spaces)], JobAction]


class Meal(Recipe):
    check_cooked = model_validator(mode="after")(cooked)


RECIPE = TomlFile(model=Meal, error=RecipeError, noun="recipe", remedy="ask the cook")


def refused(text: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        RECIPE.check(RECIPE.tables(text, "cake.toml"), "cake.toml")
    return caught.value


def unreadable(path: Path) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        RECIPE.load(path)
    return caught.value


def test_a_file_becomes_the_model(tmp_path: Path) -> None:
    path = tmp_path / "cake.toml"
    path.write_text('[steps.one]\nverb = "stir"\n', encoding="utf-8-sig")
    assert RECIPE.load(path) == Meal(steps={"one": JobAction(verb="stir")})


def test_what_cannot_be_read_is_called_by_its_noun(tmp_path: Path) -> None:
    missing = unreadable(tmp_path / "none.toml")
    assert (missing.what, missing.where) == ("no such recipe", str(tmp_path / "none.toml"))
    assert unreadable(tmp_path).remedy == "name a recipe in it"
    assert unreadable(tmp_path / "a\0b").what.startswith("the recipe cannot be read (")


@pytest.mark.parametrize(
    ("data", "what", "line"),
    [
        (b"a\n\xff", "a recipe is UTF-8 text, and this is not", ":2"),
        (b"a\0b", "this is a binary file", ""),
        (b"title = 'x'\n= 1", "this is not TOML: Invalid statement", ":2"),
        (b"title = 'x", "this is not TOML: ", ":1"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(
    tmp_path: Path, data: bytes, what: str, line: str
) -> None:
    path = tmp_path / "cake.toml"
    path.write_bytes(data)
    error = unreadable(path)
    assert error.what.startswith(what)
    assert error.where == f"{path}{line}"
    assert error.remedy


def test_values_nested_too_deeply_are_an_error_of_the_file() -> None:
    assert refused("a = " + "[" * 5000).what == "the values are nested too deeply"


@pytest.mark.parametrize(
    ("text", "place", "what", "remedy"),
    [
        ("", "[steps]", "this table is required", "add the table"),
        ("[steps]", "the file", "nothing is cooked", "add a step"),
        ("steps = 1", "[steps]", "must be a table", "correct the value"),
        ("[steps.one]", "[steps.one] verb", "this key is required", "add the key"),
        ("[steps]\none = 1", "[steps.one]", "must be a table", "correct the value"),
        (
            "[steps.one]\nverb = 1",
            "[steps.one] verb",
            "must be text in quotes",
            "correct the value",
        ),
        ("[steps.one]\nverb = 'sand'", "[steps.one] verb", "not food", "correct the value"),
        ("[steps.one]\nverb = 'salt'", "[steps.one] verb", "too {salty}", "use sugar"),
        (
            "[steps.one]\nverb = ''\nbowl = 1",
            "[steps.one] bowl",
            'unknown key "bowl"',
            'use one of "verb", "oven", "tools"',
        ),
        (
            "[steps.one]\nverb = ''\n[steps.one.oven]\nhaet = 1",
            "[steps.one.oven] haet",
            'unknown key "haet"',
            'did you mean "heat"?',
        ),
        (
            "[steps.one]\nverb = ''\ntools = ['a', 1]",
            "[steps.one] tools item 2",
            "must be text in quotes",
            "correct the value",
        ),
        (
            "[steps]\n[[toppings]]\n[[toppings]]\nhaet = 1",
            "[toppings] item 2 haet",
            'unknown key "haet"',
            'did you mean "heat"?',
        ),
        ("[steps.'a.b']", '[steps."a.b"] verb', "this key is required", "add the key"),
        (
            "[steps.'a b']\nverb = ''",
            '[steps."a b"]',
            "must be one word",
            "correct the value",
        ),
        ("[steps]\n[stesp]", "[stesp]", 'unknown table or key "stesp"', 'did you mean "steps"?'),
    ],
)
def test_one_fault_is_told_with_its_place_and_remedy(
    text: str, place: str, what: str, remedy: str
) -> None:
    error = refused(text)
    assert (error.where, error.what, error.remedy) == (f"cake.toml: {place}", what, remedy)


@pytest.mark.parametrize(
    "text",
    [
        "[" + ".".join("a" * 5_000) + "]\nx = 1",
        "steps" + ".a" * 300 + " = 1",
        "title = " + "[" * 300 + "]" * 300,
        "title = " + "{a=" * 3_000 + "1" + "}" * 3_000,
        "title = " + "[" * 30_000 + "]" * 30_000,
    ],
    ids=["a header", "a dotted key", "lists", "tables", "more than the parser bears"],
)
def test_values_that_are_nested_too_deeply_are_refused(text: str) -> None:
    error = refused(text)
    assert error.what == "the values are nested too deeply"
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "number", ["9223372036854775808", "-9223372036854775809", "0x" + "f" * 999]
)
def test_a_number_that_no_database_takes_is_refused_with_its_place(number: str) -> None:
    error = refused(f"[steps.one]\nverb = 'stir'\nminutes = [1, {number}]")
    assert error.where == "cake.toml: steps.one.minutes"
    assert error.what == "the number does not fit into 64 bits"


def test_several_faults_are_told_at_once_with_the_kinds_own_remedy() -> None:
    error = refused("title = 1\n[steps.one]\n")
    assert error.what == (
        "2 things are wrong:\n"
        "  [title]: must be text in quotes; correct the value\n"
        "  [steps.one] verb: this key is required; add the key"
    )
    assert (error.where, error.remedy) == ("cake.toml", "ask the cook")


def test_the_wording_of_a_complaint_does_not_show_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Oven.model_validate_strings({"heat": "secret"})
    assert first_message(caught.value) == "must be a whole number"

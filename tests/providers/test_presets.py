"""Presets are data: each is whole, dated and sourced, and a user may correct any of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from runner.core.grants import GrantTerms
from runner.core.period import Calendar, Grant, Rolling
from runner.core.verdict import Kind, Reply, Scope, classify
from runner.core.window import Quota, Source, Unit
from runner.errors import ConfigError
from runner.providers.account import QuotaOverrides, quotas_of
from runner.providers.header_names import HeaderNames
from runner.providers.presets import Preset, preset, shipped
from runner.settings import ProviderTable, load_settings

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"


def written(name: str, text: str) -> Preset:
    """The provider called `name` with the table `text` laid over it."""
    return preset(name, {name: ProviderTable.model_validate(tomllib.loads(text))})


def refused(name: str, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        written(name, text)
    return caught.value


# What is shipped


@pytest.mark.parametrize("name", shipped())
def test_every_preset_says_as_of_when_and_from_where(name: str) -> None:
    found = preset(name)
    assert re.fullmatch(r"20\d\d-\d\d", found.as_of)
    assert found.source.startswith("https://") or name == "openai-compatible"
    assert found.title != name


@pytest.mark.parametrize("name", shipped())
def test_every_preset_has_calls_a_day_as_its_primary_quotas(name: str) -> None:
    """Their windows carry the gates, and their names work as limits everywhere."""
    found = preset(name)
    assert found.primary(Scope.ACCOUNT).name == "calls_per_day"
    assert found.primary(Scope.MODEL).name == "calls_per_day_per_model"
    assert {table.unit for table in found.tables[:2]} == {"calls"}


@pytest.mark.parametrize("name", shipped())
def test_a_refusal_of_the_account_or_for_good_tells_what_to_do(name: str) -> None:
    told = (Kind.GONE, Kind.UNAUTHORISED)
    verdicts = [rule.verdict for rule in preset(name).rules if rule.verdict.kind in told]
    assert all(verdict.remedy for verdict in verdicts)


def test_modelscope_has_two_regimes() -> None:
    found = preset("modelscope")
    by_name = {table.name: table for table in found.tables}
    assert list(by_name) == ["calls_per_day", "calls_per_day_per_model", "credits"]
    assert by_name["calls_per_day"].period == Calendar("day", "Asia/Shanghai")
    assert by_name["calls_per_day"].limit == 2000
    assert (by_name["credits"].unit, by_name["credits"].period) == ("credits", Grant())
    assert found.prices == {}, "they differ from model to model; its site tells them"
    assert "{model}" in (found.price_url or "")


def test_an_unknown_provider_names_the_near_one_and_all() -> None:
    with pytest.raises(ConfigError) as caught:
        preset("modelscop", {"mine": ProviderTable()})
    assert caught.value.what == 'unknown provider "modelscop"'
    assert (caught.value.remedy or "").startswith('did you mean "modelscope"? the providers are')
    assert (caught.value.remedy or "").endswith('"mine"')


# An account's limits


def rules(provider: str = "modelscope", **wishes: Any) -> dict[str, Quota]:
    return {rule.name: rule for rule in quotas_of(preset(provider), QuotaOverrides(**wishes))}


def test_a_users_limits_go_before_the_presets() -> None:
    found = rules(limits={"calls_per_day": 5}, reserve=2)
    account, model = found["calls_per_day"], found["calls_per_day_per_model"]
    assert (account.limit, account.source, account.reserve) == (5, Source.CONFIGURED, 2)
    assert (model.scope, model.limit, model.reserve) == (Scope.MODEL, None, 0)
    found = rules(limits={"calls_per_day_per_model": 7})
    account, model = found["calls_per_day"], found["calls_per_day_per_model"]
    assert (account.limit, account.source) == (2000, Source.PRESET)
    assert (model.limit, model.source) == (7, Source.CONFIGURED)


def test_any_quota_of_the_provider_may_be_limited() -> None:
    found = rules("groq", limits={"tokens_per_minute": 9_000})
    assert (found["tokens_per_minute"].limit, found["tokens_per_minute"].unit) == (
        9_000,
        Unit.TOKENS,
    )


def test_a_limit_of_no_quota_names_the_near_one() -> None:
    with pytest.raises(ConfigError) as caught:
        rules(limits={"calls_a_day": 5})
    assert caught.value.what == 'the provider "modelscope" has no quota "calls_a_day"'
    assert (caught.value.remedy or "").startswith('did you mean "calls_per_day"?')


def test_credits_are_counted_in_thousandths() -> None:
    assert rules(limits={"credits": 250})["credits"].limit == 250_000


def test_what_the_user_allows_is_a_quota_of_its_own() -> None:
    found = rules(max_calls_per_day=50, max_calls=900)
    assert (found["max_calls_per_day"].limit, found["max_calls"].limit) == (50, 900)
    assert not found["max_calls"].primary
    assert found["max_calls"].period == Grant()


@pytest.mark.parametrize("name", shipped())
def test_the_first_of_each_scope_is_its_primary_and_the_accounts_come_first(name: str) -> None:
    found = list(rules(name, max_calls=5).values())
    for scope in Scope:
        assert [rule.primary for rule in found if rule.scope is scope].count(True) == 1
    assert [rule.scope for rule in found] == sorted(rule.scope for rule in found)


# What a user writes over a preset


def test_nothing_said_changes_nothing() -> None:
    assert written("modelscope", "") == preset("modelscope")


def test_a_field_is_replaced_and_the_others_stay() -> None:
    found = written("modelscope", "calls_per_second = 3\nzone = 'UTC'")
    assert (found.calls_per_second, found.zone, found.start_concurrency) == (3, "UTC", 2)
    assert found.primary(Scope.ACCOUNT).period == Calendar("day", "UTC")
    assert found.rules == preset("modelscope").rules


def test_a_quota_is_corrected_key_by_key_in_its_place() -> None:
    text = "[quotas.calls_per_day]\nlimit = 500\nheaders = { remaining = 'X-Left' }"
    table, *others = written("modelscope", text).tables
    assert (table.name, table.limit) == ("calls_per_day", 500)
    limit = "modelscope-ratelimit-requests-limit"
    assert table.headers == HeaderNames(limit=limit, remaining="x-left")
    assert tuple(others) == preset("modelscope").tables[1:]


def test_a_new_quota_comes_after_the_presets() -> None:
    text = '[quotas]\nburst = { scope = "model", unit = "tokens", period = "rolling 1m" }'
    *known, new = written("modelscope", text).tables
    assert tuple(known) == preset("modelscope").tables
    assert (new.name, new.period) == ("burst", Rolling(60_000))


def test_prices_may_be_written() -> None:
    prices = written("modelscope", '[prices]\n"Qwen/Qwen3-8B" = 0.5').prices
    assert prices == {"Qwen/Qwen3-8B": 0.5}


def test_grants_are_in_thousandths_and_may_be_corrected_one_by_one() -> None:
    assert GrantTerms(200_000, 86_400_000) in preset("modelscope").grants
    corrected = written("modelscope", "[grants]\nlogin = { amount = 100 }").grants
    assert corrected[0] == GrantTerms(100_000, 86_400_000)
    assert corrected[1:] == preset("modelscope").grants[1:]


def test_a_users_error_rules_go_first() -> None:
    text = '[[errors]]\nmessage = "limit exceeded"\nverdict = "spent"\nquota = "credits"'
    rules = written("modelscope", text).rules
    verdict = classify(Reply(429, message="Request limit exceeded."), rules)
    assert (verdict.kind, verdict.quota) == (Kind.SPENT, "credits")
    assert rules[1:] == preset("modelscope").rules


def test_a_server_of_ones_own_has_no_limit_of_starts_unless_one_is_set() -> None:
    assert preset("openai-compatible").calls_per_second is None
    assert written("openai-compatible", "calls_per_second = 5").calls_per_second == 5
    assert written("mine", "calls_per_second = 0").calls_per_second is None
    assert preset("groq").calls_per_second == 10


# A provider that nobody has heard of


def test_a_provider_with_nothing_said_has_every_default() -> None:
    found = written("mine", "")
    assert (found.title, found.base_url, found.zone, found.rules) == ("mine", None, "UTC", ())
    assert (found.start_concurrency, found.calls_per_second) == (2, 10)
    names = [(table.name, table.scope, table.limit) for table in found.tables]
    assert names == [
        ("calls_per_day", Scope.ACCOUNT, None),
        ("calls_per_day_per_model", Scope.MODEL, None),
    ]


def test_the_first_quota_of_a_scope_is_its_primary_and_only_a_missing_one_is_added() -> None:
    text = '[quotas]\ntokens = { scope = "account", unit = "tokens", period = "month" }'
    found = written("mine", text)
    assert [table.name for table in found.tables] == ["tokens", "calls_per_day_per_model"]
    assert found.primary(Scope.ACCOUNT).name == "tokens"


def test_a_rule_concerns_whom_its_quota_concerns() -> None:
    text = '[[errors]]\ncode = "E1"\nverdict = "throttled"\nwait_s = 1.5\nquota = "calls_per_day"'
    (rule,) = written("mine", text).rules
    assert (rule.verdict.scope, rule.verdict.wait_ms) == (Scope.ACCOUNT, 1_500)
    (rule,) = written("mine", '[[errors]]\ncode = "E1"\nverdict = "rejected"').rules
    assert (rule.verdict.scope, rule.verdict.quota) == (None, "")


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("[grants]\nx = { amount = 5 }", "[providers.mine.grants.x] lasts", "this key is required"),
        ("[quotas.x]\nunit = 'calls'", "[providers.mine.quotas.x] scope", "this key is required"),
        (
            "[quotas.x]\nunit = 'calls'\nscope = 'model'",
            "[providers.mine.quotas.x] period",
            "this key is required",
        ),
        (
            "[quotas.calls_per_day]\nunit = 'calls'\nscope = 'model'\nperiod = 'day'",
            "[providers.mine.quotas.calls_per_day] scope",
            "a quota of this name concerns the account",
        ),
        (
            "[[errors]]\ncode = '2'\nverdict = 'spent'\nquota = 'calls_a_day'",
            "[providers.mine] errors item 1 quota",
            'there is no quota "calls_a_day"',
        ),
        (
            "[[errors]]\ncode = '2'\nverdict = 'spent'\nquota = 'calls_per_day'\nscope = 'model'",
            "[providers.mine] errors item 1 scope",
            "its quota concerns the account",
        ),
    ],
)
def test_a_table_that_is_not_whole_is_told_with_its_place(text: str, place: str, what: str) -> None:
    error = refused("mine", text)
    assert (error.where, error.what) == (f"midnight.toml: {place}", what)
    assert error.remedy


def test_a_quota_that_is_not_there_names_the_near_one() -> None:
    error = refused("mine", "[[errors]]\ncode = '2'\nverdict = 'spent'\nquota = 'calls_a_day'")
    assert (error.remedy or "").startswith('did you mean "calls_per_day"?')


# What the docs promise


def examples(language: str = "toml") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def loaded(text: str, folder: Path) -> tuple[Any, Preset]:
    (folder / "midnight.toml").write_text(text, encoding="utf-8")
    settings = load_settings(db=None, config=None, account=None, environ={}, cwd=folder)
    account = settings.accounts[settings.account]
    return account, preset(account.provider, settings.providers)


def test_the_unknown_provider_of_the_docs_works_as_it_is_written(tmp_path: Path) -> None:
    (text,) = [text for text in examples() if "[providers.nightowl]" in text]
    assert len(text.strip().splitlines()) <= 12
    account, found = loaded(text, tmp_path)
    assert account.provider == found.name == "nightowl"
    assert found.base_url == "https://api.nightowl.example/v1"
    day, burst = found.tables
    assert (day.name, day.limit, day.period) == ("calls_per_day", 500, Calendar("day", "UTC"))
    assert (burst.unit, burst.limit, burst.period) == ("tokens", 30_000, Rolling(60_000))
    verdict = classify(Reply(429, message="Your daily limit is reached"), found.rules)
    assert (verdict.kind, verdict.quota) == (Kind.SPENT, "calls_per_day")


def test_every_other_example_of_the_docs_is_understood(tmp_path: Path) -> None:
    for text in examples():
        _, found = loaded(text, tmp_path)
        assert found.tables


def test_the_docs_name_every_preset() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in shipped() if f"`{name}`" not in text] == []


def test_what_a_provider_takes_as_response_format_may_be_corrected() -> None:
    assert preset("mistral").response_format == {"json_object", "json_schema"}
    assert preset("modelscope").response_format == frozenset()
    assert written("mistral", "response_format = []").response_format == frozenset()
    added = written("modelscope", 'response_format = ["json_object"]')
    assert added.response_format == {"json_object"}


@pytest.mark.parametrize(
    "given",
    [
        "http://x/v1",
        "http://x/v1/",
        "http://x/v1/chat/completions",
        "http://x/v1/chat/completions/",
        "http://x/v1//embeddings",
        "http://x/v1/images/generations",
    ],
)
def test_a_base_url_may_be_the_address_of_a_route(given: str) -> None:
    assert ProviderTable(base_url=given).base_url == "http://x/v1"

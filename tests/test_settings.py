"""What is configured, where from, and what is refused without being shown."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runner.core.pacing import Pace
from runner.core.verdict import Kind
from runner.errors import ConfigError
from runner.settings import AccountLimits, AccountSettings, Settings, load_settings, read_token

SECRET = "ms-5a6b7c8d-9e0f"  # noqa: S105
FULL = """
[accounts.mine]
provider = "openai-compatible"
token    = "env:MY_KEY"
base_url = "http://127.0.0.1:8900/v1/"
reserve  = 200
limits   = { calls_per_day = 2000, calls_per_day_per_model = 100 }

[accounts.another]
token = "keyring:another"

[run]
pace = "even"
max_concurrency = 8
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in; the platform's folders lie in it."""
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "etc")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    (tmp_path / "etc").mkdir()
    return tmp_path


def loaded(
    cwd: Path,
    text: str | None = None,
    *,
    db: Path | None = None,
    config: Path | None = None,
    account: str | None = None,
    **environ: str,
) -> Settings:
    if text is not None:
        (cwd / "midnight.toml").write_text(text, encoding="utf-8")
    return load_settings(db=db, config=config, account=account, environ=environ, cwd=cwd)


def refused(
    cwd: Path, text: str | None = None, *, account: str | None = None, **environ: str
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loaded(cwd, text, account=account, **environ)
    return caught.value


# What holds


def test_with_nothing_configured_there_is_one_account_and_every_default(home: Path) -> None:
    settings = loaded(home)
    usual = AccountSettings(token="env:MODELSCOPE_API_KEY")  # noqa: S106
    assert dict(settings.accounts) == {"modelscope": usual}
    assert settings.account == "modelscope"
    assert (settings.run.pace, settings.run.max_concurrency) == (Pace.AUTO, 256)
    assert (settings.db, settings.config) == (home / "data" / "queue.db", None)
    assert set(settings.origins.values()) == {"default"}


def test_a_whole_file_is_read_in_its_order(home: Path) -> None:
    settings = loaded(home, FULL)
    assert list(settings.accounts) == ["mine", "another"]
    assert settings.account == "mine"
    assert settings.accounts["mine"] == AccountSettings(
        provider="openai-compatible",
        token="env:MY_KEY",  # noqa: S106
        base_url="http://127.0.0.1:8900/v1",
        reserve=200,
        limits=AccountLimits(calls_per_day=2000, calls_per_day_per_model=100),
    )
    assert (settings.run.pace, settings.run.max_concurrency) == (Pace.EVEN, 8)
    assert settings.config == home / "midnight.toml"
    assert settings.origins["run.pace"] == str(home / "midnight.toml")


def test_an_empty_file_configures_nothing(home: Path) -> None:
    settings = loaded(home, "[accounts]\n[run]\n")
    assert list(settings.accounts) == ["modelscope"]
    assert settings.origins["accounts"] == settings.origins["run.pace"] == "default"


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"MODELSCOPE_SDK_TOKEN": "x"}, "MODELSCOPE_SDK_TOKEN"),
        ({"MODELSCOPE_SDK_TOKEN": "x", "MODELSCOPE_API_TOKEN": "x"}, "MODELSCOPE_API_TOKEN"),
        ({"MODELSCOPE_API_KEY": "", "MODELSCOPE_API_TOKEN": "x"}, "MODELSCOPE_API_TOKEN"),
        ({"MODELSCOPE_API_TOKEN": "x", "MODELSCOPE_API_KEY": "x"}, "MODELSCOPE_API_KEY"),
    ],
)
def test_the_first_known_variable_that_is_set_holds_the_usual_token(
    home: Path, environ: dict[str, str], name: str
) -> None:
    assert loaded(home, **environ).accounts["modelscope"].token == f"env:{name}"


def test_the_environment_overrides_the_file(home: Path) -> None:
    settings = loaded(
        home,
        FULL,
        MIDNIGHT_PACE="asap",
        MIDNIGHT_MAX_CONCURRENCY="16",
        MIDNIGHT_TRANSPORT="httpx",
        MIDNIGHT_ACCOUNT="another",
        MIDNIGHT_BASE_URL="https://example.org/v1/",
        MIDNIGHT_DB="queue.db",
    )
    assert (settings.run.pace, settings.run.max_concurrency) == (Pace.ASAP, 16)
    assert settings.run.transport == "httpx"
    assert settings.account == "another"
    assert settings.accounts["another"].base_url == "https://example.org/v1"
    assert settings.accounts["another"].token == "keyring:another"  # noqa: S105
    assert settings.accounts["mine"].base_url == "http://127.0.0.1:8900/v1"
    assert settings.db == home / "queue.db"
    assert settings.origins == {
        "config": "default",
        "db": "environment MIDNIGHT_DB",
        "accounts": str(home / "midnight.toml"),
        "account": "environment MIDNIGHT_ACCOUNT",
        "accounts.another.base_url": "environment MIDNIGHT_BASE_URL",
        "run.pace": "environment MIDNIGHT_PACE",
        "run.max_concurrency": "environment MIDNIGHT_MAX_CONCURRENCY",
        "run.transport": "environment MIDNIGHT_TRANSPORT",
    }


def test_flags_override_the_environment(home: Path) -> None:
    (home / "mine.toml").write_text(FULL, encoding="utf-8")
    settings = loaded(
        home,
        db=Path("a.db"),
        config=Path("mine.toml"),
        account="mine",
        MIDNIGHT_DB="b.db",
        MIDNIGHT_CONFIG="none.toml",
        MIDNIGHT_ACCOUNT="another",
    )
    assert settings.db == home / "a.db"
    assert settings.config == home / "mine.toml"
    assert settings.account == "mine"
    origins = [settings.origins[key] for key in ("db", "config", "account")]
    assert origins == ["flag --db", "flag --config", "flag --account"]


def test_the_working_directory_goes_before_the_configuration_folder(home: Path) -> None:
    (home / "etc" / "midnight.toml").write_text("[run]\nmax_concurrency = 1\n", encoding="utf-8")
    assert loaded(home).run.max_concurrency == 1
    assert loaded(home, "[run]\nmax_concurrency = 2\n").run.max_concurrency == 2


def test_a_named_file_goes_before_both(home: Path) -> None:
    (home / "named.toml").write_text("[run]\nmax_concurrency = 3\n", encoding="utf-8")
    settings = loaded(home, "[run]\nmax_concurrency = 2\n", MIDNIGHT_CONFIG="named.toml")
    assert settings.run.max_concurrency == 3
    assert settings.origins["config"] == "environment MIDNIGHT_CONFIG"


def test_variables_that_are_empty_count_as_not_set(home: Path) -> None:
    names = "DB CONFIG ACCOUNT PACE MAX_CONCURRENCY BASE_URL"
    empty = {f"MIDNIGHT_{name}": "" for name in names.split()}
    assert loaded(home, **empty) == loaded(home)


def test_settings_cannot_be_changed(home: Path) -> None:
    settings = loaded(home)
    with pytest.raises(FrozenInstanceError):
        settings.used = ("x",)  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.run.pace = Pace.EVEN  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.accounts["x"] = AccountSettings()  # type: ignore[index]


def test_a_home_folder_is_understood_whoever_names_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home / "me"))
    monkeypatch.setenv("USERPROFILE", str(home / "me"))
    assert loaded(home, MIDNIGHT_DB="~/queue.db").db == home / "me" / "queue.db"
    assert loaded(home, db=Path("~/queue.db")).db == home / "me" / "queue.db"


def test_a_home_folder_of_nobody_is_a_name_like_any_other(home: Path) -> None:
    assert loaded(home, MIDNIGHT_DB="~nobody-here/q.db").db == home / "~nobody-here" / "q.db"


# Providers and limits

NIGHTOWL = """
[providers.nightowl]
title = "Night Owl"
base_url = "https://api.nightowl.example/v1/"
price_url = "https://nightowl.example/price?of={model}"
zone = "Europe/Paris"
[providers.nightowl.quotas.burst]
scope = "model"
unit = "tokens"
period = "rolling 1m"
headers = { remaining = "X-Left", policy = "Burst" }
[providers.nightowl.prices]
"owl/big" = 2
[[providers.nightowl.errors]]
message = "daily limit"
verdict = "spent"
"""


def test_a_providers_table_is_read_whole_or_in_part(home: Path) -> None:
    providers = loaded(home, NIGHTOWL + "[providers.modelscope]\ncalls_per_second = 3\n").providers
    owl = providers["nightowl"]
    assert (owl.base_url, owl.zone) == ("https://api.nightowl.example/v1", "Europe/Paris")
    assert owl.price_url == "https://nightowl.example/price?of={model}"
    assert (owl.quotas["burst"].headers.remaining, owl.quotas["burst"].limit) == ("x-left", None)
    assert owl.quotas["burst"].headers.policy == "Burst"
    assert (owl.prices, owl.errors[0].verdict) == ({"owl/big": 2.0}, Kind.SPENT)
    assert providers["modelscope"].model_fields_set == {"calls_per_second"}


def test_without_any_there_are_no_providers_tables(home: Path) -> None:
    assert dict(loaded(home).providers) == {}


def test_any_quota_may_be_limited(home: Path) -> None:
    text = "[accounts.mine]\nlimits = { calls_per_day = 9, tokens = 5, calls_per_second = 1000000 }"
    limits = loaded(home, text).accounts["mine"].limits
    assert limits.by_quota() == {"calls_per_day": 9, "tokens": 5}
    assert (limits.calls_per_day, limits.calls_per_second) == (9, 1_000_000)


@pytest.mark.parametrize(
    ("text", "place", "what", "remedy"),
    [
        ("zoen = 'UTC'", "[providers.x] zoen", 'unknown key "zoen"', 'did you mean "zone"?'),
        (
            "zone = 'Asia/Shangai'",
            "[providers.x] zone",
            "this is not a known time zone",
            'did you mean "Asia/Shanghai"?',
        ),
        (
            "zone = '../etc'",
            "[providers.x] zone",
            "this is not a known time zone",
            'name one as "Asia/Shanghai"',
        ),
        ("as_of = '2026-13'", "[providers.x] as_of", "should match", "correct the value"),
        (
            "base_url = 'https://x/v1?key=1'",
            "[providers.x] base_url",
            "must be a URL without",
            "name the token with",
        ),
        (
            "price_url = 'https://me:pass@x/v1'",
            "[providers.x] price_url",
            "must be a URL without",
            "correct the value",
        ),
        ("calls_per_second = -1", "[providers.x] calls_per_second", "should be", "correct"),
        ("calls_per_second = 1000001", "[providers.x] calls_per_second", "should be", "correct"),
        ("calls_per_second = true", "[providers.x] calls_per_second", "must be a", "correct"),
        ("prices = { a = inf }", "[providers.x.prices] a", "should be less", "correct"),
        ("prices = { a = nan }", "[providers.x.prices] a", "should be", "correct"),
        ("[providers.x.quotas.a]\nunit = 'call'", "[providers.x.quotas.a] unit", "should be", ""),
        ("[providers.x.quotas.a]\nscope = 'me'", "[providers.x.quotas.a] scope", "should be", ""),
        ("[providers.x.quotas.a]\nlimit = 0", "[providers.x.quotas.a] limit", "should be", ""),
        (
            "[providers.x.quotas.a]\nperiod = 'week'",
            "[providers.x.quotas.a] period",
            'must be "day", "month", "grant"',
            "correct",
        ),
        (
            "[providers.x.quotas.a.headers]\nlimt = 'x'",
            "[providers.x.quotas.a.headers] limt",
            "unknown key",
            'did you mean "limit"?',
        ),
        (
            "[providers.x.quotas.a.headers]\nlimit = 'x y'",
            "[providers.x.quotas.a.headers] limit",
            "should match",
            "",
        ),
        (
            "[providers.x.quotas.'a b']",
            '[providers.x.quotas."a b"]',
            "a quota's name is letters",
            "",
        ),
        (
            "[providers.x.quotas.calls_per_second]",
            "[providers.x.quotas.calls_per_second]",
            "calls_per_second is not a quota",
            "write it beside the quotas",
        ),
        (
            "[[providers.x.errors]]\ncode = '1'",
            "[providers.x] errors item 1 verdict",
            "this key is required",
            "add the key",
        ),
        (
            "[[providers.x.errors]]\nverdict = 'gone'",
            "[providers.x] errors item 1",
            "a rule without a condition",
            "add message",
        ),
        (
            "[[providers.x.errors]]\ncode = '1'\nverdict = 'done'",
            "[providers.x] errors item 1 verdict",
            "an error's verdict is one of 'throttled', 'spent', 'transient', ",
            "correct",
        ),
        (
            "[[providers.x.errors]]\nmessage = '('\nverdict = 'gone'",
            "[providers.x] errors item 1 message",
            "this is not a regular expression",
            "correct",
        ),
        (
            "[[providers.x.errors]]\nmesage = 'a'\ncode = '1'\nverdict = 'gone'",
            "[providers.x] errors item 1 mesage",
            "unknown key",
            'did you mean "message"?',
        ),
        (
            "[[providers.x.errors]]\ncode = '1'\nwait_s = inf\nverdict = 'gone'",
            "[providers.x] errors item 1 wait_s",
            "should be less",
            "",
        ),
    ],
)
def test_what_a_provider_cannot_be_is_told_with_its_place(
    home: Path, text: str, place: str, what: str, remedy: str
) -> None:
    error = refused(home, f"[providers.x]\n{text}\n")
    assert error.where == f"{home / 'midnight.toml'}: {place}"
    assert error.what.removeprefix("String ").startswith(what)
    assert (error.remedy or "").startswith(remedy)


# What is refused


def test_a_named_file_that_is_missing_is_an_error_that_says_who_named_it(home: Path) -> None:
    error = refused(home, MIDNIGHT_CONFIG="none.toml")
    assert error.where == str(home / "none.toml")
    assert error.what.startswith("environment MIDNIGHT_CONFIG names")
    with pytest.raises(ConfigError, match="flag --config names"):
        loaded(home, config=Path("none.toml"))


def test_a_folder_in_the_files_place_is_an_error(home: Path) -> None:
    (home / "midnight.toml").mkdir()
    assert "folder" in refused(home).what


def test_a_file_out_of_reach_is_an_error_and_not_taken_for_absent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", denied)
    monkeypatch.setattr(Path, "read_bytes", denied)
    assert "Permission denied" in refused(home).what


@pytest.mark.parametrize("name", ["علاقه\u200cمند", "क्\u200dष", "👩\u200d🔬", "très\xa0bon"])
def test_a_name_is_whatever_a_language_writes(home: Path, name: str) -> None:
    text = f'[accounts."{name}"]\nmodels = {{ "{name}" = "m" }}\n[serve.clients."{name}"]\n'
    settings = loaded(home, text, account=name)
    assert settings.account == name
    assert dict(settings.accounts[name].models) == {name: "m"}


@pytest.mark.parametrize("name", [r"a\nb", r"a\u2028b", r"a\tb", r"a\u0007", " a", ""])
def test_a_name_is_one_line(home: Path, name: str) -> None:
    assert "one line of printable text" in refused(home, f'[accounts."{name}"]\n').what


@pytest.mark.parametrize("path", [r"C:\tokens\key.txt", r"C:\new\key", r"D:\a\bin", r"D:\f"])
def test_a_path_of_windows_in_double_quotes_is_told(home: Path, path: str) -> None:
    """A tab is an escape of TOML, and others are none; both are told alike."""
    error = refused(home, f'[accounts.mine]\ntoken = "file:{path}"\n')
    assert "in double quotes a backslash begins an escape" in (error.remedy or "")
    fine = f"[accounts.mine]\ntoken = 'file:{path}'\n"
    assert (loaded(home, fine).accounts["mine"].token or "").endswith(path)


def test_an_unknown_key_is_named_and_the_near_one_suggested(home: Path) -> None:
    error = refused(home, "[accounts.mine]\nreserv = 1\n")
    assert error.where == f"{home / 'midnight.toml'}: [accounts.mine] reserv"
    assert error.what == 'unknown key "reserv"'
    assert error.remedy == 'did you mean "reserve"?'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[acounts.mine]", 'did you mean "accounts"?'),
        (
            "[accounts.mine]\nlimits = { calls = '1' }",
            "[accounts.mine.limits] calls: must be a whole",
        ),
        ("[accounts.mine]\nlimits = { calls = 0 }", "[accounts.mine.limits] calls: should be"),
        ("[accounts.mine]\nlimits = { calls_per_day = 0 }", "[accounts.mine.limits] calls_per_day"),
        ("[accounts]\nmine = 1", "[accounts.mine]: must be a table"),
        ('[accounts."my own"]\nreserve = -1', '[accounts."my own"] reserve'),
        ('[accounts." "]', '[accounts." "]: a name must be'),
        ("[accounts.mine]\nreserve = true", "[accounts.mine] reserve: must be a whole number"),
        ("[accounts.mine]\nreserve = 9\nlimits = { calls_per_day = 9 }", "lower the reserve"),
        ("[run]\npace = 'slow'", "[run] pace: should be 'auto', 'asap' or 'even'"),
        ("[run]\nmax_concurrency = 0", "[run] max_concurrency"),
        ("[run]\nmax_concurrency = 4097", "[run] max_concurrency"),
        ("[run]\nmax_concurrency = '8'", "[run] max_concurrency: must be a whole number"),
        ("[run\n", "midnight.toml:1: this is not TOML"),
        ("[run]\npase = 1\nmax_concurrency = 0", "rename the file to go on without it"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(home: Path, text: str, told: str) -> None:
    assert told in str(refused(home, text))


@pytest.mark.parametrize(
    "url",
    [
        "example.org/v1",
        "ftp://example.org",
        "http://",
        "http:///v1",
        "http://[::1/v1",
        "http://example.org:99999",
        "http://exam ple.org",
        "http://example.org/\\n",
        "http://me:pass@example.org/v1",
        "http://example.org/v1?key=1",
        "http://example.org/v1#top",
        "",
    ],
)
def test_a_base_url_that_is_none_or_could_hold_a_secret_is_refused(home: Path, url: str) -> None:
    error = refused(home, f'[accounts.mine]\nbase_url = "{url}"\n')
    assert "[accounts.mine] base_url: must be a URL" in str(error)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("MIDNIGHT_PACE", "slow", "should be 'auto', 'asap' or 'even'"),
        ("MIDNIGHT_MAX_CONCURRENCY", "many", "must be a whole number"),
        ("MIDNIGHT_MAX_CONCURRENCY", "0", "should be greater than or equal to 1"),
        ("MIDNIGHT_TRANSPORT", "curl", "should be 'auto', 'pyreqwest' or 'httpx'"),
        ("MIDNIGHT_BASE_URL", "here", "must be a URL"),
    ],
)
def test_a_wrong_variable_is_named(home: Path, name: str, value: str, what: str) -> None:
    error = refused(home, **{name: value})
    assert error.where == f"environment {name}"
    assert error.what.startswith(what)
    assert error.remedy == "correct the value, or unset the variable"


def test_an_unknown_account_names_the_near_one_and_all(home: Path) -> None:
    error = refused(home, FULL, account="mien")
    assert error.where == "flag --account"
    assert error.what == 'unknown account "mien"'
    assert error.remedy == 'did you mean "mine"? the accounts are "mine", "another"'
    error = refused(home, MIDNIGHT_ACCOUNT="zzz")
    assert error.where == "environment MIDNIGHT_ACCOUNT"
    assert error.remedy == 'name another: the accounts are "mine", "another"'


@pytest.mark.parametrize(
    "token",
    [
        SECRET,
        f"env:{SECRET}",
        f"token:{SECRET}",
        f"Env:{SECRET}",
        f" env:{SECRET}",
        "",
        "env:",
        "file:",
        "keyring: ",
        "env:A B",
        "file:a\\nb",
    ],
)
def test_a_literal_token_is_refused_with_the_remedy_and_never_shown(home: Path, token: str) -> None:
    error = refused(home, f'[accounts.mine]\ntoken = "{token}"\n')
    assert error.where == f"{home / 'midnight.toml'}: [accounts.mine] token"
    assert error.what == "a token is never written here, only named"
    assert 'token = "env:MODELSCOPE_API_KEY"' in (error.remedy or "")
    assert "5a6b" not in f"{error} {error.__cause__} {error.__cause__!r}"


@pytest.mark.parametrize(
    "line",
    [
        f'reserve = "{SECRET}"',
        f'limits = "{SECRET}"',
        f'base_url = "{SECRET}"',
        f'base_url = "https://{SECRET}@example.org"',
        f"token = {SECRET}",
        f"token = '{SECRET}",
    ],
)
def test_a_token_in_the_wrong_place_is_not_shown_either(home: Path, line: str) -> None:
    error = refused(home, f"[accounts.mine]\n{line}\n")
    assert "5a6b" not in f"{error} {error.__cause__} {error.__cause__!r}"


# Tokens


def token_of(name: str | None, **environ: str) -> str:
    return read_token(AccountSettings(token=name), environ)


def no_token(name: str | None, **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        token_of(name, **environ)
    return caught.value


def test_a_token_is_read_from_the_environment() -> None:
    assert token_of("env:KEY", KEY=f" {SECRET}\n") == SECRET


def test_a_variable_that_is_missing_or_empty_is_named_with_how_to_set_it() -> None:
    assert no_token("env:KEY").what == "the environment variable KEY is not set"
    assert no_token("env:KEY", KEY=" ").what == "the environment variable KEY is empty"
    for error in (no_token("env:KEY"), no_token("env:KEY", KEY="")):
        assert (error.remedy or "").startswith("export KEY=")


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("modelscope", "MODELSCOPE_API_KEY"),
        ("groq", "GROQ_API_KEY"),
        ("model-studio", "DASHSCOPE_API_KEY"),
        ("cloudflare", "CLOUDFLARE_API_TOKEN"),
        ("openai-compatible", "OPENAI_COMPATIBLE_API_KEY"),
        ("302.ai", "MY_302_AI_API_KEY"),
        ("夜", "MY_API_KEY"),
    ],
)
def test_an_account_without_a_token_is_told_a_variable_that_fits_its_provider(
    home: Path, provider: str, name: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_token(AccountSettings(provider=provider), {})
    assert caught.value.remedy == f'add token = "env:{name}" to it'
    file = f'[accounts.mine]\nprovider = "{provider}"\ntoken = "{SECRET}"\n'
    assert f'token = "env:{name}"' in (refused(home, file).remedy or "")
    example = f'[accounts.mine]\nprovider = "{provider}"\ntoken = "env:{name}"\n'
    assert loaded(home, example).accounts["mine"].token == f"env:{name}"


def test_an_account_that_needs_no_token_has_an_empty_one_unless_it_names_one() -> None:
    local = AccountSettings(provider="openai-compatible")
    assert read_token(local, {"OPENAI_COMPATIBLE_API_KEY": SECRET}, required=False) == ""
    named = AccountSettings(provider="openai-compatible", token="env:KEY")  # noqa: S106
    assert read_token(named, {"KEY": SECRET}, required=False) == SECRET
    with pytest.raises(ConfigError, match="KEY is not set"):
        read_token(named, {}, required=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_token_is_the_first_line_of_its_file(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "key").write_text(f"  {SECRET} \nmore\n", encoding=encoding)
    assert token_of(f"file:{tmp_path / 'key'}") == SECRET


def test_a_tokens_relative_path_starts_at_the_configurations_folder(home: Path) -> None:
    (home / "etc" / "key").write_text(SECRET, encoding="utf-8")
    (home / "etc" / "midnight.toml").write_text(
        '[accounts.mine]\ntoken = "file:key"\n', encoding="utf-8"
    )
    assert read_token(loaded(home).accounts["mine"], {}) == SECRET


@pytest.mark.parametrize("name", ["none", ".", "a\0b"])
def test_a_tokens_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    error = no_token(f"file:{tmp_path}/{name}")
    assert "cannot be read" in error.what
    assert "first line" in (error.remedy or "")


def test_a_tokens_file_that_is_empty_or_of_nobodys_home_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"\n{SECRET}\n", encoding="utf-8")
    assert "is empty" in no_token(f"file:{tmp_path / 'key'}").what
    assert "cannot be read" in no_token("file:~nobody-here/key").what


@pytest.mark.parametrize("bad", [" ", "\t", "\n", "\0", "\x7f", "é", "\udcff", "\u200b", "\ufeff"])
def test_a_token_with_strange_characters_is_refused_without_being_shown(bad: str) -> None:
    error = no_token("env:KEY", KEY=f"ms-5a6b{bad}7c8d")
    assert "5a6b" not in str(error)
    assert "7c8d" not in str(error)
    assert "KEY" in error.what


def test_a_tokens_file_in_another_encoding_is_refused_without_being_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET, encoding="utf-16")
    assert "5" not in no_token(f"file:{tmp_path / 'key'}").what.replace(str(tmp_path), "")


@given(st.text(max_size=12))
def test_whatever_is_read_the_token_is_printable_ascii_or_refused(held: str) -> None:
    try:
        token = token_of("env:KEY", KEY=held)
    except ConfigError:
        return
    assert token
    assert all("!" <= letter <= "~" for letter in token)


class FakeKeyringError(Exception):
    pass


def fake_keyring(held: str | Exception | None) -> SimpleNamespace:
    def get_password(service: str, name: str) -> str | None:
        assert (service, name) == ("midnight-runner", "mine")
        if isinstance(held, Exception):
            raise held
        return held

    errors = SimpleNamespace(KeyringError=FakeKeyringError)
    return SimpleNamespace(get_password=get_password, errors=errors)


def test_a_token_is_read_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", fake_keyring(SECRET))
    assert token_of("keyring:mine") == SECRET


def test_a_keyring_without_the_token_says_how_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", fake_keyring(None))
    assert no_token("keyring:mine").remedy == 'keyring set midnight-runner "mine"'


def test_a_locked_keyring_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", fake_keyring(FakeKeyringError("locked")))
    assert "cannot be read" in no_token("keyring:mine").what


def test_without_the_package_keyring_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert no_token("keyring:mine").remedy == "pip install midnight-runner[keyring]"


def test_importing_the_settings_imports_nothing_heavy() -> None:
    """Every command pays for it, `midnight --version` too."""
    heavy = {"sqlalchemy", "httpx", "jinja2", "anyio", "asyncio", "platformdirs", "keyring"}
    code = f"import sys, runner.settings; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

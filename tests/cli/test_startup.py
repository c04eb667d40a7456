"""Start-up time is a promise: what a command does not need, it does not load."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

PROBE = """
import sys
from runner.cli.app import main
try:
    code = main(sys.argv[2:])
finally:
    loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
    print("LOADED", *loaded)
"""
HELP_FREE = "sqlalchemy,httpx,jinja2,pydantic,rich,rich.live,alembic,anyio,orjson,starlette"
STATUS_FREE = (
    "httpx,pyreqwest,jinja2,starlette,uvicorn,alembic,rich.live,rich.progress,filelock,"
    "logging.handlers,sqlalchemy.dialects.postgresql,runner.engine.engine,runner.jobfile,"
    "runner.cli.run_commands,runner.simulator,runner.core.settlement,runner.core.retry,"
    "runner.store.rescue,runner.store.results,runner.store.enqueue,runner.providers.headers,"
    "runner.providers.durations,runner.providers.preset_files"
)
# What a report and --json need beyond that, and these two do not.
SHOWN_FREE = "runner.cli.as_json,runner.cli.account_json,runner.exact_json,runner.store.reports"


SUBMIT_FREE = (
    "httpx,pyreqwest,starlette,alembic,rich.live,runner.engine.engine,runner.providers.endpoint,"
    "runner.core.settlement,runner.core.agreement,runner.app.rows,runner.simulator"
)


def loaded(forbidden: str, *words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, forbidden, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_next_to_nothing(words: list[str]) -> None:
    # To read its own options Typer asks pydantic; the program's help needs none.
    free = HELP_FREE if words == ["--help"] else HELP_FREE.replace("pydantic,", "")
    assert loaded(free, *words) == []


@pytest.mark.usefixtures("midnight")
@pytest.mark.parametrize("words", [["status"], ["quota"], ["report"], ["status", "--json"]])
def test_a_look_loads_neither_client_nor_templates(words: list[str]) -> None:
    assert loaded(STATUS_FREE, *words) == []


@pytest.mark.usefixtures("midnight")
def test_a_submission_loads_neither_what_calls_nor_what_combines_answers(
    work: tuple[str, str],
) -> None:
    assert loaded(SUBMIT_FREE, "submit", *work) == []


@pytest.mark.usefixtures("midnight")
@pytest.mark.parametrize("words", [["status"], ["quota"]])
def test_what_is_shown_to_people_loads_nothing_for_machines(words: list[str]) -> None:
    assert loaded(SHOWN_FREE, *words) == []


def test_a_closed_pipe_is_quiet(midnight: Any) -> None:
    del midnight
    command = f"{sys.executable} -m runner --help | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


def test_output_that_is_no_terminal_has_no_colours(midnight: Any) -> None:
    assert "\033" not in midnight("status").out
    assert "\033" not in midnight("status", "7").err

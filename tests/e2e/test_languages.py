# ruff: noqa: RUF001 - Chinese punctuation
"""The program in Chinese: its help, its sentences, its tables and its complaints."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.cells import cell_len

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "jobs"
# Four words of English in a row; what is typed, and names, are shorter.
ENGLISH = re.compile(r"(?:\b[a-z]{2,}\b[ ,;:]+){3}[a-z]{2,}")

WORDS = {
    "zh_TW": {
        "--help": ["用法：", "選項：", "指令：", "顯示這份說明後結束。", "結束代碼"],
        "run --help": ["排入一份資料集", "引數：", "預設"],
        "plan": ["需要的呼叫", "沒有耗用任何額度"],
        "rehearse": ["預演", "模擬供應商", "日期", "帳本與供應商一致"],
        "status": ["佇列裡還沒有東西"],
        "quota": ["額度", "今天的呼叫", "重置"],
        "report": ["還沒有任何呼叫"],
    },
    "zh_CN": {
        "--help": ["用法：", "选项：", "命令：", "显示这份说明后结束。", "退出码"],
        "run --help": ["提交一份数据集", "参数：", "默认"],
        "plan": ["需要的调用", "没有耗用任何额度"],
        "rehearse": ["预演", "模拟服务商", "日期", "账本与服务商一致"],
        "status": ["队列里还没有东西"],
        "quota": ["额度", "今天的调用", "重置"],
        "report": ["还没有任何调用"],
    },
}
COMPLAINTS = {
    "zh_TW": {
        "plna": "沒有指令 'plna'。你是不是要 'plan'？",
        "plan": "缺少引數 'JOBFILE'",
        "plan a.toml data.csv": "沒有這個工作檔",
        "run job.toml data.csv --pace fast": "'fast' 不是",
        "export 7 -o out.csv": "沒有批次 '7'",
        "plan job.toml data.csv --sample x": "不是抽樣的數量",
    },
    "zh_CN": {
        "plna": "没有命令 'plna'。你是不是要 'plan'？",
        "plan": "缺少参数 'JOBFILE'",
        "plan a.toml data.csv": "没有这个作业文件",
        "run job.toml data.csv --pace fast": "'fast' 不是",
        "export 7 -o out.csv": "没有批次 '7'",
        "plan job.toml data.csv --sample x": "不是抽样的数量",
    },
}


# Several commands in one process, since most of what a short one takes is its start.
SCRIPT = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from runner.__main__ import main

said = {}
for words in json.load(sys.stdin):
    sys.argv[1:] = words.split()
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
        try:
            main()
        except SystemExit as end:
            said[words] = end.code, out.getvalue()
json.dump(said, sys.stdout)
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str


Midnight = Callable[[str, Iterable[str]], dict[str, Said]]


@pytest.fixture
def midnight(tmp_path: Path) -> Midnight:
    """Commands in a language, on a database of its own; the system need not have the locale."""
    shutil.copy(JOBS / "label_reviews.toml", tmp_path / "job.toml")
    rows = (JOBS / "label_reviews.csv").read_text(encoding="utf-8").splitlines()[:13]
    (tmp_path / "data.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def call(language: str, commands: Iterable[str]) -> dict[str, Said]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "LANG": f"{language}.UTF-8",
            "COLUMNS": "80",
            "MODELSCOPE_API_KEY": "ms-test",
        }
        made = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps(list(commands)),
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert made.returncode == 0, made.stderr
        return {words: Said(*said) for words, said in json.loads(made.stdout).items()}

    return call


COMMANDS = {
    "plan": "plan job.toml data.csv",
    "rehearse": "rehearse job.toml data.csv --calls-per-day 8",
}


@pytest.mark.parametrize("language", WORDS)
def test_help_and_commands_speak_it_and_no_english(midnight: Midnight, language: str) -> None:
    given = {COMMANDS.get(name, name): words for name, words in WORDS[language].items()}
    for name, said in midnight(language, given).items():
        words = given[name]
        assert said.code == 0, said.out
        assert [word for word in words if word not in said.out] == [], said.out
        told = said.out.replace("(nothing is said of it on its API-Inference pages)", "")
        assert ENGLISH.findall(told) == [], said.out


@pytest.mark.parametrize("language", COMPLAINTS)
def test_mistakes_are_told_in_it(midnight: Midnight, language: str) -> None:
    for words, said in midnight(language, COMPLAINTS[language]).items():
        assert said.code == 2
        assert COMPLAINTS[language][words] in said.out
        assert ENGLISH.findall(said.out) == [], said.out


def test_a_page_of_help_keeps_to_the_width_of_the_terminal(midnight: Midnight) -> None:
    for said in midnight("zh_TW", ("--help", "run --help", "simulate --help")).values():
        lines = said.out.splitlines()
        too_wide = [line for line in lines if cell_len(line) > 80]
        assert [line for line in too_wide if not line.startswith("    midnight")] == []


def test_what_programs_read_is_in_english(midnight: Midnight) -> None:
    said, wrong = midnight("zh_TW", ("status --json", "plan a.toml --json")).values()
    assert said.out.isascii()
    assert json.loads(said.out)["batches"] == []
    assert wrong.out.isascii()

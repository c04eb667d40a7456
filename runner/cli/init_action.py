"""`midnight init FILE`: writes a commented job file for the user's dataset, from three answers."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import orjson
import typer

from runner import exact_json, files, jobfile
from runner.errors import ConfigError, OutputError
from runner.files import Dataset
from runner.language import _

MODEL = "Qwen/Qwen3-8B"
SEEN = 50  # rows sampled to find the column with the longest texts
FEWEST_LABELS = 2
# A name that a template can use directly; other columns are written as row["…"].
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN = {"row", "true", "false", "none", "loop", "self"}


@dataclass(frozen=True, slots=True)
class Answers:
    """The user's answers: the dataset, the task for each row, and the labels, if any."""

    data: Path
    task: str
    labels: tuple[str, ...]


def suggested() -> list[Path]:
    """Returns the files in the working directory that may be datasets."""
    suffixes = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx")
    return sorted(path for path in Path().iterdir() if path.name.endswith(suffixes))


def _ask_for_file(here: list[str]) -> str:
    """Asks for the dataset; Enter selects the only file in `here`, or none, for the sample."""
    if len(here) == 1:
        question, default = _("Which file? Enter: {name}").format(name=here[0]), here[0]
    else:
        listed = f" ({', '.join(here[:5])})" if here else ""
        question, default = _("Which file{here}? Enter: a sample").format(here=listed), ""
    return str(typer.prompt(question, default=default, show_default=False)).strip()


def ask(data: Path | None, task: str | None, labels: str | None) -> Answers | None:
    """Asks for the missing answers; returns None if no file is given and the sample will do."""
    if data is None:
        named = _ask_for_file([str(path) for path in suggested()])
        if not named:
            return None
        data = Path(named).expanduser()
    if task is None:
        task = typer.prompt(_("What is to be done with each row?"), prompt_suffix=" ")
    if labels is None:
        question = _("Which labels, with commas? Enter: a text of any kind")
        labels = typer.prompt(question, default="", show_default=False)
    return Answers(data, task.strip(), read_labels(labels))


def read_labels(text: str) -> tuple[str, ...]:
    """Parses ``good, bad`` into labels; Chinese commas separate too.

    Raises:
        ConfigError: There is only one label.
    """
    labels = tuple(dict.fromkeys(filter(None, (w.strip() for w in re.split("[,，、;；]", text)))))  # noqa: RUF001
    if labels and len(labels) < FEWEST_LABELS:
        raise ConfigError(
            _("one label is no choice"), where="labels", remedy=_("name two at least")
        )
    return labels


def write(answers: Answers) -> Path:
    """Writes the job file to a new file; returns its path.

    Raises:
        InputError: The dataset cannot be read.
        OutputError: The file exists already, or cannot be written.
    """
    if not answers.task:
        raise ConfigError(
            _("there is nothing to do"), where="task", remedy=_("say what, in a sentence")
        )
    dataset = files.check(answers.data)
    target = Path(f"{answers.data.name.partition('.')[0] or 'job'}.toml")
    text = job_text(answers, dataset)
    jobfile.parse(text, str(target))
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        remedy = _("move it away, or change it by hand")
        raise OutputError(
            _("this file is here already"), where=str(target), remedy=remedy
        ) from None
    except OSError as error:
        what = _("the file cannot be written ({reason})").format(reason=error.strerror)
        raise OutputError(what, where=str(target), remedy=_("go to another folder")) from error
    return target


def job_text(answers: Answers, dataset: Dataset) -> str:
    """Returns the text of the job file."""
    main, others = _columns(dataset)
    more = "".join(f"\n# also here: {_variable(name)}" for name in others)
    return f"""# Made by `midnight init {answers.data.name}`. The keys: docs/reference/job-file.md

[job]
model = "{MODEL}"          # `midnight models` lists what your account can call
pack  = 20                       # rows in one call; 1 asks each row alone

[prompt]
system = {_quoted(answers.task)}
user   = {_quoted(_variable(main))}{more}

[parameters]
temperature     = 0
enable_thinking = false

[answer]
{_answer(answers.labels)}
"""


def _answer(labels: Sequence[str]) -> str:
    if not labels:
        return 'kind = "text"                    # or "label", "number", "json", "regex"'
    listed = ", ".join(map(_quoted, labels))
    return f'kind   = "label"\nlabels = [{listed}]'


def _columns(dataset: Dataset) -> tuple[str, list[str]]:
    """Returns the column with the longest texts, and the others."""
    rows = [exact_json.loads(row) for row in islice(files.read_rows(dataset), SEEN)]

    def length(name: str) -> int:
        return sum(len(str(row.get(name) or "")) for row in rows)

    main = max(dataset.columns, key=length)
    return main, [name for name in dataset.columns if name != main]


def _variable(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and not keyword.iskeyword(name) and name.lower() not in _TAKEN
    inner = name if plain else f"row[{orjson.dumps(name).decode()}]"
    return f"{{{{ {inner} }}}}"


def _quoted(text: str) -> str:
    """Returns a TOML string; a JSON string is one, except for the character DEL."""
    return orjson.dumps(text).decode().replace("\x7f", "\\u007f")

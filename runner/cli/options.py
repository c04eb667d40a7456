"""Arguments and options shared by several commands, and parsers for their values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from runner.core.pacing import Pace
from runner.errors import ConfigError, OutputError
from runner.language import _

JOBFILE_HELP = _(
    "The job file (.toml); or a file made for the OpenAI Batch API (.jsonl), which needs no INPUT."
)
JobFile = Annotated[Path, typer.Argument(help=JOBFILE_HELP, metavar="JOBFILE")]
JobFileIfAny = Annotated[
    Path | None,
    typer.Argument(
        help=_("{help} Default: all that is queued.").format(help=JOBFILE_HELP),
        metavar="JOBFILE",
    ),
]
INPUT_HELP = _(
    "The dataset (.csv, .tsv, .jsonl, .json, .parquet, .xlsx, also compressed); several files, a "
    "pattern or a folder are one dataset; - is standard input."
)
Input = Annotated[list[Path] | None, typer.Argument(help=INPUT_HELP, metavar="INPUT")]
Model = Annotated[
    str | None,
    typer.Option(
        help=_("The model to ask, instead of the one that a file for the OpenAI Batch API names."),
        metavar="NAME",
    ),
]
InputFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help=_(
            "What the dataset is: csv, tsv, jsonl, parquet or xlsx; default: as its suffix says."
        ),
        metavar="NAME",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        help=_(
            "How the texts of the dataset are encoded, such as gb18030 or cp1252; default: UTF-8, "
            "or what the bytes show."
        ),
        metavar="NAME",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(help=_("The sheet of a workbook; default: the first."), metavar="NAME|N"),
]
ConstantPrompt = Annotated[
    bool,
    typer.Option("--constant-prompt", help=_("Allow a prompt that reads no column.")),
]
Dedupe = Annotated[
    bool,
    typer.Option(
        "--dedupe",
        help=_(
            "Ask equal requests of a file for the OpenAI Batch API once, even with a temperature."
        ),
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        help=_(
            "Only rows whose column fulfils a condition, as in 'stars >= 4': == != < <= > >= in "
            "contains; may be repeated."
        ),
        metavar="CONDITION",
    ),
]
SampleSize = Annotated[
    str | None,
    typer.Option("--sample", help=_("Only so many rows, drawn; always the same."), metavar="N|P%"),
]
Limit = Annotated[
    int | None, typer.Option(help=_("Only the first rows, after the above."), min=1, metavar="N")
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        help=_("Write a page with charts, which needs no network and no server."),
        metavar="FILE",
    ),
]
BatchName = Annotated[
    str, typer.Argument(help=_("A batch: its number, or its name (the newest)."), metavar="BATCH")
]
OUTPUT_HELP = _(
    "Where to write the results (.csv, .tsv, .jsonl, .json, also with .gz or .zst; .parquet; "
    ".xlsx; of embeddings also .npy)."
)
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help=OUTPUT_HELP, metavar="OUT"),
]
Errors = Annotated[
    Path | None,
    typer.Option(
        help=_(
            "Where the failed requests of a file for the OpenAI Batch API go; default: "
            "OUT.errors.jsonl."
        ),
        metavar="FILE",
    ),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help=_("Ask every row again, whatever other batches have had answered.")
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help=_(
            "Ask only the rows that have failed again, also with a prompt that has changed; the "
            "other answers are kept."
        ),
    ),
]
PaceName = Annotated[
    Pace | None,
    typer.Option(
        help=_(
            "How to spend a day's allowance: asap, even over the day, or auto: evenly only "
            "when the work does not fit; default: as configured (auto)."
        ),
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help=_(
            "End when today's allowance is spent, instead of sleeping till it "
            "is renewed; implies --pace asap."
        ),
    ),
]
Forever = Annotated[
    bool,
    typer.Option(
        "--forever",
        help=_(
            "Process whatever is queued, now and later, until it is stopped; a terminal that "
            "is closed does not stop it."
        ),
    ),
]
CallsPerDay = Annotated[
    int | None,
    typer.Option(
        help=_("Calls the simulated account allows a day; default: as the account's settings say."),
        metavar="N",
    ),
]
CallsPerModel = Annotated[
    int | None,
    typer.Option(
        help=_("Calls it allows a day on one model; default: as the account's settings say."),
        metavar="N",
    ),
]
NoHeaders = Annotated[
    bool, typer.Option("--no-headers", help=_("Leave out the headers that tell what is left."))
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help=_(
            "A kind of fault and its probability for each call, from 0 to 1; may be repeated. "
            "Kinds: error_500, bad_gateway, drop, hang, truncated, error_in_200, empty_shell, "
            "throttle, bad_answer; for each item of a pack: item_missing, item_wrong, item_twice, "
            "item_swapped; of images: task_failed, task_lost, url_expired, image_garbage, "
            "image_html, image_too_large. Default: none."
        ),
        metavar="KIND=P",
    ),
]
Foreign = Annotated[
    int | None,
    typer.Option(help=_("Calls a day that somebody else spends; default: 0."), metavar="N"),
]
Seed = Annotated[
    int | None,
    typer.Option(
        help=_("Decides every draw; the same seed, the same run; default: 0."), metavar="N"
    ),
]


def examples(*lines: str) -> str:
    """Returns the epilog of a command's help; comments in the lines are translated."""
    title = _("Example:") if len(lines) == 1 else _("Examples:")
    parts = [title]
    for line in lines:
        typed, sign, comment = line.partition("# ")
        parts.append(f"  {typed}{sign}{_(comment) if comment else ''}")
    return "\b\n" + "\n".join(parts)


def read_faults(texts: Iterable[str] | None) -> dict[str, float]:
    """Parses ``["drop=0.05"]`` into ``{"drop": 0.05}``; the simulator checks kinds and ranges.

    Raises:
        ConfigError: A text does not have the form KIND=P.
    """
    faults = {}
    for text in texts or ():
        kind, _sign, value = text.partition("=")
        try:
            faults[kind.strip()] = float(value)
        except ValueError:
            remedy = _("write a kind and a probability, as in --fault drop=0.05")
            raise ConfigError(
                _("{text!r} is not a fault").format(text=text), where="--fault", remedy=remedy
            ) from None
    return faults


_AGE = re.compile(r"(\d{1,9})\s*([mhdw])")
_MOST_AGE_MS = 100 * 366 * 86_400_000  # moments before the year 1 are no dates
_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def read_age(text: str) -> int:
    """Parses ``30d`` into milliseconds.

    Raises:
        ConfigError: The text is not a valid age.
    """
    match = _AGE.fullmatch(text.strip())
    age = int(match[1]) * _MS[match[2]] if match else _MOST_AGE_MS + 1
    if age > _MOST_AGE_MS:
        remedy = _("write a number of minutes, hours, days or weeks: 90m, 12h, 30d, 8w")
        raise ConfigError(_("{text!r} is not an age").format(text=text), remedy=remedy)
    return age


def refuse_overwriting(output: Path, datasets: Iterable[Path]) -> None:
    """Checks that the results do not replace a file of their own dataset.

    Raises:
        OutputError: They would replace one.
    """
    # Not Path.resolve, which fails for links that lead to themselves; reading tells of these.
    if os.path.realpath(output) in map(os.path.realpath, datasets):
        what = _("the results would replace the dataset they come from")
        raise OutputError(what, where=str(output), remedy=_("name another file with -o"))

"""`midnight report`: prints a table or machine-readable lines, or writes a file."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli import exit_codes
from runner.cli.json import report_json
from runner.cli.options import read_age
from runner.cli.output_target import write_text
from runner.cli.session import Session, print_json
from runner.clock import SystemClock, moment
from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.reports.full_report import FullReport
    from runner.app.reports.reporting import Report, ReportQuery
    from runner.app.reviews.quality import Quality
    from runner.app.status.status import QuotaLine
    from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The options of `midnight report`, as given."""

    batch: str | None
    by: tuple[str, ...]
    since: str | None
    until: str | None
    parquet: Path | None
    html: Path | None
    csv: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """The data read: the report, in full for a page, and what is shown below the table."""

    report: Report
    full: FullReport | None
    quality: Quality | None
    quota: list[QuotaLine]


def show_report(session: Session, request: ReportRequest) -> int:
    """Reads the report, and prints or writes it; returns the exit code.

    Raises:
        ConfigError: A key or a day is invalid.
        OutputError: A file cannot be written.
    """
    if request.csv and session.json:
        raise typer.BadParameter(_("--csv and --json exclude each other: name one of them"))
    result = session.query(lambda midnight: _read(midnight, request))
    if request.html and result.full is not None:
        from runner.drawing import report_page

        write_text(request.html, report_page.page(result.full))
    if request.parquet:
        _write_parquet(request.parquet, result.report)
    if session.json:
        print_json(report_json.report(result.report, result.quality, result.quota))
    elif request.csv:
        columns, rows = report_json.rows(result.report)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        _print(session, request, result)
    return exit_codes.DONE


def _print(session: Session, request: ReportRequest, result: _Found) -> None:
    from runner.cli.render import quota_tables, report_tables  # not for --json

    for path in filter(None, (request.html, request.parquet)):
        session.print(_("written: {path}").format(path=path))
    if request.html or request.parquet:
        return
    session.print(report_tables.report(result.report))
    session.print(*quota_tables.credit_lines(result.quota, SystemClock().now()))
    if result.quality is not None:
        from runner.cli.render.agreement_tables import quality

        batch = result.report.wanted.batch
        review = session.command("review", str(batch.id) if batch else "")
        session.print(*quality(result.quality, review))


async def _read(midnight: Application, request: ReportRequest) -> _Found:
    only = await midnight.batch(request.batch) if request.batch else None
    wanted = _wanted(request, only)
    quota = await midnight.quota()
    if request.html:
        full = await midnight.full_report(wanted)
        return _Found(full.report, full, full.quality, quota)
    quality = await midnight.quality(only) if only else None
    return _Found(await midnight.ledger.report(wanted), None, quality, quota)


def _wanted(request: ReportRequest, only: Batch | None) -> ReportQuery:
    from runner.app.reports.reporting import Grouping, ReportQuery  # not for --help

    words = [word.strip() for text in request.by for word in text.split(",")]
    if unknown := [word for word in words if word not in [*Grouping]]:
        remedy = _("one of: {known}").format(known=", ".join(Grouping))
        raise ConfigError(
            _("a report has no {unknown!r}").format(unknown=unknown[0]), where="--by", remedy=remedy
        )
    by = tuple(dict.fromkeys(map(Grouping, words))) or (Grouping.DAY,)
    return ReportQuery(by, _day(request.since, "--since"), _day(request.until, "--until"), only)


def _day(text: str | None, option: str) -> str:
    """Parses ``2026-11-24``, or ``7d`` into the day before that time; no text gives no day."""
    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    try:
        ago = timedelta(milliseconds=read_age(text))
    except ConfigError:
        remedy = _("write YYYY-MM-DD, or how long ago it was: 7d, 4w")
        raise ConfigError(
            _("{text!r} is not a day").format(text=text), where=option, remedy=remedy
        ) from None
    return (moment(SystemClock().now()) - ago).date().isoformat()


def _write_parquet(path: Path, report: Report) -> None:
    import orjson

    from runner.errors import OutputError
    from runner.files import open_output

    if path.suffix != ".parquet":
        raise OutputError(_("this is not a .parquet file"), where=str(path), remedy=_("name one"))
    columns, rows = report_json.rows(report)
    first, *rest = columns
    with open_output(path, [first], rest) as output:
        for values in rows:
            output.write(orjson.dumps({first: values[0]}).decode(), values[1:])

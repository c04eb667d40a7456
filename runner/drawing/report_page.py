"""Renders a report as one self-contained HTML page without scripts, for any theme and width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from html import escape

from runner.app.reports.full_report import FullReport
from runner.app.reports.reporting import Report, ReportLine
from runner.clock import moment
from runner.drawing import charts, quality_sections
from runner.drawing.charts import Stack
from runner.language import _
from runner.wording import report_words
from runner.wording.report_words import LABELS, OUTCOMES

_MOST_DAYS = 60
_STYLE = """
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 800px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 32px 0 8px; }
p, .dim { color: var(--dim); margin: 0 0 8px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px; }
.card b { display: block; font-size: 20px; }
.legend span { margin-right: 14px; white-space: nowrap; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px;
  margin-right: 5px; }
.wide { overflow-x: auto; } .phone { display: none; }
@media screen and (max-width: 600px) { .desk { display: none; } .phone { display: block; } }
table { border-collapse: collapse; width: 100%; font-size: 13px; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th, td { padding: 4px 6px; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--paper); }
tfoot td { font-weight: 600; }
section { break-inside: avoid; }
"""


def page(full: FullReport) -> str:
    """Returns the page as a complete HTML document."""
    report = full.report
    batch = report.wanted.batch
    subject = (
        _("{name} (batch {id})").format(name=batch.name, id=batch.id) if batch else _("Calls spent")
    )
    parts = [
        f"<h1>{escape(subject)}</h1>",
        f"<p>{escape(_span(report))}; made {moment(full.made_at):%Y-%m-%d %H:%M}</p>",
        _cards(report),
    ]
    zones = "".join(f"<p>{escape(line)}</p>" for line in report_words.zones(report.zones))
    if report.days:
        parts += [
            _chart(_("Calls per day"), partial(days_chart, report), _legend()),
            _chart(_("Calls by hour of the provider's day"), partial(hours_chart, report), zones),
            _chart(_("Rows done"), partial(_rows, report, full.finish)),
            _latency(report),
            _chart(_("Tokens per day"), partial(_tokens, report)),
        ]
    if full.models:
        pairs = [(line.labels.get("model", ""), line.figures.calls) for line in full.models]
        parts.append(bars_section(_("Calls per model"), pairs, "series"))
    if full.reasons:
        parts.append(bars_section(_("Why calls came to nothing"), full.reasons, "failed"))
    for name, answers in full.answers:
        title = _("Answers of {name}").format(name=name)
        parts.append(bars_section(title, answers, "answered"))
    if full.quality is not None:
        if full.quality.labels:
            parts.append(bars_section(_("Answers"), full.quality.labels, "answered"))
        parts += [
            _section(title, shown) for title, shown in quality_sections.sections(full.quality)
        ]
    parts.append(_section(_("Figures"), _table(report)))
    return _document(subject, "".join(parts))


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} · Midnight Runner</title>"
        f"<style>{charts.STYLE}{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _section(title: str, drawn: str) -> str:
    framed = f'<div class="wide" tabindex="0">{drawn}</div>'  # focusable, because it scrolls
    return f"<section><h2>{escape(title)}</h2>{framed}</section>"


def _chart(title: str, draw: Callable[[int], str], below: str = "") -> str:
    """Returns a section with a chart in two widths, of which CSS shows one."""
    drawn = "".join(
        f'<div class="{name}">{draw(width)}</div>'
        for name, width in (("desk", charts.WIDE), ("phone", charts.NARROW))
    )
    return f"<section><h2>{escape(title)}</h2>{drawn}{below}</section>"


def bars_section(title: str, values: Sequence[tuple[str, int]], colour: str) -> str:
    """Returns a section with a bar for each value."""
    return _chart(title, partial(charts.bars, values, title, colour))


def _span(report: Report) -> str:
    days = sorted({line.labels["day"] for line in report.days})
    if not days:
        return _("no call was made")
    if len(days) == 1:
        return days[0]
    return _("{first} to {last}").format(first=days[0], last=days[-1])


def _cards(report: Report) -> str:
    figures, total = report.total.figures, report.total
    rows_per_call = figures.rows_per_call
    shown = [
        (_("calls"), f"{figures.calls:,}"),
        (_("rows"), f"{figures.rows:,}"),
        (_("rows a call"), "-" if rows_per_call is None else f"{rows_per_call:.1f}"),
        (_("tokens"), _("unknown") if figures.tokens is None else f"{figures.tokens:,}"),
        (_("of the allowance"), "-" if total.share is None else f"{total.share:.0%}"),
    ]
    cards = [f'<div class="card"><b>{value}</b>{name}</div>' for name, value in shown]
    return f'<div class="cards">{"".join(cards)}</div>'


def _legend() -> str:
    marks = [
        f'<span><i style="background:var(--{name})"></i>{word}</span>'
        for name, word in OUTCOMES.items()
    ]
    return f'<p class="legend">{"".join(marks)}<span>┄ {_("the limit")}</span></p>'


def days_chart(report: Report, width: int = charts.WIDE) -> str:
    """Returns the chart of calls by day, stacked by outcome, with the limit."""
    stacks = []
    for day, lines in _by_day(report):
        figures = [(name, sum(getattr(line.figures, name) for line in lines)) for name in OUTCOMES]
        limits = [line.limit for line in lines if line.limit]
        stacks.append(Stack(day, tuple(figures), sum(limits) or None))
    return charts.stacked_bars(stacks, _("Calls per day, by what they came to"), width)


def _by_day(report: Report) -> list[tuple[str, list[ReportLine]]]:
    days: dict[str, list[ReportLine]] = {}
    for line in report.days:
        days.setdefault(line.labels["day"], []).append(line)
    return sorted(days.items())[-_MOST_DAYS:]


def hours_chart(report: Report, width: int = charts.WIDE) -> str:
    """Returns the chart of calls by day and hour."""
    return charts.heat_map(list(report.hours.items())[-_MOST_DAYS:], _("Calls by hour"), width)


def _rows(report: Report, finish: tuple[int, int] | None, width: int) -> str:
    points, done = [], 0
    for day, lines in _by_day(report):
        done += sum(line.figures.rows for line in lines)
        points.append(
            (_noon(day), float(done), _("{day}: {done:,} rows done").format(day=day, done=done))
        )
    forecast = None
    if finish is not None:
        at, left = finish
        label = _("{moment:%Y-%m-%d}: {done:,} rows, if all goes on as it does").format(
            moment=moment(at), done=done + left
        )
        forecast = (max(at / 1000, points[-1][0]), float(done + left), label)
    return charts.curve(points, _("Rows done over time"), forecast=forecast, width=width)


def _latency(report: Report) -> str:
    points = []
    for day, lines in _by_day(report):
        took = sum(line.figures.latency_ms for line in lines)
        calls = sum(line.figures.succeeded for line in lines)
        if calls:
            seconds = took / calls / 1000
            points.append(
                (
                    _noon(day),
                    seconds,
                    _("{day}: {seconds:.1f} s a call").format(day=day, seconds=seconds),
                )
            )
    title = _("Seconds per answered call")
    if not points:
        return _section(title, f"<p>{_('no call was answered')}</p>")
    return _chart(title, partial(_seconds, points))


def _seconds(points: Sequence[tuple[float, float, str]], width: int) -> str:
    return charts.curve(points, _("Seconds per call"), width=width)


def _tokens(report: Report, width: int) -> str:
    stacks = [
        Stack(
            day,
            (
                ("series", sum(line.figures.prompt_tokens for line in lines)),
                ("in_flight", sum(line.figures.completion_tokens for line in lines)),
            ),
        )
        for day, lines in _by_day(report)
    ]
    return charts.stacked_bars(stacks, _("Tokens sent, and received above them"), width)


def _noon(day: str) -> float:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()


def _table(report: Report) -> str:
    names = list(dict.fromkeys(key for line in report.lines for key in line.labels))
    heads = [
        *(LABELS.get(name, name) for name in names),
        _("calls"),
        *OUTCOMES.values(),
        _("rows"),
        _("tokens"),
    ]
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{_cells(line, names)}</tr>" for line in report.lines)
    total = _cells(report.total, names, _("total"))
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f"<tfoot><tr>{total}</tr></tfoot></table>"
    )


def _cells(line: ReportLine, names: Sequence[str], title: str = "") -> str:
    figures = line.figures
    labels = [line.labels.get(name, "") for name in names] or [""]
    labels[0] = title or labels[0]
    tokens = _("unknown") if figures.tokens is None else f"{figures.tokens:,}"
    numbers = [figures.calls, *(getattr(figures, name) for name in OUTCOMES), figures.rows]
    shown = [*map(escape, labels), *(f"{number:,}" for number in numbers), tokens]
    return "".join(f"<td>{value}</td>" for value in shown)

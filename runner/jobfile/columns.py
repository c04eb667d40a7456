"""Checks that a job file and a dataset fit together, by the names of their columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from runner.column_names import canonical
from runner.errors import JobFileError
from runner.jobfile.output_spec import OutputSpec
from runner.jobfile.prompt import Prompt
from runner.language import _, ngettext
from runner.tomlfile import listed, nearest

_MAX_SHOWN = 30
# {text}, ${text}, $text, %(text)s, <text> and [text].
_PLACEHOLDER = re.compile(
    r"(?<!\{)\$?\{(?P<braces>[^{}\n]+)\}(?!\})|\$(?P<dollar>\w+)|%\((?P<percent>[^()\n]+)\)s"
    r"|<(?P<angle>[^<>\n]+)>|(?<!\[)\[(?P<square>[^\[\]\n]+)\](?!\])"
)


def check_columns(
    prompt_columns: Collection[str],
    columns: Sequence[str],
    where: str,
    output: OutputSpec,
) -> None:
    """Check that the prompt reads only existing columns, and that the output's names are free.

    Args:
        prompt_columns: The columns that the prompt reads.
        columns: The columns of the dataset.
        where: The job file, for errors.
        output: The names that the job file gives to the columns of the output.

    Raises:
        JobFileError: The prompt reads a column that the dataset does not have; or the job file
            gives the name of a column of the dataset to one that is added.
    """
    known = set(map(canonical, columns))
    for key, name in output.given.items():
        if canonical(name) in known:
            raise JobFileError(
                _('the dataset has a column "{name}"').format(name=name),
                where=f"{where}: [output] {key}",
                remedy=_("give it another name"),
            )
    if unknown := sorted(set(prompt_columns) - known):
        raise JobFileError(
            _("the prompt reads {unknown}; the dataset has {columns}").format(
                unknown=_columns(unknown), columns=_some(columns)
            ),
            where=f"{where}: [prompt]",
            remedy=_advice(unknown, columns),
        )


def check_prompt_reads(prompt: Prompt, columns: Sequence[str], where: str) -> tuple[str, ...]:
    """Check that the prompt reads a column, and return remarks about it for the user.

    Args:
        prompt: The prompt; one that reads no column gives every row the same answer.
        columns: The columns of the dataset.
        where: The job file, for errors.

    Raises:
        JobFileError: The prompt reads no column, and the job file does not say that it is constant.
    """
    meant = _placeholders(prompt, columns)
    if prompt.reads_nothing and not prompt.may_be_constant:
        what = _("the prompt reads no column, so every row would get the same answer")
        advice = ", ".join(f"{_expression(name)} for {found}" for found, name in meant)
        example = _expression(columns[0]) if columns else "{{ column }}"
        remedy = (
            _("did you mean {advice}?").format(advice=advice)
            if meant
            else _("write {example}, for example").format(example=example)
        )
        allow = _("; or allow it: --constant-prompt, or constant = true in [prompt]")
        raise JobFileError(what, where=f"{where}: [prompt]", remedy=f"{remedy}{allow}")
    return tuple(
        _("the prompt has {found}, which is sent as it stands; did you mean {example}?").format(
            found=found, example=_expression(name)
        )
        for found, name in meant
    )


def _placeholders(prompt: Prompt, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Return what looks like a column in another template language, and the column.

    A column that the prompt reads is none.
    """
    unread = {canonical(name) for name in columns} - (prompt.columns_read or set())
    found = {
        match[0]: name
        for text in prompt.sources
        for match in _PLACEHOLDER.finditer(text)
        if (name := canonical(match[match.lastgroup or 0].strip())) in unread
    }
    return list(found.items())


def _expression(column: str) -> str:
    return f"{{{{ {column if column.isidentifier() else _reference(column)} }}}}"


def _columns(names: Sequence[str]) -> str:
    told = ngettext("the column {names}", "the columns {names}", len(names))
    return told.format(names=listed(names))


def _some(columns: Sequence[str]) -> str:
    rest = len(columns) - _MAX_SHOWN
    return listed(columns[:_MAX_SHOWN]) + (
        _(" and {rest} more").format(rest=rest) if rest > 0 else ""
    )


def _advice(unknown: Iterable[str], columns: Sequence[str]) -> str:
    near = [_reference(found) for name in unknown if (found := _meant(name, columns))]
    return (
        _("did you mean {near}?").format(near=", ".join(near))
        if near
        else _("use a column that the dataset has")
    )


def _meant(name: str, columns: Sequence[str]) -> str | None:
    """Return the column with a name close to `name`, or of which `name` is one word."""
    holding = (each for each in columns if name in re.findall(r"\w+", each) and each != name)
    return nearest(name, columns) or next(holding, None)


def _reference(column: str) -> str:
    """Return a column as a template spells it."""
    return f'"{column}"' if column.isidentifier() else f"""row["{column}"]"""

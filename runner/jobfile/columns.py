"""Checks the column names in a job file against the columns of a dataset."""

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
# Placeholders of other template languages: {text}, ${text}, $text, %(text)s, <text> and [text].
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
    """Checks that the prompt reads existing columns only, and that output names are not taken.

    Args:
        prompt_columns: The columns that the prompt reads.
        columns: The columns of the dataset.
        where: The job file, for errors.
        output: The job file's names for the columns that the output adds.

    Raises:
        JobFileError: The prompt reads a column that the dataset does not have, or an added column
            has the name of a column of the dataset.
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
    """Checks that the prompt reads a column, and returns warnings about it for the user.

    Args:
        prompt: The prompt. If it reads no column, every row gets the same answer.
        columns: The columns of the dataset.
        where: The job file, for errors.

    Raises:
        JobFileError: The prompt reads no column, and the job file does not say that it is constant.
    """
    placeholders = _placeholders(prompt, columns)
    if prompt.reads_nothing and not prompt.may_be_constant:
        what = _("the prompt reads no column, so every row would get the same answer")
        advice = ", ".join(f"{_expression(name)} for {found}" for found, name in placeholders)
        example = _expression(columns[0]) if columns else "{{ column }}"
        remedy = (
            _("did you mean {advice}?").format(advice=advice)
            if placeholders
            else _("write {example}, for example").format(example=example)
        )
        allow = _("; or allow it: --constant-prompt, or constant = true in [prompt]")
        raise JobFileError(what, where=f"{where}: [prompt]", remedy=f"{remedy}{allow}")
    return tuple(
        _("the prompt has {found}, which is sent as it stands; did you mean {example}?").format(
            found=found, example=_expression(name)
        )
        for found, name in placeholders
    )


def _placeholders(prompt: Prompt, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Returns each placeholder of another template language that names a column, with the column.

    Columns that the prompt reads are left out.
    """
    unread = {canonical(name) for name in columns} - (prompt.columns_read or set())
    placeholders = {
        match[0]: name
        for text in prompt.sources
        for match in _PLACEHOLDER.finditer(text)
        if (name := canonical(match[match.lastgroup or 0].strip())) in unread
    }
    return list(placeholders.items())


def _expression(column: str) -> str:
    return f"{{{{ {column if column.isidentifier() else _reference(column)} }}}}"


def _columns(names: Sequence[str]) -> str:
    phrase = ngettext("the column {names}", "the columns {names}", len(names))
    return phrase.format(names=listed(names))


def _some(columns: Sequence[str]) -> str:
    rest = len(columns) - _MAX_SHOWN
    return listed(columns[:_MAX_SHOWN]) + (
        _(" and {rest} more").format(rest=rest) if rest > 0 else ""
    )


def _advice(unknown: Iterable[str], columns: Sequence[str]) -> str:
    near = [_reference(closest) for name in unknown if (closest := _closest(name, columns))]
    return (
        _("did you mean {near}?").format(near=", ".join(near))
        if near
        else _("use a column that the dataset has")
    )


def _closest(name: str, columns: Sequence[str]) -> str | None:
    """Returns a column whose name is similar to `name` or has it as a word; None if there is none.

    A similar name is preferred.
    """
    containing = (each for each in columns if name in re.findall(r"\w+", each) and each != name)
    return nearest(name, columns) or next(containing, None)


def _reference(column: str) -> str:
    """Returns the expression that reads a column, quoted if it is an identifier."""
    return f'"{column}"' if column.isidentifier() else f"""row["{column}"]"""

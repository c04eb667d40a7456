"""Checks that a job file and a dataset fit together, by the names of their columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from runner.errors import InputError, JobFileError
from runner.tomlfile import listed, nearest

_MAX_SHOWN = 30


def check_columns(
    prompt_columns: Collection[str],
    columns: Sequence[str],
    where: str,
    *,
    dataset: str | None = None,
    added: Sequence[str] = (),
) -> None:
    """Check that the prompt reads only existing columns, and that the added names are free.

    Args:
        prompt_columns: The columns that the prompt reads.
        columns: The columns of the dataset.
        where: The job file, for errors.
        dataset: The dataset, for errors about it; by default `where`.
        added: The columns that the output adds.

    Raises:
        JobFileError: The prompt reads a column that the dataset does not have.
        InputError: The dataset has a column that the output adds.
    """
    if taken := [name for name in added if name in columns]:
        raise InputError(
            f"the dataset has {_columns(taken)}, which the output adds",
            where=dataset or where,
            remedy=f"rename {'it' if len(taken) == 1 else 'them'} in the dataset",
        )
    if unknown := sorted(set(prompt_columns) - set(columns)):
        raise JobFileError(
            f"the prompt reads {_columns(unknown)}; the dataset has {_some(columns)}",
            where=f"{where}: [prompt]",
            remedy=_advice(unknown, columns),
        )


def _columns(names: Sequence[str]) -> str:
    return f"the column{'s' if len(names) > 1 else ''} {listed(names)}"


def _some(columns: Sequence[str]) -> str:
    rest = len(columns) - _MAX_SHOWN
    return listed(columns[:_MAX_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _advice(unknown: Iterable[str], columns: Sequence[str]) -> str:
    near = [_reference(found) for name in unknown if (found := nearest(name, columns))]
    return f"did you mean {', '.join(near)}?" if near else "use a column that the dataset has"


def _reference(column: str) -> str:
    """Return a column as a template spells it."""
    return f'"{column}"' if column.isidentifier() else f"""row["{column}"]"""

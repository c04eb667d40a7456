"""What each format of a dataset costs to read and to write, beside its library alone.

    python benchmarks/formats.py [--rows 100000]

`midnight plan` reads a dataset, and checks and renders every row; `midnight export` writes it with
its results. "Bare" is the format's library alone, in a process of its own: it reads the rows once
as Python objects. A format whose library is not installed is not measured.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import Usage, arguments, run, scratch, serving, skipped, table
from workspace import Setup, Workspace, write_job, write_rows

FORMATS = {"csv": "", "csv.gz": "", "csv.zst": "zstandard", "jsonl": "", "parquet": "pyarrow"}
TEXTS = 1000


def _opened(path: Path, mode: str) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, mode, encoding="utf-8", newline="")
    if path.suffix == ".zst":
        import zstandard  # it may be missing

        return zstandard.open(path, mode, encoding="utf-8", newline="")
    return path.open(mode, encoding="utf-8", newline="")


def bare_rows(path: Path) -> Iterator[object]:
    """Yields the rows as the format's library gives them."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        for batch in parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
        return
    with _opened(path, "rt") as file:
        yield from map(json.loads, file) if path.suffix == ".jsonl" else csv.DictReader(file)


def convert(source: Path, target: Path) -> None:
    """Writes the rows of a CSV file in the target's format."""
    if target.suffix == ".parquet":
        _write_parquet(source, target)
        return
    with _opened(source, "rt") as file, _opened(target, "wt") as out:
        if target.suffix == ".jsonl":
            out.writelines(json.dumps(row) + "\n" for row in csv.DictReader(file))
        else:
            out.write(file.read())


def _write_parquet(source: Path, target: Path) -> None:
    """Writes one row group of all rows, as pandas and Polars do: the worst case for memory."""
    import pyarrow as pa
    from pyarrow import parquet

    with source.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        parts = []
        while chunk := list(islice(rows, 100_000)):
            parts.append(pa.Table.from_pylist(chunk))
    whole = pa.concat_tables(parts)
    parquet.write_table(whole, target, row_group_size=len(whole))


def _script(*words: object) -> list[str | Path]:
    return [sys.executable, __file__, *map(str, words)]


def measure(place: Workspace, form: str, source: Path, rows: int) -> list[str]:
    """Returns a line of the table; the batch whose results are exported is the first."""
    path = place.folder / f"rows.{form}"
    if path != source:
        run(_script("convert", source, path), place.folder)
    bare = run(_script("bare", path), place.folder)
    plan = place.run("plan", place.folder / "job.toml", path)
    export = place.run("export", "1", "-o", place.folder / f"out.{form}")
    size = path.stat().st_size / 1e6

    def cells(used: Usage) -> list[str]:
        ratio = f"{used.wall_s / bare.wall_s:.1f}"
        return [f"{rows / used.wall_s:,.0f}", ratio, f"{used.rss_mb:.0f} MB"]

    return [form, f"{size:.0f} MB", f"{rows / bare.wall_s:,.0f}", *cells(plan), *cells(export)]


def main() -> None:
    """Measures every format, or does one step of it in this process."""
    if sys.argv[1:2] == ["convert"]:
        convert(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    if sys.argv[1:2] == ["bare"]:
        sum(1 for _ in bare_rows(Path(sys.argv[2])))
        return
    asked = arguments(__doc__, rows=100_000)
    there = [
        form for form, needs in FORMATS.items() if not needs or importlib.util.find_spec(needs)
    ]
    with scratch() as folder, serving() as server:
        place = Workspace(folder, Setup(server.base_url))
        source = write_rows(folder / "rows.csv", asked.rows, texts=TEXTS)
        place.run("run", write_job(folder / "job.toml"), source)
        lines = [measure(place, form, source, asked.rows) for form in there]
    head = ("format", "size", "bare rows/s", "plan rows/s", "x bare's time", "peak")
    title = f"{asked.rows:,} rows, whole processes"
    table(title, (*head, "export rows/s", "x bare's time", "peak"), lines)
    for form in FORMATS.keys() - there:
        skipped(form, f"{FORMATS[form]} is not installed")


if __name__ == "__main__":
    main()

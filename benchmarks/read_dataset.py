"""How long a dataset takes in and its results out, in each format, and in how much memory.

It measures nothing else: no database, no calls. Each line is a process of its own, so that its
peak of memory (resident, with the interpreter and every library) is its own. "Bare" is the
format's library alone, reading the rows once as Python objects; "check" and "read" are ours.

    python benchmarks/read_dataset.py [ROWS [FORMAT ...]]
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_COLUMNS = ("id", "hotel", "stars", "date", "language", "text")
_WORDS = [
    "room",
    "quiet",
    "clean",
    "bright",
    "staff",
    "kind",
    "breakfast",
    "late",
    "noisy",
    "street",
    "view",
    "lovely",
    "old",
    "new",
]
_FORMATS = ("csv", "csv.gz", "csv.zst", "jsonl", "parquet")


def main() -> None:
    """Measure every format with as many rows as asked for, a million unless told."""
    if sys.argv[1:2] == ["--child"]:
        globals()[f"_{sys.argv[2]}"](Path(sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for form in sys.argv[2:] or _FORMATS:
            path = Path(folder) / f"rows.{form}"
            path.with_suffix(".count").write_text(str(count))
            _run("make", path)  # in a process of its own too: a child inherits its parent's peak
            print(f"{form}: {count:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
            bare = _child("bare", path)
            for step in ("check", "read", "export"):
                _child(step, path, bare)
            path.unlink()


def _child(step: str, path: Path, bare: float | None = None) -> float:
    seconds, peak = map(float, _run(step, path).split())
    ratio = f" ({seconds / bare:.1f} x bare)" if bare else ""
    print(f"  {step:6} {seconds:6.1f} s{ratio}, peak memory {peak:.0f} MB", flush=True)
    return seconds


def _run(step: str, path: Path) -> str:
    words = [sys.executable, __file__, "--child", step, str(path)]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout


def _told(began: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - began, peak)


def _bare(path: Path) -> None:
    began = time.perf_counter()
    sum(1 for _ in _bare_rows(path))
    _told(began)


def _bare_rows(path: Path) -> Iterator[object]:
    if path.suffix == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 - so that its memory is counted where used

        for batch in parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
        return
    with _opened(path) as file:
        yield from map(json.loads, file) if ".jsonl" in path.name else csv.DictReader(file)


def _opened(path: Path):  # noqa: ANN202 - three libraries' own kinds of files
    if path.suffix == ".gz":
        import gzip  # noqa: PLC0415

        return gzip.open(path, "rt", encoding="utf-8", newline="")
    if path.suffix == ".zst":
        import zstandard  # noqa: PLC0415

        return zstandard.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _check(path: Path) -> None:
    from runner.files import check  # noqa: PLC0415

    began = time.perf_counter()
    check(path)
    _told(began)


def _read(path: Path) -> None:
    """Read every row of a dataset whose check is left out of the time, not of the memory."""
    from runner.files import check, read_rows  # noqa: PLC0415

    dataset = check(path)
    began = time.perf_counter()
    assert sum(1 for _ in read_rows(dataset)) == dataset.rows
    _told(began)


def _export(path: Path) -> None:
    """Write every row with its result; the rows are made up, so that only writing counts."""
    from runner.files import open_output  # noqa: PLC0415

    rows = int(path.with_suffix(".count").read_text())
    ready = [json.dumps(dict(zip(_COLUMNS, row, strict=True))) for row in _rows(min(rows, 10_000))]
    began = time.perf_counter()
    with open_output(path.with_name(f"out.{path.name.partition('.')[2]}"), _COLUMNS) as out:
        for number in range(rows):
            out.write(ready[number % len(ready)], ("positive", "Qwen/Qwen3-8B", "succeeded", None))
    _told(began)


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    """Make up reviews whose words do not repeat, or packing would look better than it is."""
    state = 1
    for number in range(count):
        words = []
        for _ in range(40):
            state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
            words.append(_WORDS[state >> 16 & 7])
        text = f"{' '.join(words)} {state:x}"
        yield (str(number), "Hôtel Lumière", str(number % 5 + 1), "2026-01-31", "en", text)


def _make(path: Path) -> None:
    count = int(path.with_suffix(".count").read_text())
    if path.suffix == ".parquet":
        _write_parquet(path, count)
        return
    with _written(path) as file:
        if ".csv" in path.name:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_rows(count))
            return
        for row in _rows(count):
            file.write(json.dumps(dict(zip(_COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")


def _written(path: Path):  # noqa: ANN202 - as _opened
    if path.suffix == ".gz":
        import gzip  # noqa: PLC0415

        return gzip.open(path, "wt", encoding="utf-8", newline="")
    if path.suffix == ".zst":
        import zstandard  # noqa: PLC0415

        return zstandard.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def _write_parquet(path: Path, count: int) -> None:
    """Write one row group of all rows, as pandas and Polars do: the worst case for memory."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    rows = _rows(count)
    chunks = []
    while chunk := list(islice(rows, 100_000)):
        columns = dict(zip(_COLUMNS, zip(*chunk, strict=True), strict=True))
        columns["id"] = tuple(map(int, columns["id"]))
        chunks.append(pa.table({name: list(cells) for name, cells in columns.items()}))
    parquet.write_table(pa.concat_tables(chunks), path, row_group_size=count)


if __name__ == "__main__":
    main()

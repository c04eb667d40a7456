"""How long it takes to check a dataset and to read its rows, and how much memory.

It measures nothing else: no database, no calls. Usage: python benchmarks/read_dataset.py [ROWS]
"""

from __future__ import annotations

import csv
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from runner.files import check, read_rows

_COLUMNS = ("id", "hotel", "stars", "date", "language", "text")
_TEXT = 'The room was quiet, clean and bright; the staff said "welcome back" and meant it. '


def main() -> None:
    """Measure both formats with as many rows as asked for, a million unless told."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for name in ("rows.csv", "rows.jsonl"):
            path = Path(folder) / name
            _write(path, count)
            _measure(path)


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        yield (str(number), "Hôtel Lumière", str(number % 5 + 1), "2026-01-31", "en", _TEXT * 3)


def _write(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_rows(count))
            return
        for row in _rows(count):
            file.write(json.dumps(dict(zip(_COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")


def _measure(path: Path) -> None:
    before = _peak_mb()
    began = time.perf_counter()
    dataset = check(path)
    checked = time.perf_counter()
    rows = sum(1 for _ in read_rows(dataset))
    read = time.perf_counter()
    print(
        f"{path.name}: {rows:,} rows of {dataset.size // rows} bytes:"
        f" check {checked - began:.2f} s, read {read - checked:.2f} s,"
        f" peak memory +{_peak_mb() - before:.1f} MB"
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

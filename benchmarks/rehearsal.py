"""How long a rehearsal takes: the demonstration's rows, and many.

    python benchmarks/rehearsal.py [--rows 30000] [--times 3]

`midnight rehearse` takes rows through the engine, the database and the HTTP client in virtual
time, so it is also a measure of what the program itself costs.
"""

from __future__ import annotations

from pathlib import Path

from measuring import Usage, arguments, median, scratch, table
from workspace import Workspace, write_job, write_rows

JOBS = Path(__file__).parent.parent / "jobs"


def main() -> None:
    """Measures both."""
    asked = arguments(__doc__, rows=30_000, times=3)
    with scratch() as folder:
        place = Workspace(folder)
        demo = ("rehearse", JOBS / "label_reviews.toml", JOBS / "label_reviews.csv")
        few = [
            place.run(*demo, "--calls-per-day", 120, "-o", folder / "out.csv")
            for _ in range(asked.times)
        ]
        job, rows = write_job(folder / "job.toml"), write_rows(folder / "rows.csv", asked.rows)
        many = [place.run("rehearse", job, rows)]
    lines = [
        _line("the demonstration: 300 rows, 120 calls a day", 300, few),
        _line(f"{asked.rows:,} rows, one a call", asked.rows, many),
    ]
    table("`midnight rehearse`", ("what", "wall", "CPU", "CPU ms a row", "peak"), lines)


def _line(name: str, rows: int, taken: list[Usage]) -> list[str]:
    wall, cpu = median([used.wall_s for used in taken]), median([used.cpu_s for used in taken])
    peak = max(used.rss_mb for used in taken)
    return [name, f"{wall:.1f} s", f"{cpu:.1f} s", f"{cpu / rows * 1000:.2f}", f"{peak:.0f} MB"]


if __name__ == "__main__":
    main()

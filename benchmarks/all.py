"""All measurements, one after the other; what `make bench` and `make bench-quick` run.

    python benchmarks/all.py [--quick]

Each is a script of its own, and takes its own options; `benchmarks/README.md` describes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from measuring import HERE, print_machine

FULL = (
    ("calls.py",),
    ("sharing.py",),
    ("refusals.py",),
    ("start.py",),
    ("queueing.py",),
    ("formats.py",),
    ("proxy.py",),
    ("pages.py",),
    ("rehearsal.py",),
)
QUICK = (
    ("calls.py", "--rows", "1000", "--more-rows", "0", "--rounds", "1"),
    ("refusals.py", "--short"),
    ("start.py", "--rows", "100000", "--times", "3", "--seconds", "10"),
    ("queueing.py", "--rows", "100000"),
    ("proxy.py", "--seconds", "2"),
    ("pages.py", "--rows", "100000", "--days", "50"),
    ("rehearsal.py", "--rows", "3000"),
)


def main() -> None:
    """Runs them, and ends with 1 if one failed."""
    begun = time.monotonic()
    print_machine()
    env = os.environ | {"MIDNIGHT_BENCH_MACHINE": "printed"}
    failed = []
    for script, *options in QUICK if "--quick" in sys.argv[1:] else FULL:
        print(f"\n== {script} {' '.join(options)}".rstrip(), flush=True)
        done = subprocess.run([sys.executable, HERE / script, *options], env=env, check=False)
        if done.returncode:
            failed.append(script)
    print(f"\nall of it took {(time.monotonic() - begun) / 60:.1f} min")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

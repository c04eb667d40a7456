"""``python -m runner``, which is what ``midnight`` runs."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Do what the command line asks, and exit with its code."""
    # Start-up makes many objects that stay: collecting seldom saves a tenth of it. What runs
    # for a night sets the usual thresholds again (cli/session.py).
    gc.set_threshold(50_000, 20, 100)
    from runner.cli.app import perform  # noqa: PLC0415 - after the line above

    sys.exit(perform(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""``python -m runner``, which is what ``midnight`` runs."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

# What SQLAlchemy's asyncio has for its ORM. This program goes without one; loaded, it would cost a
# run that waits for midnight 6 MB.
_OF_THE_ORM = ("sqlalchemy.ext.asyncio.scoping", "sqlalchemy.ext.asyncio.session")


class _LeftOut(ModuleType):
    """A module that is not loaded: whatever is imported from it is nothing."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def main() -> None:
    """Do what the command line asks, and exit with its code."""
    # Start-up makes many objects that stay: collecting seldom saves a tenth of it. What runs
    # for a night sets the usual thresholds again (cli/session.py).
    gc.set_threshold(50_000, 20, 100)
    # For the command alone: who imports the library may want the ORM for something else.
    for name in _OF_THE_ORM:
        sys.modules.setdefault(name, _LeftOut(name))
    from runner.cli.app import main  # noqa: PLC0415 - after the lines above

    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    main()

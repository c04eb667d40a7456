"""``python -m runner``, which is what ``midnight`` runs."""

from __future__ import annotations

import gc
import os
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
    # Start-up makes many objects that stay. What does the work collects again (cli/session.py).
    gc.disable()
    # To look for plugins, Pydantic would read the metadata of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # What programs read does not depend on who has them run.
    if "--json" in sys.argv:
        os.environ["MIDNIGHT_LANG"] = "en"
    # For the command alone: who imports the library may want the ORM for something else.
    for name in _OF_THE_ORM:
        sys.modules.setdefault(name, _LeftOut(name))
    from runner.cli import app  # noqa: PLC0415 - after the lines above

    code = app.main(sys.argv[1:])
    gc.freeze()  # the interpreter would look through all of them before it ends: 50 ms
    sys.exit(code)


if __name__ == "__main__":
    main()

"""The entry point of ``midnight`` and ``python -m runner``."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType

# The modules of SQLAlchemy's asyncio that load its ORM. The program does not use it, and it would
# take 6 MB of every run.
_OF_THE_ORM = ("sqlalchemy.ext.asyncio.scoping", "sqlalchemy.ext.asyncio.session")


class _LeftOut(ModuleType):
    """A stand-in for a module that is not loaded; every name in it is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def main() -> None:
    """Runs the command, and exits with its code."""
    # Start-up creates many long-lived objects. cli/session.py enables the collector for the work.
    gc.disable()
    # To find plugins, Pydantic would read the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Machine-readable output does not depend on the user's language.
    if "--json" in sys.argv:
        os.environ["MIDNIGHT_LANG"] = "en"
    # Only for the command: a program that imports the library may use the ORM.
    for name in _OF_THE_ORM:
        sys.modules.setdefault(name, _LeftOut(name))
    from runner.cli import app  # after the lines above

    code = app.main(sys.argv[1:])
    gc.freeze()  # the final collection of these objects would take 50 ms
    sys.exit(code)


if __name__ == "__main__":
    main()

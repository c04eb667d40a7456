"""The same library as `runner`, under the name of its distribution.

``from midnight_runner import Job, run`` also works where a file or folder of your own is called
``runner`` and would be imported in place of the package: beside your script, or where you stand.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PACKAGE = Path(__file__).parents[1] / "runner"


def _load() -> None:
    """Load the package from its own place, whatever else is called `runner`.

    Raises:
        ImportError: Another module of that name is loaded already.
    """
    loaded = sys.modules.get("runner")
    if loaded is not None:
        _check(loaded)
        return
    init = _PACKAGE / "__init__.py"
    spec = spec_from_file_location("runner", init, submodule_search_locations=[str(_PACKAGE)])
    if spec is None or spec.loader is None:
        raise ImportError(
            f"the package `runner` is not at {_PACKAGE}: install midnight-runner anew"
        )
    module = module_from_spec(spec)
    sys.modules["runner"] = module
    spec.loader.exec_module(module)


def _check(loaded: object) -> None:
    place = getattr(loaded, "__file__", None)
    if place is None or Path(place).parent.resolve() != _PACKAGE.resolve():
        raise ImportError(
            f"{place or 'a folder called runner'} is loaded as the module `runner`, which is the "
            "name of Midnight Runner's package: rename it, or import midnight_runner before it"
        )


_load()

import runner  # noqa: E402 - from its own place

if TYPE_CHECKING:
    from runner import *  # noqa: F403

__version__ = runner.__version__
__all__ = runner.__all__


def __getattr__(name: str) -> Any:
    return getattr(runner, name)


def __dir__() -> list[str]:
    return dir(runner)

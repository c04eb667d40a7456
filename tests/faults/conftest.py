"""A real database of its own for each test, of each kind there is; and what injects faults."""

from tests.faults.injecting import world
from tests.store.kit import blank, path, sqlite_store, store

__all__ = ["blank", "path", "sqlite_store", "store", "world"]

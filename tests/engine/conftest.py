"""A real database of its own for each test, of each kind there is."""

from tests.store.kit import blank, path, sqlite_store, store

__all__ = ["blank", "path", "sqlite_store", "store"]
